// The exponential function on sixteen lanes, and sums of exponentials.
#pragma once
#include "Vector.hpp"

namespace {

/// eˣ, within 2 units in the last place; infinity, 0 and NaN where they belong.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, and eˣ = 2ⁿ·eʳ. The polynomial of eʳ is that of Cephes (Moshier, expf.c).
INLINE Lanes exponential(Lanes x) {
  // Beyond these, the result is infinity or 0; n stays within what two factors of 2ⁿ can hold.
  const Lanes clamped = maximum(-maximum(-x, splat(-89.0f)), splat(-104.0f));
  // Adding 1.5·2²³ rounds to an integer, which is then in the low bits.
  const Lanes shift = splat(12582912.0f);
  const Lanes n = (clamped * 1.44269504088896341f + shift) - shift;
  // ln 2 in two parts: n times the first is exact.
  const Lanes r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  Lanes p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 2ⁿ in two factors: one alone overflows for n = 128 and cannot be a subnormal number.
  const Mask whole = __builtin_convertvector(n, Mask), half = whole >> 1;
  const Lanes result = p * (Lanes)((half + 127) << 23) * (Lanes)((whole - half + 127) << 23);
  return x == x ? result : x;
}

/// Calls `body(column, width, isIn)` for sixteen columns at a time; `isIn` tells which lanes belong to the row.
template <class Body>
INLINE void forEachOfRow(const LogSumExp &l, int64_t row, Body body) {
  const Mask number = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (int64_t c = 0; c < l.columns; c += 16) {
    const int64_t width = l.columns - c < 16 ? l.columns - c : 16;
    Mask isIn = number < (int32_t)width;
    if (l.excludingDiagonal && row >= c && row < c + 16) isIn &= number != (int32_t)(row - c);
    body(c, width, isIn);
  }
}

KERNEL void logSumExp(void *argument) {
  LogSumExp &l = *(LogSumExp *)argument;
  const Share mine = share(l.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    const float *x = l.x + row * l.columns;
    Lanes greatest = splat(-INFINITY);
    forEachOfRow(l, row, [&](int64_t c, int64_t width, Mask isIn) INLINE_LAMBDA {
      greatest = maximum(isIn ? load(x + c, width) : splat(-INFINITY), greatest);
    });
    float top = greatest[0];
    for (int i = 1; i < 16; i++) top = greatest[i] > top ? greatest[i] : top;
    Lanes total{};
    forEachOfRow(l, row, [&](int64_t c, int64_t width, Mask isIn) INLINE_LAMBDA {
      total += where(isIn, exponential(load(x + c, width) - top));
    });
    l.result[row] = (float)(top + log((double)sum(total)));
  }
}

KERNEL void logSumExpGradient(void *argument) {
  LogSumExp &l = *(LogSumExp *)argument;
  const Share mine = share(l.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    const float *x = l.x + row * l.columns;
    float *dx = l.result + row * l.columns;
    const float dy = l.dy[row], y = l.y[row];
    forEachOfRow(l, row, [&](int64_t c, int64_t width, Mask isIn) INLINE_LAMBDA {
      store(dx + c, where(isIn, exponential(load(x + c, width) - y) * dy), width);
    });
  }
}

}  // namespace
