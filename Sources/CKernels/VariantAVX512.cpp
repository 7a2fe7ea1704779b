// The tasks for x86-64-v4: AVX-512.
#include "Tasks.hpp"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#include "ElementwiseTasks.hpp"
#include "NormalizationTasks.hpp"
#include "OptimizerTasks.hpp"
#include "PoolingTasks.hpp"
#pragma clang attribute pop

const ck::TaskBody ck::avx512Tasks[] = {
#define X(name) name,
  CK_TASKS(X)
#undef X
};
#endif
