// Gaussian blur.
#include "loops.h"
#include <math.h>
#include <string.h>

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

CLONES void byol_blur(float *planes, int side, int channels, int radius, float sigma, float *scratch) {
  float weights[MAX_RADIUS + 1];
  if (radius > MAX_RADIUS) radius = MAX_RADIUS;
  radius = blur_weights(radius, sigma, weights);
  size_t pitch = blur_pitch(side);
  float *middle = scratch, *zeros = middle + pitch * (size_t)side;
  float *row = zeros + pitch;
  memset(zeros, 0, pitch * sizeof(float));
  memset(row, 0, (pitch + 2 * MAX_RADIUS + 64) * sizeof(float));
  for (int c = 0; c < channels; c++) {
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
