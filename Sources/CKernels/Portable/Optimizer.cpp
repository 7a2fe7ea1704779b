// Steps of optimizers: the public functions. The loops are in OptimizerTasks.hpp.
#include "Tasks.hpp"

using namespace ck;

void ck_optimizer_update(
  int64_t count, const float *parameter, const float *velocity, const float *const *gradients,
  int64_t gradient_count, float rate, float weight_decay, float momentum, float trust,
  float *new_parameter, float *new_velocity, void *workspace) {
  MomentumUpdate u{
    count, parameter, velocity, gradients, gradient_count, rate, weight_decay, momentum, 1,
    new_parameter, new_velocity, (double *)workspace};
  if (trust >= 0) {
    const int threads = omp_get_max_threads();
    memset(u.partial, 0, sizeof(double) * 2 * (size_t)threads);
    runOnTeam(tasks().sumNorms, u, count);
    double p = 0, g = 0;
    for (int t = 0; t < threads; t++) {
      p += u.partial[2 * t];
      g += u.partial[2 * t + 1];
    }
    if (p > 0 && g > 0) u.ratio = (float)(trust * sqrt(p) / sqrt(g));
  }
  runOnTeam(tasks().applyMomentum, u, count);
}

void ck_adamw_update(
  int64_t count, const float *parameter, const float *first, const float *second,
  const float *const *gradients, int64_t gradient_count, ck_adamw constants,
  const float *const *scalars, float *new_parameter, float *new_first, float *new_second) {
  AdamWUpdate u{
    count, parameter, first, second, gradients, gradient_count, constants, *scalars[0], *scalars[1],
    *scalars[2], new_parameter, new_first, new_second};
  runOnTeam(tasks().applyAdamW, u, count);
}
