// Sixteen float32 lanes that are stored in either type, and loops over rows of channels: what the tasks are written in.
// Included once per variant. Where registers are narrower, the compiler takes several for a vector.
#pragma once
#include "Tasks.hpp"
#include "../Vector.hpp"

#define TASK static
#define INLINE static inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))

namespace {

using namespace ck;

typedef Vector<16>::Lanes Lanes;
typedef Vector<16>::Mask Mask;
typedef uint32_t Words __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));

INLINE Lanes splat(float value) { return Vector<16>::broadcast(value); }

INLINE void narrow(float value, float *out) { *out = value; }
/// Rounds to nearest, ties to even; a NaN stays a NaN.
INLINE void narrow(float value, bfloat16 *out) {
  uint32_t word;
  memcpy(&word, &value, 4);
  uint32_t rounded = (word + 0x7FFF + ((word >> 16) & 1)) >> 16;
  out->bits = value != value ? 0x7FC0 : (uint16_t)rounded;
}

INLINE Lanes load(const float *from) { return Vector<16>::load(from); }
INLINE Lanes load(const bfloat16 *from) {
  Halves halves;
  memcpy(&halves, from, 32);
  Words words = __builtin_convertvector(halves, Words) << 16;
  return (Lanes)words;
}
INLINE void store(float *to, Lanes lanes) { Vector<16>::store(to, lanes); }
#if defined(CK_NARROWS_BFLOAT16)
INLINE void store(bfloat16 *to, Lanes lanes) {
  const __m256bh narrow = _mm512_cvtneps_pbh((__m512)lanes);
  memcpy(to, &narrow, 32);
}
#else
INLINE void store(bfloat16 *to, Lanes lanes) {
  Words words = (Words)lanes;
  Words rounded = (words + 0x7FFF + ((words >> 16) & 1)) >> 16;
  Mask isNaN = lanes != lanes;
  rounded = (rounded & ~(Words)isNaN) | (0x7FC0 & (Words)isNaN);
  Halves halves = __builtin_convertvector(rounded, Halves);
  memcpy(to, &halves, 32);
}
#endif
/// The first `width` lanes, 1…16; the others are 0.
template <class T>
INLINE Lanes load(const T *from, int64_t width) {
  if (width == 16) return load(from);
  Lanes lanes{};
  for (int64_t i = 0; i < width; i++) lanes[i] = widened(from[i]);
  return lanes;
}
template <class T>
INLINE void store(T *to, Lanes lanes, int64_t width) {
  if (width == 16) return store(to, lanes);
  for (int64_t i = 0; i < width; i++) narrow(lanes[i], to + i);
}
/// The lanes that the mask selects; the others are 0.
INLINE Lanes where(Mask mask, Lanes lanes) { return (Lanes)(mask & (Mask)lanes); }
INLINE Lanes maximum(Lanes a, Lanes b) { return Vector<16>::maximum(a, b); }
INLINE float sum(Lanes lanes) {
  float total = 0;
  for (int i = 0; i < 16; i++) total += lanes[i];
  return total;
}

/// The rows of a tile: sums of as many elements lose no digits in float32, before they are added in float64.
const int64_t tileRows = 64;

/// Cuts the rows `[first, last)` into tiles of up to `tileRows` rows by 16 channels and calls
/// `body(offset, stride, rows, channel, width)` for each: `width` channels from `channel` on, whose row i begins at
/// element `offset + i·stride`. A tile fits the L1 cache.
template <class Body>
INLINE void forEachTile(const ck_layout &layout, int64_t first, int64_t last, Body body) {
  for (int64_t row = first; row < last;) {
    int64_t rows = last - row < tileRows ? last - row : tileRows;
    if (layout.blocked) {
      int64_t image = row / layout.pixels, pixel = row % layout.pixels;
      // A tile ends with its picture: the next one's rows of the same channels lie elsewhere.
      if (rows > layout.pixels - pixel) rows = layout.pixels - pixel;
      const int64_t start = image * layout.pixels * layout.channels + pixel * 16;
      for (int64_t c = 0; c < layout.channels; c += 16)
        body(start + c * layout.pixels, (int64_t)16, rows, c, (int64_t)16);
    } else {
      const int64_t start = row * layout.channels;
      for (int64_t c = 0; c < layout.channels; c += 16) {
        int64_t width = layout.channels - c < 16 ? layout.channels - c : 16;
        body(start + c, layout.channels, rows, c, width);
      }
    }
    row += rows;
  }
}

}  // namespace
