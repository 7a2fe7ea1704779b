// The loops behind the augmentations. Each public function is compiled for several processors and
// the fitting one is chosen when the program starts.
#include "ImageKernels.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float floats16 __attribute__((vector_size(64), aligned(4)));
typedef float floats4 __attribute__((vector_size(16), aligned(4)));

// MARK: Resampling weights

typedef struct {
  int *first;     // the first input of each output
  int *count;     // how many inputs it takes
  float *weights; // `taps` per output
  int taps;
} axis;

INLINE double cubic(double x) {
  const double a = -0.5;
  if (x < 0) x = -x;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

INLINE double triangle(double x) {
  if (x < 0) x = -x;
  return x < 1 ? 1 - x : 0;
}

INLINE double filter_support(int filter) { return filter == BYOL_BICUBIC ? 2 : 1; }

static int axis_taps(int in, int out, int filter) {
  double scale = (double)in / out;
  if (scale < 1) scale = 1;
  return (int)ceil(filter_support(filter) * scale) * 2 + 1;
}

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

static size_t axis_bytes(int in, int out) {
  return aligned(2 * (size_t)out * sizeof(int)) +
         aligned((size_t)out * (size_t)axis_taps(in, out, BYOL_BICUBIC) * sizeof(float));
}

static void *take(char **memory, size_t bytes) {
  void *block = *memory;
  *memory += aligned(bytes);
  return block;
}

// One output's weights in double precision, normalised, as Pillow computes them.
static void weigh(int in, int out, int filter, int i, int *first, int *count, double *weights) {
  double scale = (double)in / out, wide = scale < 1 ? 1 : scale;
  double support = filter_support(filter) * wide, centre = (i + 0.5) * scale, step = 1 / wide;
  int low = (int)(centre - support + 0.5), high = (int)(centre + support + 0.5);
  if (low < 0) low = 0;
  if (high > in) high = in;
  double sum = 0;
  for (int k = 0; k < high - low; k++) {
    double x = (k + low - centre + 0.5) * step;
    weights[k] = filter == BYOL_BICUBIC ? cubic(x) : triangle(x);
    sum += weights[k];
  }
  for (int k = 0; k < high - low; k++)
    if (sum != 0) weights[k] /= sum;
  *first = low;
  *count = high - low;
}

// Fills the table; `fixed` stores integers of 22 fractional bits in place of floats.
static axis make_axis(int in, int out, int filter, int fixed, char **memory) {
  axis a;
  a.taps = axis_taps(in, out, filter);
  a.first = take(memory, 2 * (size_t)out * sizeof(int));
  a.count = a.first + out;
  a.weights = take(memory, (size_t)out * (size_t)a.taps * sizeof(float));
  double row[a.taps];
  for (int i = 0; i < out; i++) {
    weigh(in, out, filter, i, &a.first[i], &a.count[i], row);
    float *weights = a.weights + (size_t)i * (size_t)a.taps;
    for (int k = 0; k < a.count[i]; k++) {
      int32_t whole = (int32_t)(row[k] < 0 ? row[k] * (1 << 22) - 0.5 : row[k] * (1 << 22) + 0.5);
      if (fixed) memcpy(&weights[k], &whole, sizeof whole);
      else weights[k] = (float)row[k];
    }
  }
  return a;
}

size_t byol_resample_scratch(int width, int height, int out_width, int out_height) {
  size_t row = aligned(((size_t)width * 3 + 32) * sizeof(float));
  size_t bytes = aligned((size_t)out_width * (size_t)height * 3 + 64);
  return axis_bytes(width, out_width) + axis_bytes(height, out_height) + row + bytes + 256;
}

// MARK: Resampling to float planes

// One output row before the horizontal pass: a weighted sum of `count` rows of bytes.
INLINE void blend_rows(const uint8_t *rows, size_t stride, int length, const float *weights,
                       int count, float *out) {
  for (int x = 0; x < length; x++) out[x] = weights[0] * (float)rows[x];
  for (int k = 1; k < count; k++) {
    const uint8_t *row = rows + (size_t)k * stride;
    float w = weights[k];
    for (int x = 0; x < length; x++) out[x] += w * (float)row[x];
  }
}

INLINE float unit(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

CLONES void byol_resample_planes(const uint8_t *rgb, size_t stride, int width, int height,
                                 float *planes, int out_width, int out_height, int filter,
                                 int flip, void *scratch) {
  char *memory = scratch;
  axis across = make_axis(width, out_width, filter, 0, &memory);
  axis down = make_axis(height, out_height, filter, 0, &memory);
  float *row = take(&memory, ((size_t)width * 3 + 32) * sizeof(float));
  size_t plane = (size_t)out_width * (size_t)out_height;
  memset(row + (size_t)width * 3, 0, 32 * sizeof(float));
  for (int y = 0; y < out_height; y++) {
    blend_rows(rgb + (size_t)down.first[y] * stride, stride, width * 3,
               down.weights + (size_t)y * (size_t)down.taps, down.count[y], row);
    float *out = planes + (size_t)y * (size_t)out_width;
    for (int x = 0; x < out_width; x++) {
      const float *from = row + (size_t)across.first[x] * 3;
      const float *weights = across.weights + (size_t)x * (size_t)across.taps;
      floats4 sum = {0, 0, 0, 0};
      for (int k = 0; k < across.count[x]; k++, from += 3)
        sum += *(const floats4 *)from * weights[k];
      float *to = out + (flip ? out_width - 1 - x : x);
      to[0] = unit(sum[0] * (1.0f / 255));
      to[plane] = unit(sum[1] * (1.0f / 255));
      to[2 * plane] = unit(sum[2] * (1.0f / 255));
    }
  }
}

// MARK: Resampling in fixed point

INLINE uint8_t clip8(int32_t x) {
  x >>= 22;
  return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}

CLONES void byol_resample_bytes(const uint8_t *rgb, size_t stride, int width, int height,
                                uint8_t *out, int out_width, int out_height, int filter,
                                void *scratch) {
  char *memory = scratch;
  axis across = make_axis(width, out_width, filter, 1, &memory);
  axis down = make_axis(height, out_height, filter, 1, &memory);
  uint8_t *middle = take(&memory, (size_t)out_width * (size_t)height * 3 + 64);
  size_t line = (size_t)out_width * 3;
  for (int y = 0; y < height; y++) {
    const uint8_t *in = rgb + (size_t)y * stride;
    uint8_t *to = middle + (size_t)y * line;
    for (int x = 0; x < out_width; x++, to += 3) {
      const uint8_t *from = in + (size_t)across.first[x] * 3;
      const int32_t *weights = (const int32_t *)across.weights + (size_t)x * (size_t)across.taps;
      int32_t r = 1 << 21, g = 1 << 21, b = 1 << 21;
      for (int k = 0; k < across.count[x]; k++, from += 3) {
        r += weights[k] * from[0];
        g += weights[k] * from[1];
        b += weights[k] * from[2];
      }
      to[0] = clip8(r);
      to[1] = clip8(g);
      to[2] = clip8(b);
    }
  }
  for (int y = 0; y < out_height; y++) {
    const int32_t *weights = (const int32_t *)down.weights + (size_t)y * (size_t)down.taps;
    const uint8_t *rows = middle + (size_t)down.first[y] * line;
    for (size_t x0 = 0; x0 < line; x0 += 64) {
      int32_t sums[64];
      size_t n = line - x0 < 64 ? line - x0 : 64;
      for (size_t x = 0; x < 64; x++) sums[x] = 1 << 21;
      for (int k = 0; k < down.count[y]; k++) {
        const uint8_t *row = rows + (size_t)k * line + x0;
        if (n == 64)
          for (size_t x = 0; x < 64; x++) sums[x] += weights[k] * row[x];
        else
          for (size_t x = 0; x < n; x++) sums[x] += weights[k] * row[x];
      }
      for (size_t x = 0; x < n; x++) out[(size_t)y * line + x0 + x] = clip8(sums[x]);
    }
  }
}

// MARK: Colour

#define TILE 512

INLINE void brighten(float *restrict r, float *restrict g, float *restrict b, int n, float delta) {
  for (int i = 0; i < n; i++) {
    r[i] = unit(r[i] + delta);
    g[i] = unit(g[i] + delta);
    b[i] = unit(b[i] + delta);
  }
}

INLINE void contrast(float *restrict r, float *restrict g, float *restrict b, int n, float factor,
                     const float *mean) {
  for (int i = 0; i < n; i++) {
    r[i] = unit(factor * (r[i] - mean[0]) + mean[0]);
    g[i] = unit(factor * (g[i] - mean[1]) + mean[1]);
    b[i] = unit(factor * (b[i] - mean[2]) + mean[2]);
  }
}

INLINE float larger(float a, float b) { return a > b ? a : b; }
INLINE float smaller(float a, float b) { return a < b ? a : b; }

// HSV's saturation is (max - min) / max; multiplying it, clipped at 1, moves every channel along the
// line to max: c -> max - (max - c) * ratio, with hue and value as they were.
INLINE void saturate(float *restrict r, float *restrict g, float *restrict b, int n, float factor) {
  for (int i = 0; i < n; i++) {
    float v = larger(r[i], larger(g[i], b[i])), low = smaller(r[i], smaller(g[i], b[i]));
    float range = v - low;
    float ratio = smaller(factor, v / larger(range, 1e-20f));
    r[i] = unit(v - (v - r[i]) * ratio);
    g[i] = unit(v - (v - g[i]) * ratio);
    b[i] = unit(v - (v - b[i]) * ratio);
  }
}

// One channel of the colour with the given hue (in sixths, 0...12), value and range.
INLINE float hue_channel(float sixths, float shift, float v, float range) {
  float k = sixths + shift;
  k = k >= 12 ? k - 12 : k;
  k = k >= 6 ? k - 6 : k;
  return unit(v - range * larger(0, smaller(1, smaller(k, 4 - k))));
}

INLINE void turn_hue(float *restrict r, float *restrict g, float *restrict b, int n, float turns) {
  float shift = (turns - floorf(turns)) * 6;
  for (int i = 0; i < n; i++) {
    float v = larger(r[i], larger(g[i], b[i])), low = smaller(r[i], smaller(g[i], b[i]));
    float range = v - low, inverse = 1 / larger(range, 1e-20f);
    float hr = (g[i] - b[i]) * inverse;
    float hg = (b[i] - r[i]) * inverse + 2;
    float hb = (r[i] - g[i]) * inverse + 4;
    hr = hr < 0 ? hr + 6 : hr;
    float sixths = r[i] == v ? hr : g[i] == v ? hg : hb;
    sixths += shift;
    sixths = sixths >= 6 ? sixths - 6 : sixths;
    r[i] = hue_channel(sixths, 5, v, range);
    g[i] = hue_channel(sixths, 3, v, range);
    b[i] = hue_channel(sixths, 1, v, range);
  }
}

INLINE void to_gray(float *restrict r, float *restrict g, float *restrict b, int n) {
  for (int i = 0; i < n; i++)
    r[i] = g[i] = b[i] = unit(0.2989f * r[i] + 0.5870f * g[i] + 0.1140f * b[i]);
}

INLINE float plane_mean(const float *plane, size_t count) {
  floats16 sums = {0};
  size_t i = 0;
  for (; i + 16 <= count; i += 16) sums += *(const floats16 *)(plane + i);
  double total = 0;
  for (int k = 0; k < 16; k++) total += sums[k];
  for (; i < count; i++) total += plane[i];
  return (float)(total / (double)count);
}

// The changes from `changes[0]` up to the next contrast, tile by tile so that they stay in cache.
CLONES static void color_segment(float *planes, size_t count, const byol_color_change *changes,
                                 int change_count, const float *mean) {
  for (size_t i = 0; i < count; i += TILE) {
    int n = (int)(count - i < TILE ? count - i : TILE);
    float *r = planes + i, *g = r + count, *b = g + count;
    for (int k = 0; k < change_count; k++) {
      float amount = changes[k].amount;
      switch (changes[k].kind) {
      case BYOL_BRIGHTNESS: brighten(r, g, b, n, amount); break;
      case BYOL_CONTRAST: contrast(r, g, b, n, amount, mean); break;
      case BYOL_SATURATION: saturate(r, g, b, n, amount); break;
      case BYOL_HUE: turn_hue(r, g, b, n, amount); break;
      default: to_gray(r, g, b, n);
      }
    }
  }
}

CLONES static void plane_means(const float *planes, size_t count, float *mean) {
  for (int c = 0; c < 3; c++) mean[c] = plane_mean(planes + (size_t)c * count, count);
}

void byol_color(float *planes, size_t count, const byol_color_change *changes, int change_count) {
  float mean[3] = {0, 0, 0};
  int k = 0;
  while (k < change_count) {
    if (changes[k].kind == BYOL_CONTRAST) plane_means(planes, count, mean);
    int next = k + 1;
    while (next < change_count && changes[next].kind != BYOL_CONTRAST) next++;
    color_segment(planes, count, changes + k, next - k, mean);
    k = next;
  }
}

// MARK: Blur

// Taps lighter than this add less than a thousandth of an 8-bit level and are left out.
#define FAINT 1e-6f
#define MAX_RADIUS 820

static size_t blur_pitch(int side) { return ((size_t)side + 15) / 16 * 16; }

size_t byol_blur_scratch(int side) {
  size_t pitch = blur_pitch(side);
  return pitch * (size_t)side + pitch + 2 * MAX_RADIUS + 64 + pitch;
}

static int blur_weights(int radius, float sigma, float *weights) {
  double sum = 1;
  for (int k = 1; k <= radius; k++) sum += 2 * exp(-(double)k * k / (2.0 * sigma * sigma));
  int last = 0;
  for (int k = 0; k <= radius; k++) {
    weights[k] = (float)(exp(-(double)k * k / (2.0 * sigma * sigma)) / sum);
    if (weights[k] >= FAINT) last = k;
  }
  return last;
}

// One row: `padded` holds `radius` zeros, the row and zeros up to the last block.
INLINE void blur_row(const float *padded, int side, int radius, const float *weights, float *out) {
  for (int x = 0; x < side; x += 16) {
    floats16 sum = *(const floats16 *)(padded + x) * weights[0];
    for (int k = 1; k <= radius; k++)
      sum += (*(const floats16 *)(padded + x - k) + *(const floats16 *)(padded + x + k)) *
             weights[k];
    *(floats16 *)(out + x) = sum;
  }
}

INLINE void blur_column_block(const float *middle, size_t pitch, int side, int y, int radius,
                              const float *weights, const float *zeros, int x, float *out) {
  const float *centre = middle + (size_t)y * pitch + x;
  floats16 sum = *(const floats16 *)centre * weights[0];
  for (int k = 1; k <= radius; k++) {
    const float *above = y - k >= 0 ? centre - (size_t)k * pitch : zeros + x;
    const float *below = y + k < side ? centre + (size_t)k * pitch : zeros + x;
    sum += (*(const floats16 *)above + *(const floats16 *)below) * weights[k];
  }
  int n = side - x < 16 ? side - x : 16;
  if (n == 16) *(floats16 *)out = sum;
  else
    for (int i = 0; i < n; i++) out[i] = sum[i];
}

CLONES void byol_blur(float *planes, int side, int radius, float sigma, float *scratch) {
  float weights[MAX_RADIUS + 1];
  if (radius > MAX_RADIUS) radius = MAX_RADIUS;
  radius = blur_weights(radius, sigma, weights);
  size_t pitch = blur_pitch(side);
  float *middle = scratch, *zeros = middle + pitch * (size_t)side;
  float *row = zeros + pitch;
  memset(zeros, 0, pitch * sizeof(float));
  memset(row, 0, (pitch + 2 * MAX_RADIUS + 64) * sizeof(float));
  for (int c = 0; c < 3; c++) {
    float *plane = planes + (size_t)c * (size_t)side * (size_t)side;
    for (int y = 0; y < side; y++) {
      memcpy(row + radius, plane + (size_t)y * (size_t)side, (size_t)side * sizeof(float));
      blur_row(row + radius, side, radius, weights, middle + (size_t)y * pitch);
    }
    for (int y = 0; y < side; y++)
      for (int x = 0; x < side; x += 16)
        blur_column_block(middle, pitch, side, y, radius, weights, zeros, x,
                          plane + (size_t)y * (size_t)side + x);
  }
}

// MARK: The last step

INLINE float solarized(float x, float threshold) {
  return unit(x < threshold ? x : 1 - x);
}

CLONES void byol_finish(const float *planes, size_t count, float threshold, const float *scale,
                        const float *offset, float *out) {
  const float *r = planes, *g = r + count, *b = g + count;
  float sr = scale[0], sg = scale[1], sb = scale[2];
  float or = offset[0], og = offset[1], ob = offset[2];
  for (size_t i = 0; i < count; i++) {
    out[3 * i] = solarized(r[i], threshold) * sr + or;
    out[3 * i + 1] = solarized(g[i], threshold) * sg + og;
    out[3 * i + 2] = solarized(b[i], threshold) * sb + ob;
  }
}

CLONES void byol_normalize_bytes(const uint8_t *rgb, size_t count, const float *scale,
                                 const float *offset, float *out) {
  for (size_t i = 0; i < count; i++)
    for (int c = 0; c < 3; c++)
      out[3 * i + (size_t)c] =
          (float)rgb[3 * i + (size_t)c] * (1.0f / 255) * scale[c] + offset[c];
}
