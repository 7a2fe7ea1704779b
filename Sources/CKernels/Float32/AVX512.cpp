// The kernels of float32 for x86-64-v4: AVX-512, 16 lanes, 32 registers.
#include "Winograd.hpp"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#include "TaskTable.hpp"
#pragma clang attribute pop

constexpr ck::Float32Tasks ck::float32ForAVX512 = float32Tasks<Vector<16>, 8, 8, 2>();
#endif
