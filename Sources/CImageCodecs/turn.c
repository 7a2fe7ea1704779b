#include "ImageKernels.h"

static void swap(float *a, float *b) {
  float t = *a;
  *a = *b;
  *b = t;
}

void byol_turn(float *planes, int side, int channels, int vertical_flip, int transpose) {
  size_t n = (size_t)side;
  for (int channel = 0; channel < channels; channel++, planes += n * n) {
    if (vertical_flip)
      for (size_t y = 0; y < n / 2; y++)
        for (size_t x = 0; x < n; x++) swap(&planes[y * n + x], &planes[(n - 1 - y) * n + x]);
    if (transpose)
      for (size_t y = 0; y < n; y++)
        for (size_t x = 0; x < y; x++) swap(&planes[y * n + x], &planes[x * n + y]);
  }
}
