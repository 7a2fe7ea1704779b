// Sixteen lanes, rows and shares of the team: what the tasks are written in. Included once a variant.
#pragma once
#include "Tasks.hpp"

// Vectors wider than the base processor has never cross a call: everything here is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#define KERNEL static
#define INLINE static inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))

namespace {

using namespace ck;

typedef float Lanes __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
typedef int32_t Mask __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));

INLINE Lanes splat(float value) { return Lanes{} + value; }

INLINE float widen(float value) { return value; }
INLINE float widen(bfloat16 value) {
  uint32_t word = (uint32_t)value.bits << 16;
  float result;
  memcpy(&result, &word, 4);
  return result;
}
INLINE void narrow(float value, float *out) { *out = value; }
/// Rounds to nearest, ties to even; a NaN stays a NaN.
INLINE void narrow(float value, bfloat16 *out) {
  uint32_t word;
  memcpy(&word, &value, 4);
  uint32_t rounded = (word + 0x7FFF + ((word >> 16) & 1)) >> 16;
  out->bits = value != value ? 0x7FC0 : (uint16_t)rounded;
}

INLINE Lanes load(const float *from) {
  Lanes lanes;
  memcpy(&lanes, from, 64);
  return lanes;
}
INLINE Lanes load(const bfloat16 *from) {
  Halves halves;
  memcpy(&halves, from, 32);
  Words words = __builtin_convertvector(halves, Words) << 16;
  return (Lanes)words;
}
INLINE void store(float *to, Lanes lanes) { memcpy(to, &lanes, 64); }
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
/// `width` lanes, 1…16; the rest are 0.
template <class T>
INLINE Lanes load(const T *from, int64_t width) {
  if (width == 16) return load(from);
  Lanes lanes{};
  for (int64_t i = 0; i < width; i++) lanes[i] = widen(from[i]);
  return lanes;
}
template <class T>
INLINE void store(T *to, Lanes lanes, int64_t width) {
  if (width == 16) return store(to, lanes);
  for (int64_t i = 0; i < width; i++) narrow(lanes[i], to + i);
}
INLINE Lanes where(Mask mask, Lanes lanes) { return (Lanes)(mask & (Mask)lanes); }
INLINE Lanes maximum(Lanes a, Lanes b) { return a > b ? a : b; }
INLINE float sum(Lanes lanes) {
  float total = 0;
  for (int i = 0; i < 16; i++) total += lanes[i];
  return total;
}

/// Calls `body(offset, stride, rows, channel, width)` for pieces of the rows `[first, last)`: `rows` rows of
/// `width` channels from `channel` on, row i at element `offset + i·stride`. A piece fits the first cache.
template <class Body>
INLINE void forEachPiece(const ck_layout &layout, int64_t first, int64_t last, Body body) {
  const int64_t pieceRows = 64;
  for (int64_t row = first; row < last;) {
    int64_t rows = last - row < pieceRows ? last - row : pieceRows;
    if (layout.blocked) {
      int64_t image = row / layout.pixels, pixel = row % layout.pixels;
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
