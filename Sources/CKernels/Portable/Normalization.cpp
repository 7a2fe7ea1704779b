// Batch normalisation: the public functions. The loops are in NormalizationTasks.hpp.
#include "Tasks.hpp"

using namespace ck;

/// Adds the threads' partial sums to those of the first thread. Threads that had no share wrote nothing, so the sums are
/// cleared beforehand.
static void combine(double *partial, int64_t channels, int threads) {
  for (int t = 1; t < threads; t++)
    for (int64_t i = 0; i < 2 * channels; i++) partial[i] += partial[t * 2 * channels + i];
}

static void clear(double *partial, int64_t channels) {
  memset(partial, 0, (size_t)ck_workspace_bytes(channels, omp_get_max_threads()));
}

/// Whether the threads share out blocks of 16 channels rather than rows. A block's second pass then finds it in a cache,
/// and no sums cross threads. That pays where every thread gets whole blocks with little left over.
static bool sharesBlocks(const ck_layout &layout) {
  if (!layout.blocked) return false;
  const int64_t blocks = layout.channels / 16, threads = omp_get_max_threads();
  return blocks % threads == 0 || blocks >= 4 * threads;
}

static void statistics(
  const ck_layout &layout, const void *x, float *mean, float *variance, void *workspace) {
  Statistics s{layout, x, (double *)workspace};
  const int64_t channels = layout.channels;
  clear(s.partial, channels);
  runOnTeam(tasks().of(layout.type).sumForStatistics, s, layout.rows * channels);
  combine(s.partial, channels, omp_get_max_threads());
  const double rows = (double)layout.rows;
  const int64_t blockStride = layout.blocked ? layout.pixels : 1;
  for (int64_t c = 0; c < channels; c++) {
    // The sums are of differences from the channel's first value.
    const int64_t first = c / 16 * 16 * blockStride + c % 16;
    const float shift = layout.type == ck_float32 ? ((const float *)x)[first]
                                                  : widened(((const bfloat16 *)x)[first]);
    const double m = s.partial[c] / rows, v = s.partial[channels + c] / rows - m * m;
    mean[c] = (float)(shift + m);
    variance[c] = v > 0 ? (float)v : 0;
  }
}

void ck_batch_normalize(
  ck_layout layout, const void *x, const float *scale, const float *offset, float epsilon,
  const void *residual, bool relu, float *mean, float *variance, void *y, void *workspace) {
  if (!sharesBlocks(layout)) {
    statistics(layout, x, mean, variance, workspace);
    ck_normalize(layout, x, scale, offset, mean, variance, epsilon, residual, relu, y);
    return;
  }
  Normalize n{layout, x, residual, scale, offset, mean, variance, epsilon, relu, y};
  runOnTeam(tasks().of(layout.type).batchNormalize, n, layout.rows * layout.channels);
}

void ck_normalize(
  ck_layout layout, const void *x, const float *scale, const float *offset, const float *mean,
  const float *variance, float epsilon, const void *residual, bool relu, void *y) {
  Normalize n{layout,         x,       residual, scale, offset, (float *)mean,
              (float *)variance, epsilon, relu,     y};
  runOnTeam(tasks().of(layout.type).normalize, n, layout.rows * layout.channels);
}

void ck_normalize_gradient(
  ck_layout layout, const void *dy, const void *other, const void *x, const void *y,
  const float *scale, const float *mean, const float *variance, float epsilon, bool relu, void *dx,
  float *dscale, float *doffset, void *dresidual, void *workspace) {
  NormalizeGradient g{
    layout, dy, other, x, y, scale, mean, variance, epsilon, relu, dx, dscale, doffset, dresidual,
    (double *)workspace};
  const ActivationTasks &task = tasks().of(layout.type);
  const int64_t channels = layout.channels, work = layout.rows * channels;
  if (sharesBlocks(layout)) {
    runOnTeam(task.batchNormalizeGradient, g, work);
    return;
  }
  clear(g.partial, channels);
  runOnTeam(task.sumForGradient, g, work);
  combine(g.partial, channels, omp_get_max_threads());
  for (int64_t c = 0; c < channels; c++) {
    doffset[c] = (float)g.partial[c];
    dscale[c] = (float)(g.partial[channels + c] / sqrt((double)variance[c] + epsilon));
  }
  runOnTeam(task.applyGradient, g, work);
}
