// The tasks for x86-64-v4: AVX-512.
#include "Tasks.hpp"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#include "TaskTable.hpp"
#pragma clang attribute pop

constexpr ck::Tasks ck::tasksForAVX512 = tasksOfVariant();
#endif
