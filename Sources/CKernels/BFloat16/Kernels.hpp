// The kernels of bfloat16 that are written once and compiled for each kind of processor that multiplies it.
#pragma once
#include <math.h>
#include <string.h>

#include "../Caches.hpp"
#include "../Processor.hpp"
#include "../Team.hpp"
#include "../Tiles.hpp"

namespace ck {

/// The kernels for one kind of processor, as the header describes them.
struct BFloat16Kernels {
  decltype(&ck_pack_weights) packWeights;
  decltype(&ck_small_convolution) smallConvolution;
  decltype(&ck_small_weight_gradient) smallWeightGradient;
  decltype(&ck_pointwise_gradient) pointwiseGradient;
  decltype(&ck_pointwise_gradient_bytes) pointwiseGradientBytes;
  decltype(&ck_winograd_bytes) winogradBytes;
  decltype(&ck_pack_winograd) packWinograd;
  decltype(&ck_winograd) winograd;
  decltype(&ck_winograd_channels_last) winogradChannelsLast;
  decltype(&ck_winograd_gradient_bytes) winogradGradientBytes;
  decltype(&ck_winograd_gradient) winogradGradient;
  decltype(&ck_few_channels_filter_bytes) fewChannelsFilterBytes;
  decltype(&ck_few_channels_bytes) fewChannelsBytes;
  decltype(&ck_pack_few_channels) packFewChannels;
  decltype(&ck_few_channels) fewChannels;
  decltype(&ck_few_channels_gradient_bytes) fewChannelsGradientBytes;
  decltype(&ck_few_channels_gradient) fewChannelsGradient;
};

#if defined(__x86_64__)
extern const BFloat16Kernels bfloat16ForAVX512;
#elif defined(__aarch64__)
extern const BFloat16Kernels bfloat16ForNEON;
#endif

}  // namespace ck
