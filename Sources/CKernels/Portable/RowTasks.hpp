// Loops over the rows of float32 matrices.
#pragma once
#include "Exponential.hpp"
#include "Vector.hpp"

namespace {

TASK void addBias(void *argument) {
  const Rows &r = *(const Rows *)argument;
  const Share mine = share(r.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    const float *x = r.x + row * r.columns;
    float *y = r.y + row * r.columns;
    for (int64_t c = 0; c < r.columns; c += 16) {
      const int64_t width = r.columns - c < 16 ? r.columns - c : 16;
      store(y + c, load(x + c, width) + load(r.other + c, width), width);
    }
  }
}

/// The threads share out the columns, so that no sum crosses threads.
TASK void sumRows(void *argument) {
  const Rows &r = *(const Rows *)argument;
  const Share mine = share((r.columns + 15) / 16);
  for (int64_t c = mine.first * 16; c < mine.last * 16; c += 16) {
    const int64_t width = r.columns - c < 16 ? r.columns - c : 16;
    double total[16] = {};
    for (int64_t row = 0; row < r.rows; row++) {
      const Lanes lanes = load(r.x + row * r.columns + c, width);
      for (int i = 0; i < 16; i++) total[i] += lanes[i];
    }
    for (int64_t i = 0; i < width; i++) r.y[c + i] = (float)total[i];
  }
}

TASK void sumColumns(void *argument) {
  const Rows &r = *(const Rows *)argument;
  const Share mine = share(r.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    double total = 0;
    for (int64_t c = 0; c < r.columns; c++) total += r.x[row * r.columns + c];
    r.y[row] = (float)total;
  }
}

INLINE double dot(const float *a, const float *b, int64_t count) {
  Lanes total{};
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) total += load(a + i) * load(b + i);
  double result = sum(total);
  for (; i < count; i++) result += (double)a[i] * b[i];
  return result;
}

TASK void l2Normalize(void *argument) {
  const Rows &r = *(const Rows *)argument;
  const Share mine = share(r.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    const float *x = r.x + row * r.columns;
    float *y = r.y + row * r.columns;
    const double norm = sqrt(dot(x, x, r.columns));
    const float factor = (float)(1 / (norm > r.epsilon ? norm : r.epsilon));
    for (int64_t c = 0; c < r.columns; c++) y[c] = x[c] * factor;
  }
}

/// x is dy, `other` the operand of l2Normalize.
TASK void l2NormalizeGradient(void *argument) {
  const Rows &r = *(const Rows *)argument;
  const Share mine = share(r.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    const float *dy = r.x + row * r.columns, *x = r.other + row * r.columns;
    float *dx = r.y + row * r.columns;
    const double square = dot(x, x, r.columns), norm = sqrt(square);
    // Where epsilon took the norm's place, the row was divided by a constant.
    const bool isConstant = norm <= r.epsilon;
    const float along = isConstant ? 0 : (float)(dot(dy, x, r.columns) / square);
    const float factor = (float)(1 / (isConstant ? r.epsilon : norm));
    for (int64_t c = 0; c < r.columns; c++) dx[c] = (dy[c] - x[c] * along) * factor;
  }
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

TASK void logSumExp(void *argument) {
  const LogSumExp &l = *(const LogSumExp *)argument;
  const Share mine = share(l.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    const float *x = l.x + row * l.columns;
    Lanes greatest = splat(-INFINITY);
    forEachOfRow(l, row, [&](int64_t c, int64_t width, Mask isIn) INLINE_LAMBDA {
      greatest = maximum(isIn ? load(x + c, width) : splat(-INFINITY), greatest);
    });
    float top = greatest[0];
    for (int i = 1; i < 16; i++) top = greatest[i] > top ? greatest[i] : top;
    // With the greatest element taken out, no exponential overflows and one of them is 1.
    Lanes total{};
    forEachOfRow(l, row, [&](int64_t c, int64_t width, Mask isIn) INLINE_LAMBDA {
      total += where(isIn, exponential(load(x + c, width) - top));
    });
    l.result[row] = (float)(top + log((double)sum(total)));
  }
}

TASK void logSumExpGradient(void *argument) {
  const LogSumExp &l = *(const LogSumExp *)argument;
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
