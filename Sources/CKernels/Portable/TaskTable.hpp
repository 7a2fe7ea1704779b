// All tasks of one variant. Included inside the variant's `#pragma clang attribute`, so that every function here is
// compiled for its processors.
#pragma once
#include "ElementwiseTasks.hpp"
#include "NormalizationTasks.hpp"
#include "OptimizerTasks.hpp"
#include "PoolingTasks.hpp"
#include "RowTasks.hpp"

namespace {

template <class T>
constexpr ActivationTasks activationTasksOfVariant() {
  ActivationTasks t{};
  t.sumForStatistics = sumForStatistics<T>;
  t.normalize = normalize<T>;
  t.batchNormalize = batchNormalize<T>;
  t.sumForGradient = sumForGradient<T>;
  t.applyGradient = applyGradient<T>;
  t.batchNormalizeGradient = batchNormalizeGradient<T>;
  t.maxPool = maxPool<T>;
  t.maxPoolGradient = maxPoolGradient<T>;
  t.averagePool = averagePool<T>;
  t.averagePoolGradient = averagePoolGradient<T>;
  t.affine = affine<T>;
  t.addScalar = addScalar<T>;
  t.elementwise[ck_add] = elementwise<T, ck_add>;
  t.elementwise[ck_subtract] = elementwise<T, ck_subtract>;
  t.elementwise[ck_multiply] = elementwise<T, ck_multiply>;
  t.elementwise[ck_divide] = elementwise<T, ck_divide>;
  t.elementwise[ck_relu_gradient] = elementwise<T, ck_relu_gradient>;
  t.elementwise[ck_relu] = elementwise<T, ck_relu>;
  t.elementwise[ck_square_root] = elementwise<T, ck_square_root>;
  t.elementwise[ck_exponential] = elementwise<T, ck_exponential>;
  t.elementwise[ck_logarithm] = elementwise<T, ck_logarithm>;
  for (Task task : t.elementwise)
    if (task == nullptr) __builtin_trap();  // At compilation: an operation without its loop.
  return t;
}

constexpr Tasks tasksOfVariant() {
  Tasks t{};
  t.float32 = activationTasksOfVariant<float>();
  t.bfloat16 = activationTasksOfVariant<bfloat16>();
  t.addBias = addBias;
  t.sumRows = sumRows;
  t.sumColumns = sumColumns;
  t.l2Normalize = l2Normalize;
  t.l2NormalizeGradient = l2NormalizeGradient;
  t.logSumExp = logSumExp;
  t.logSumExpGradient = logSumExpGradient;
  t.sumNorms = sumNorms;
  t.applyMomentum = applyMomentum;
  t.applyAdamW = applyAdamW;
  return t;
}

}  // namespace
