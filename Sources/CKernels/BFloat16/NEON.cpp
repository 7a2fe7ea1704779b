// The kernels of bfloat16 for arm64 with instructions for it (FEAT_BF16, of every arm64 from version 8.6 on): NEON, 32 registers,
// of which two are a vector of 8 lanes.
#include "Kernels.hpp"

#if defined(__aarch64__)
#include <arm_neon.h>
#pragma clang attribute push(__attribute__((target("arch=armv8.6-a+bf16"))), apply_to = function)
#include "KernelTable.hpp"
#pragma clang attribute pop

constexpr ck::BFloat16Kernels ck::bfloat16ForNEON = kernelsWith<NEONPairs>();
#endif
