// The kernels by the matrix unit, for x86-64-v4 with AMX for bfloat16.
#include "Kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#include "Convolution.hpp"
#include "FewChannels.hpp"
#include "WeightGradient.hpp"
#pragma clang attribute pop

constexpr ck::AMXKernels ck::amxKernels{
  amx::bytes, amx::pack, amx::convolve, amx::weightGradientBytes, amx::weightGradient};

ck::BFloat16Kernels ck::withMatrixUnit(BFloat16Kernels kernels) {
  kernels.fewChannelsFilterBytes = amx::fewChannels::filterBytes;
  kernels.fewChannelsBytes = amx::fewChannels::bytes;
  kernels.packFewChannels = amx::fewChannels::pack;
  kernels.fewChannels = amx::fewChannels::convolve;
  kernels.fewChannelsGradientBytes = amx::fewChannels::gradientBytes;
  kernels.fewChannelsGradient = amx::fewChannels::weightGradient;
  return kernels;
}
#endif
