// Elementwise loops over all elements of a value, whatever its layout.
#pragma once
#include "Exponential.hpp"
#include "Vector.hpp"

namespace {

/// Calls `body(i, width)` for sixteen elements at a time of this thread's share. Shares begin at multiples of sixteen, so
/// that only the last group of all is narrower.
template <class Body>
INLINE void forEachSixteen(int64_t count, Body body) {
  const Share mine = share((count + 15) / 16);
  for (int64_t i = mine.first * 16; i + 16 <= count && i < mine.last * 16; i += 16)
    body(i, (int64_t)16);
  const int64_t whole = count / 16 * 16;
  if (whole < count && mine.last * 16 > whole && mine.first * 16 <= whole)
    body(whole, count - whole);
}

template <class T, ck_elementwise_kind kind>
TASK void elementwise(void *argument) {
  const Elementwise &e = *(const Elementwise *)argument;
  const T *a = (const T *)e.a, *b = (const T *)e.b;
  T *y = (T *)e.y;
  forEachSixteen(e.count, [&](int64_t i, int64_t width) INLINE_LAMBDA {
    const Lanes left = load(a + i, width);
    const Lanes right = kind >= ck_relu ? Lanes{} : load(b + i, width);
    Lanes result{};
    if (kind == ck_add) result = left + right;
    if (kind == ck_subtract) result = left - right;
    if (kind == ck_multiply) result = left * right;
    if (kind == ck_divide) result = left / right;
    if (kind == ck_relu_gradient) result = where(right > Lanes{}, left);
    if (kind == ck_relu) result = maximum(left, Lanes{});
    if (kind == ck_square_root) result = __builtin_elementwise_sqrt(left);
    if (kind == ck_exponential) result = exponential(left);
    if (kind == ck_logarithm) result = __builtin_elementwise_log(left);
    store(y + i, result, width);
  });
}

template <class T>
TASK void affine(void *argument) {
  const Affine &f = *(const Affine *)argument;
  const T *a = (const T *)f.a, *b = (const T *)f.b;
  T *y = (T *)f.y;
  const Lanes factorA = splat(f.factorA), factorB = splat(f.factorB), constant = splat(f.constant);
  forEachSixteen(f.count, [&](int64_t i, int64_t width) INLINE_LAMBDA {
    Lanes value = a ? load(a + i, width) * factorA : constant;
    if (b) value += load(b + i, width) * factorB;
    store(y + i, value, width);
  });
}

template <class T>
TASK void addScalar(void *argument) {
  const AddScalar &s = *(const AddScalar *)argument;
  forEachSixteen(s.count, [&](int64_t i, int64_t width) INLINE_LAMBDA {
    store((T *)s.y + i, load((const T *)s.x + i, width) + s.term, width);
  });
}

}  // namespace
