// The loops that are compiled once for each family of processors: their arguments, and the tables that hold them.
//
// The same source, written in the compiler's vector extensions, is compiled four times (Variant*.cpp). Each variant
// fills a table of tasks. A call takes the table of the processor that it runs on.
#pragma once
#include <math.h>
#include <string.h>

#include <type_traits>

#include "../BFloat16.hpp"
#include "../Team.hpp"
#include "../include/CKernels.h"

namespace ck {

// MARK: Arguments

/// Sums for the statistics of each channel.
struct Statistics {
  ck_layout layout;
  const void *x;
  double *partial;  // [threads][2][channels]: sums, sums of squares.
};

struct Normalize {
  ck_layout layout;
  const void *x, *residual;
  const float *scale, *offset;
  float *mean, *variance;  // Written by batchNormalize, read by normalize.
  float epsilon;
  bool relu;
  void *y;
};

struct NormalizeGradient {
  ck_layout layout;
  const void *dy, *other;  // Both gradients of y; the second one may be null.
  const void *x, *y;
  const float *scale, *mean, *variance;
  float epsilon;
  bool relu;
  void *dx;
  float *dscale, *doffset;
  void *dresidual;
  double *partial;  // [threads][2][channels]: sums of dz, sums of dz·(x − mean).
};

struct Pool {
  ck_layout layout;
  ck_pooling geometry;
  const void *dy, *x;
  void *result;
};

/// One or two operands, element by element.
struct Elementwise {
  int64_t count;
  const void *a, *b;
  void *y;
};

/// y = factorA·a + factorB·b. Without b its product is left out; without a, y is `constant`.
struct Affine {
  int64_t count;
  const void *a, *b;
  void *y;
  float factorA, factorB, constant;
};

/// y = x + term.
struct AddScalar {
  int64_t count;
  const void *x;
  void *y;
  float term;
};

/// A matrix, row by row, in float32. `other` is a second operand, where there is one.
struct Rows {
  int64_t rows, columns;
  const float *x, *other;
  float *y;
  float epsilon;
};

/// Rows of a matrix, each with its element on the diagonal or without it.
struct LogSumExp {
  int64_t rows, columns;
  bool excludingDiagonal;
  const float *dy, *x, *y;  // dy and y for the gradient alone.
  float *result;
};

/// One step of SGD or LARS.
struct MomentumUpdate {
  int64_t count;
  const float *parameter, *velocity;
  const float *const *gradients;
  int64_t gradientCount;
  float rate, decay, momentum, ratio;
  float *newParameter, *newVelocity;
  double *partial;  // [threads][2]: squared norms of the parameter and of the decayed gradient.
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

// MARK: Tables

/// The tasks that read or write activations, for one type of their elements.
struct ActivationTasks {
  Task sumForStatistics, normalize, batchNormalize;
  Task sumForGradient, applyGradient, batchNormalizeGradient;
  Task maxPool, maxPoolGradient, averagePool, averagePoolGradient;
  Task affine, addScalar;
  Task elementwise[ck_elementwise_count];
};

/// All tasks, compiled for one family of processors.
struct Tasks {
  ActivationTasks float32, bfloat16;
  Task addBias, sumRows, sumColumns, l2Normalize, l2NormalizeGradient, logSumExp, logSumExpGradient;
  Task sumNorms, applyMomentum, applyAdamW;

  const ActivationTasks &of(ck_type type) const { return type == ck_float32 ? float32 : bfloat16; }
};

extern const Tasks tasksForAnyProcessor;
#if defined(__x86_64__)
extern const Tasks tasksForAVX2, tasksForAVX512, tasksForAVX512BF16;
#endif

/// The table of this processor.
inline const Tasks &tasks() {
#if defined(__x86_64__)
  switch (ck_processor_family()) {
  case ck_any_processor: return tasksForAnyProcessor;
  case ck_avx2: return tasksForAVX2;
  case ck_avx512: return tasksForAVX512;
  case ck_avx512_bf16:
  case ck_amx: return tasksForAVX512BF16;
  case ck_neon_bf16: break;
  }
#endif
  return tasksForAnyProcessor;
}

}  // namespace ck
