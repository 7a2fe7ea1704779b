// The kernels for few channels, compiled for the matrix unit.
#include "../BFloat16/Kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#include "FewChannels.hpp"
#pragma clang attribute pop

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
