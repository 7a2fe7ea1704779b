// The kernels of float32 for x86-64-v3: AVX2 with FMA, 8 lanes, 16 registers.
#include "Winograd.hpp"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#include "TaskTable.hpp"
#pragma clang attribute pop

constexpr ck::Float32Tasks ck::float32ForAVX2 = float32Tasks<Vector<8>, 6, 4, 2>();
#endif
