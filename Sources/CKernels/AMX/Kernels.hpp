// The kernels by the matrix unit (AMX), which are compiled for processors that have it.
#pragma once
#include "../BFloat16/Kernels.hpp"

namespace ck {

/// The kernels as the header AMX.h describes them.
struct AMXKernels {
  decltype(&ck_amx_bytes) bytes;
  decltype(&ck_pack_amx) pack;
  decltype(&ck_amx_convolution) convolution;
  decltype(&ck_amx_weight_gradient_bytes) weightGradientBytes;
  decltype(&ck_amx_weight_gradient) weightGradient;
};

#if defined(__x86_64__)
extern const AMXKernels amxKernels;
/// The kernels of bfloat16, those for few channels by the matrix unit.
BFloat16Kernels withMatrixUnit(BFloat16Kernels kernels);
#endif

}  // namespace ck
