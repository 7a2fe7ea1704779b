// The kernels of bfloat16 for x86-64-v4 with instructions for it: AVX-512, 16 lanes, 32 registers.
#include "Kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), apply_to = function)
#include "KernelTable.hpp"
#pragma clang attribute pop

constexpr ck::BFloat16Kernels ck::bfloat16ForAVX512 = kernelsWith<AVX512Pairs>();
#endif
