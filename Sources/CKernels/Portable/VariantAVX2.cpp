// The tasks for x86-64-v3: AVX2 and FMA.
#include "Tasks.hpp"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#include "TaskTable.hpp"
#pragma clang attribute pop

constexpr ck::Tasks ck::tasksForAVX2 = tasksOfVariant();
#endif
