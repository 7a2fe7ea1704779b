// The kernels of float32 for arm64: NEON, 4 lanes, 32 registers.
#include "Winograd.hpp"

#if defined(__aarch64__)
#include "TaskTable.hpp"

constexpr ck::Float32Tasks ck::float32ForNEON = float32Tasks<Vector<4>, 6, 4, 4>();
#endif
