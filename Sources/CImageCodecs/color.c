// Changes of colour, and the last step of a view.
#include "loops.h"
#include <math.h>

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

// The same where there are not three planes: changes of colour are left out.
CLONES static void change_plane(float *plane, size_t count, const byol_color_change *changes,
                                int change_count) {
  for (int k = 0; k < change_count; k++) {
    float amount = changes[k].amount;
    if (changes[k].kind == BYOL_BRIGHTNESS)
      for (size_t i = 0; i < count; i++) plane[i] = unit(plane[i] + amount);
    if (changes[k].kind != BYOL_CONTRAST) continue;
    float mean = plane_mean(plane, count);
    for (size_t i = 0; i < count; i++) plane[i] = unit(amount * (plane[i] - mean) + mean);
  }
}

CLONES static void plane_means(const float *planes, size_t count, float *mean) {
  for (int c = 0; c < 3; c++) mean[c] = plane_mean(planes + (size_t)c * count, count);
}

void byol_color(float *planes, size_t count, int channels, const byol_color_change *changes,
                int change_count) {
  if (channels != 3) {
    for (int c = 0; c < channels; c++)
      change_plane(planes + (size_t)c * count, count, changes, change_count);
    return;
  }
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

// MARK: The last step

INLINE float solarized(float x, float threshold) {
  return unit(x < threshold ? x : 1 - x);
}

CLONES static void finish_three(const float *planes, size_t count, float threshold,
                                const float *scale, const float *offset, float *out) {
  const float *r = planes, *g = r + count, *b = g + count;
  float sr = scale[0], sg = scale[1], sb = scale[2];
  float or = offset[0], og = offset[1], ob = offset[2];
  for (size_t i = 0; i < count; i++) {
    out[3 * i] = solarized(r[i], threshold) * sr + or;
    out[3 * i + 1] = solarized(g[i], threshold) * sg + og;
    out[3 * i + 2] = solarized(b[i], threshold) * sb + ob;
  }
}

void byol_finish(const float *planes, size_t count, int channels, float threshold,
                 const float *scale, const float *offset, float *out) {
  if (channels == 3) {
    finish_three(planes, count, threshold, scale, offset, out);
    return;
  }
  for (int c = 0; c < channels; c++)
    for (size_t i = 0; i < count; i++)
      out[i * (size_t)channels + (size_t)c] =
          solarized(planes[(size_t)c * count + i], threshold) * scale[c] + offset[c];
}

CLONES void byol_normalize_bytes(const uint8_t *pixels, size_t count, int channels,
                                 const float *scale, const float *offset, float *out) {
  for (size_t i = 0; i < count; i++)
    for (int c = 0; c < channels; c++, out++)
      *out = (float)pixels[i * (size_t)channels + (size_t)c] * (1.0f / 255) * scale[c] + offset[c];
}

void byol_remove_alpha(uint8_t *rgba, size_t count, int white) {
  for (size_t i = 0; i < count; i++) {
    unsigned alpha = white ? rgba[4 * i + 3] : 255;
    for (size_t c = 0; c < 3; c++)
      rgba[3 * i + c] = (uint8_t)((rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}
