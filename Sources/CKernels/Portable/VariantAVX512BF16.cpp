// The tasks for x86-64-v4 with instructions for bfloat16.
#include "Tasks.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#define CK_NARROWS_BFLOAT16 1
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16"))), apply_to = function)
#include "TaskTable.hpp"
#pragma clang attribute pop

constexpr ck::Tasks ck::tasksForAVX512BF16 = tasksOfVariant();
#endif
