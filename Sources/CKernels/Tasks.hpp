// The tasks that a team of threads runs, and their arguments. Each variant of the processor has its own
// table of them, compiled from the same source; the table is chosen once, by asking the processor.
#pragma once
#include <math.h>
#include <string.h>

#include <type_traits>

#include "include/CKernels.h"

// The GNU OpenMP runtime that oneDNN runs on: its entry point is called directly, so that one team of
// threads serves both and no second runtime is loaded.
extern "C" {
void GOMP_parallel(void (*body)(void *), void *argument, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_max_threads(void);
void omp_set_num_threads(int);
}

namespace ck {

struct bfloat16 {
  uint16_t bits;
};

inline float widened(bfloat16 value) {
  const uint32_t word = (uint32_t)value.bits << 16;
  float result;
  memcpy(&result, &word, 4);
  return result;
}

struct Statistics {
  ck_layout layout;
  const void *x;
  float *mean, *variance;
  double *partial;  // [threads][2][channels]
};

struct Normalize {
  ck_layout layout;
  const void *x, *residual;
  const float *scale, *offset;
  float *mean, *variance;  // Written by the tasks that work channel block by channel block.
  float epsilon;
  int relu;
  void *y;
};

struct Gradient {
  ck_layout layout;
  const void *dy, *other, *x, *y;  // Both gradients of y, or the other one null.
  const float *scale, *mean, *variance;
  float epsilon;
  int relu;
  void *dx;
  float *dscale, *doffset;
  void *dresidual;
  double *partial;  // [threads][2][channels]
};

struct Pool {
  ck_layout layout;
  ck_pooling p;
  const void *dy, *x;
  void *y;
};

/// A flat job over `count` elements of up to three operands.
struct Flat {
  int64_t count;
  const void *a, *b, *c;
  void *y, *z;
  float p, q, r, s;
};

struct Matrix {
  int64_t rows, columns;
  const void *a, *b;
  void *y;
  float epsilon;
  double *partial;
};

/// Rows of a matrix, each with its element on the diagonal or without it.
struct LogSumExp {
  int64_t rows, columns;
  int excludingDiagonal;
  const float *dy, *x, *y;  // dy and y for the gradient alone.
  float *result;
};

/// One step of the optimizer. partial: [threads][2] squared norms of parameter and decayed gradient.
struct Update {
  int64_t count;
  const float *parameter, *velocity;
  const float *const *gradients;
  int64_t gradientCount;
  float rate, decay, momentum, ratio;
  float *newParameter, *newVelocity;
  double *partial;
};

/// One step of AdamW.
struct AdamWUpdate {
  int64_t count;
  const float *parameter, *first, *second;
  const float *const *gradients;
  int64_t gradientCount;
  ck_adamw constants;
  float rate, firstCorrection, secondCorrection;
  float *newParameter, *newFirst, *newSecond;
};

#define CK_TASKS(X) \
  X(sumShareOfFloat32) \
  X(sumShareOfBFloat16) \
  X(normalizeFloat32) \
  X(normalizeBFloat16) \
  X(batchNormalizeFloat32) \
  X(batchNormalizeBFloat16) \
  X(gradientFloat32) \
  X(gradientBFloat16) \
  X(sumGradientFloat32) \
  X(sumGradientBFloat16) \
  X(applyFloat32) \
  X(applyBFloat16) \
  X(maxPool32) \
  X(maxPool16) \
  X(maxPoolGradient32) \
  X(maxPoolGradient16) \
  X(average32) \
  X(average16) \
  X(averageGradient32) \
  X(averageGradient16) \
  X(affine32) \
  X(affine16) \
  X(narrowing) \
  X(widening) \
  X(addBias32) \
  X(addBias16) \
  X(sumRows32) \
  X(sumRows16) \
  X(l2NormalizeTask) \
  X(l2NormalizeGradientTask) \
  X(sumColumnsTask) \
  X(sumNorms) \
  X(applyUpdate) \
  X(applyAdamW) \
  X(logSumExp) \
  X(logSumExpGradient) \
  X(add32) \
  X(add16) \
  X(subtract32) \
  X(subtract16) \
  X(multiply32) \
  X(multiply16) \
  X(divide32) \
  X(divide16) \
  X(squareRoot32) \
  X(squareRoot16) \
  X(exponential32) \
  X(exponential16) \
  X(logarithm32) \
  X(logarithm16) \
  X(addScalar32) \
  X(addScalar16) \
  X(relu32) \
  X(relu16) \
  X(reluGradient32) \
  X(reluGradient16)

enum Task {
#define X(name) name##Task,
  CK_TASKS(X)
#undef X
    taskCount
};

typedef void (*TaskBody)(void *);
extern const TaskBody baseTasks[taskCount];
#if defined(__x86_64__)
extern const TaskBody avx2Tasks[taskCount];
extern const TaskBody avx512Tasks[taskCount];
extern const TaskBody avx512BF16Tasks[taskCount];
#endif

/// The table for this processor.
inline const TaskBody *tasks() {
#if defined(__x86_64__)
  static const TaskBody *const chosen =
    __builtin_cpu_supports("x86-64-v4")
      ? (__builtin_cpu_supports("avx512bf16") ? avx512BF16Tasks : avx512Tasks)
    : __builtin_cpu_supports("x86-64-v3") ? avx2Tasks
                                          : baseTasks;
  return chosen;
#else
  return baseTasks;
#endif
}

/// The share `[first, last)` of `count` that falls to one thread of the team.
struct Share {
  int64_t first, last;
  int thread, threads;
};
inline Share share(int64_t count) {
  int thread = omp_get_thread_num(), threads = omp_get_num_threads();
  return {count * thread / threads, count * (thread + 1) / threads, thread, threads};
}

/// Runs a task on the team, or on this thread alone where `work` (elements) is small.
template <class Argument>
void parallel(int64_t work, Task task, Argument &argument) {
  const int64_t worthATeam = 1 << 14;
  unsigned threads = work < worthATeam ? 1 : (unsigned)omp_get_max_threads();
  GOMP_parallel(tasks()[task], &argument, threads, 0);
}

}  // namespace ck
