// Flat loops: element by element, and rows of matrices.
#include "Exponential.hpp"
#include "Vector.hpp"

namespace {



/// Calls `body(i, width)` for sixteen elements at a time of this thread's share; shares begin at
/// multiples of sixteen.
template <class Body>
INLINE void forEachSixteen(int64_t count, Body body) {
  const Share mine = share((count + 15) / 16);
  for (int64_t i = mine.first * 16; i + 16 <= count && i < mine.last * 16; i += 16)
    body(i, (int64_t)16);
  const int64_t whole = count / 16 * 16;
  if (whole < count && mine.last * 16 > whole && mine.first * 16 <= whole)
    body(whole, count - whole);
}

template <class T, ck_binary kind>
INLINE void binaryShare(Flat &f) {
  const T *a = (const T *)f.a, *b = (const T *)f.b;
  T *y = (T *)f.y;
  forEachSixteen(f.count, [&](int64_t i, int64_t width) INLINE_LAMBDA {
    const Lanes left = load(a + i, width);
    const Lanes right = kind >= ck_relu ? Lanes{} : load(b + i, width);
    Lanes result{};
    if (kind == ck_add) result = left + right;
    if (kind == ck_subtract) result = left - right;
    if (kind == ck_multiply) result = left * right;
    if (kind == ck_divide) result = left / right;
    if (kind == ck_square_root) result = __builtin_elementwise_sqrt(left);
    if (kind == ck_exponential) result = exponential(left);
    if (kind == ck_logarithm) result = __builtin_elementwise_log(left);
    if (kind == ck_relu) result = maximum(left, Lanes{});
    if (kind == ck_relu_gradient) result = where(right > Lanes{}, left);
    store(y + i, result, width);
  });
}

#define BINARY(name, kind)                                                              \
  KERNEL void name##32(void *p) { binaryShare<float, kind>(*(Flat *)p); }               \
  KERNEL void name##16(void *p) { binaryShare<bfloat16, kind>(*(Flat *)p); }
BINARY(add, ck_add)
BINARY(subtract, ck_subtract)
BINARY(multiply, ck_multiply)
BINARY(divide, ck_divide)
BINARY(squareRoot, ck_square_root)
BINARY(exponential, ck_exponential)
BINARY(logarithm, ck_logarithm)
BINARY(relu, ck_relu)
BINARY(reluGradient, ck_relu_gradient)

/// y = p·a + q·b + r, where b is absent if null.
template <class From, class To>
INLINE void affineShare(Flat &f) {
  const From *a = (const From *)f.a, *b = (const From *)f.b;
  To *y = (To *)f.y;
  const Lanes p = splat(f.p), q = splat(f.q), r = splat(f.r);
  forEachSixteen(f.count, [&](int64_t i, int64_t width) INLINE_LAMBDA {
    Lanes value = a ? load(a + i, width) * p : r;
    if (b) value += load(b + i, width) * q;
    store(y + i, value, width);
  });
}
KERNEL void affine32(void *p) { affineShare<float, float>(*(Flat *)p); }
KERNEL void affine16(void *p) { affineShare<bfloat16, bfloat16>(*(Flat *)p); }
KERNEL void narrowing(void *p) { affineShare<float, bfloat16>(*(Flat *)p); }
KERNEL void widening(void *p) { affineShare<bfloat16, float>(*(Flat *)p); }

template <class T>
INLINE void addScalarShare(Flat &f) {
  forEachSixteen(f.count, [&](int64_t i, int64_t width) INLINE_LAMBDA {
    store((T *)f.y + i, load((const T *)f.a + i, width) + f.p, width);
  });
}
KERNEL void addScalar32(void *p) { addScalarShare<float>(*(Flat *)p); }
KERNEL void addScalar16(void *p) { addScalarShare<bfloat16>(*(Flat *)p); }

template <class T>
INLINE void addBiasShare(Matrix &m) {
  const Share mine = share(m.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    const T *x = (const T *)m.a + row * m.columns;
    T *y = (T *)m.y + row * m.columns;
    for (int64_t c = 0; c < m.columns; c += 16) {
      const int64_t width = m.columns - c < 16 ? m.columns - c : 16;
      store(y + c, load(x + c, width) + load((const float *)m.b + c, width), width);
    }
  }
}
KERNEL void addBias32(void *p) { addBiasShare<float>(*(Matrix *)p); }
KERNEL void addBias16(void *p) { addBiasShare<bfloat16>(*(Matrix *)p); }

template <class T>
INLINE void sumRowsShare(Matrix &m) {
  const Share mine = share((m.columns + 15) / 16);
  for (int64_t c = mine.first * 16; c < mine.last * 16; c += 16) {
    const int64_t width = m.columns - c < 16 ? m.columns - c : 16;
    double total[16] = {};
    for (int64_t row = 0; row < m.rows; row++) {
      const Lanes lanes = load((const T *)m.a + row * m.columns + c, width);
      for (int i = 0; i < 16; i++) total[i] += lanes[i];
    }
    for (int64_t i = 0; i < width; i++) ((float *)m.y)[c + i] = (float)total[i];
  }
}
KERNEL void sumRows32(void *p) { sumRowsShare<float>(*(Matrix *)p); }
KERNEL void sumRows16(void *p) { sumRowsShare<bfloat16>(*(Matrix *)p); }

INLINE double dot(const float *a, const float *b, int64_t count) {
  Lanes total{};
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) total += load(a + i) * load(b + i);
  double result = sum(total);
  for (; i < count; i++) result += (double)a[i] * b[i];
  return result;
}

KERNEL void l2NormalizeTask(void *p) {
  Matrix &m = *(Matrix *)p;
  const Share mine = share(m.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    const float *x = (const float *)m.a + row * m.columns;
    float *y = (float *)m.y + row * m.columns;
    const double norm = sqrt(dot(x, x, m.columns));
    const float factor = (float)(1 / (norm > m.epsilon ? norm : m.epsilon));
    for (int64_t c = 0; c < m.columns; c++) y[c] = x[c] * factor;
  }
}

KERNEL void l2NormalizeGradientTask(void *p) {
  Matrix &m = *(Matrix *)p;
  const Share mine = share(m.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    const float *dy = (const float *)m.a + row * m.columns;
    const float *x = (const float *)m.b + row * m.columns;
    float *dx = (float *)m.y + row * m.columns;
    const double square = dot(x, x, m.columns), norm = sqrt(square);
    const bool flat = norm <= m.epsilon;
    const float along = flat ? 0 : (float)(dot(dy, x, m.columns) / square);
    const float factor = (float)(1 / (flat ? m.epsilon : norm));
    for (int64_t c = 0; c < m.columns; c++) dx[c] = (dy[c] - x[c] * along) * factor;
  }
}

KERNEL void sumColumnsTask(void *p) {
  Matrix &m = *(Matrix *)p;
  const Share mine = share(m.rows);
  for (int64_t row = mine.first; row < mine.last; row++) {
    double total = 0;
    for (int64_t c = 0; c < m.columns; c++) total += ((const float *)m.a)[row * m.columns + c];
    ((float *)m.y)[row] = (float)total;
  }
}

}  // namespace
