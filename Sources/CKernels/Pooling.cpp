// Pooling: the public functions. The loops are in PoolingTasks.hpp.
#include "Tasks.hpp"

using namespace ck;

void ck_max_pool(ck_layout layout, ck_pooling pooling, const void *x, void *y) {
  Pool pool{layout, pooling, nullptr, x, y};
  parallel(
    pooling.images * layout.channels * pooling.height * pooling.width,
    layout.type == ck_float32 ? maxPool32Task : maxPool16Task, pool);
}

void ck_max_pool_gradient(
  ck_layout layout, ck_pooling pooling, const void *dy, const void *x, void *dx) {
  Pool pool{layout, pooling, dy, x, dx};
  parallel(
    pooling.images * layout.channels * pooling.height * pooling.width,
    layout.type == ck_float32 ? maxPoolGradient32Task : maxPoolGradient16Task, pool);
}

void ck_average_pool(ck_layout layout, const void *x, float *y) {
  Pool pool{layout, {}, nullptr, x, y};
  parallel(
    layout.rows * layout.channels, layout.type == ck_float32 ? average32Task : average16Task, pool);
}

void ck_average_pool_gradient(ck_layout layout, const float *dy, void *dx) {
  Pool pool{layout, {}, dy, nullptr, dx};
  parallel(
    layout.rows * layout.channels,
    layout.type == ck_float32 ? averageGradient32Task : averageGradient16Task, pool);
}
