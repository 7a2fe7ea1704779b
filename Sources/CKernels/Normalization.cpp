// Batch normalisation: the public functions. The loops are in NormalizationTasks.hpp.
#include "Tasks.hpp"

using namespace ck;

/// Adds the threads' partial sums into those of the first; threads that had no share wrote nothing.
static void combine(double *partial, int64_t channels, int threads) {
  for (int t = 1; t < threads; t++)
    for (int64_t i = 0; i < 2 * channels; i++) partial[i] += partial[t * 2 * channels + i];
}

static void clear(double *partial, int64_t channels) {
  memset(partial, 0, (size_t)ck_workspace_bytes(channels, omp_get_max_threads()));
}


void ck_set_threads(int threads) { omp_set_num_threads(threads); }

int ck_has_avx512(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("x86-64-v4") != 0;
#else
  return 0;
#endif
}

int ck_has_bfloat16(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return 0;
#endif
}

int64_t ck_workspace_bytes(int64_t channels, int threads) {
  return (int64_t)sizeof(double) * 2 * channels * threads;
}

/// Whether each thread can take whole blocks of channels with little left over: a block's second pass then
/// finds it in a cache, and no sums cross threads.
static bool byBlocks(const ck_layout &layout) {
  if (!layout.blocked) return false;
  const int64_t blocks = layout.channels / 16, threads = omp_get_max_threads();
  return blocks % threads == 0 || blocks >= 4 * threads;
}

static void statistics(
  const ck_layout &layout, const void *x, float *mean, float *variance, void *workspace) {
  Statistics s{layout, x, mean, variance, (double *)workspace};
  const int64_t channels = layout.channels;
  clear(s.partial, channels);
  parallel(
    layout.rows * channels, layout.type == ck_float32 ? sumShareOfFloat32Task : sumShareOfBFloat16Task, s);
  combine(s.partial, channels, omp_get_max_threads());
  const double rows = (double)layout.rows;
  const int64_t blockStride = layout.blocked ? layout.pixels : 1;
  for (int64_t c = 0; c < channels; c++) {
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
  const void *residual, int relu, float *mean, float *variance, void *y, void *workspace) {
  if (!byBlocks(layout)) {
    statistics(layout, x, mean, variance, workspace);
    ck_normalize(layout, x, scale, offset, mean, variance, epsilon, residual, relu, y);
    return;
  }
  Normalize n{layout, x, residual, scale, offset, mean, variance, epsilon, relu, y};
  parallel(
    layout.rows * layout.channels,
    layout.type == ck_float32 ? batchNormalizeFloat32Task : batchNormalizeBFloat16Task, n);
}

void ck_normalize(
  ck_layout layout, const void *x, const float *scale, const float *offset, const float *mean,
  const float *variance, float epsilon, const void *residual, int relu, void *y) {
  Normalize n{layout, x, residual, scale, offset, (float *)mean, (float *)variance, epsilon,
              relu, y};
  parallel(
    layout.rows * layout.channels,
    layout.type == ck_float32 ? normalizeFloat32Task : normalizeBFloat16Task, n);
}

void ck_normalize_gradient(
  ck_layout layout, const void *dy, const void *other, const void *x, const void *y,
  const float *scale, const float *mean, const float *variance, float epsilon, int relu, void *dx,
  float *dscale, float *doffset, void *dresidual, void *workspace) {
  Gradient g{layout, dy, other, x, y, scale, mean, variance, epsilon, relu, dx, dscale, doffset,
             dresidual, (double *)workspace};
  const int64_t channels = layout.channels, work = layout.rows * channels;
  const bool wide = layout.type == ck_float32;
  if (byBlocks(layout)) {
    parallel(work, wide ? gradientFloat32Task : gradientBFloat16Task, g);
    return;
  }
  clear(g.partial, channels);
  parallel(work, wide ? sumGradientFloat32Task : sumGradientBFloat16Task, g);
  combine(g.partial, channels, omp_get_max_threads());
  for (int64_t c = 0; c < channels; c++) {
    doffset[c] = (float)g.partial[c];
    dscale[c] = (float)(g.partial[channels + c] / sqrt((double)variance[c] + epsilon));
  }
  parallel(work, wide ? applyFloat32Task : applyBFloat16Task, g);
}
