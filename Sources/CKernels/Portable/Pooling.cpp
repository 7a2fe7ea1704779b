// Pooling: the public functions. The loops are in PoolingTasks.hpp.
#include "Tasks.hpp"

using namespace ck;

void ck_max_pool(ck_layout layout, ck_pooling pooling, const void *x, void *y) {
  Pool pool{layout, pooling, nullptr, x, y};
  runOnTeam(
    tasks().of(layout.type).maxPool, pool,
    pooling.images * layout.channels * pooling.height * pooling.width);
}

void ck_max_pool_gradient(
  ck_layout layout, ck_pooling pooling, const void *dy, const void *x, void *dx) {
  Pool pool{layout, pooling, dy, x, dx};
  runOnTeam(
    tasks().of(layout.type).maxPoolGradient, pool,
    pooling.images * layout.channels * pooling.height * pooling.width);
}

void ck_average_pool(ck_layout layout, const void *x, float *y) {
  Pool pool{layout, {}, nullptr, x, y};
  runOnTeam(tasks().of(layout.type).averagePool, pool, layout.rows * layout.channels);
}

void ck_average_pool_gradient(ck_layout layout, const float *dy, void *dx) {
  Pool pool{layout, {}, dy, nullptr, dx};
  runOnTeam(tasks().of(layout.type).averagePoolGradient, pool, layout.rows * layout.channels);
}
