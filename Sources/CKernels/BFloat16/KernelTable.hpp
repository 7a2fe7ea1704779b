// The kernels for one kind of processor. Included inside its `#pragma clang attribute`, so that every function here is compiled
// for it.
#pragma once
#include "FewChannelsGradient.hpp"
#include "PointwiseGradient.hpp"
#include "SmallMaps.hpp"
#include "SmallMapsGradient.hpp"
#include "Winograd.hpp"
#include "WinogradGradient.hpp"

namespace {

template <class V>
constexpr BFloat16Kernels kernelsWith() {
  static_assert(V::lanes == 2 * V::outerRows, "a vector of rows fills two tiles");
  static_assert(V::tileColumns % 16 == 0 && 16 % V::lanes == 0, "a tile has whole blocks of channels");
  BFloat16Kernels k{};
  k.packWeights = smallMaps::pack<V>;
  k.smallConvolution = smallMaps::convolve<V>;
  k.smallWeightGradient = smallMaps::weightGradient<V>;
  k.pointwiseGradient = pointwise::weightGradient<V>;
  k.pointwiseGradientBytes = pointwise::bytes<V>;
  k.winogradBytes = winograd::bytes<V>;
  k.packWinograd = winograd::pack<V>;
  k.winograd = winograd::convolve<V>;
  k.winogradChannelsLast = winograd::convolveChannelsLast<V>;
  k.winogradGradientBytes = winograd::gradientBytes<V>;
  k.winogradGradient = winograd::weightGradient<V>;
  k.fewChannelsFilterBytes = fewChannels::filterBytes<V>;
  k.fewChannelsBytes = fewChannels::bytes<V>;
  k.packFewChannels = fewChannels::pack<V>;
  k.fewChannels = fewChannels::convolve<V>;
  k.fewChannelsGradientBytes = fewChannels::gradientBytes<V>;
  k.fewChannelsGradient = fewChannels::weightGradient<V>;
  return k;
}

}  // namespace
