// Batch normalisation with residual and rectifier, forward and backward, in two passes over memory each.
#include "Vector.hpp"

namespace {



/// Sums of x − shift and of its square, where shift is the channel's first value: no cancellation.
template <class T>
INLINE void sumShare(Statistics &s) {
  const Share mine = share(s.layout.rows);
  const int64_t channels = s.layout.channels;
  double *sums = s.partial + mine.thread * 2 * channels, *squares = sums + channels;
  memset(sums, 0, sizeof(double) * 2 * channels);
  const T *x = (const T *)s.x;
  const int64_t blockStride = s.layout.blocked ? s.layout.pixels : 1;
  forEachPiece(
    s.layout, mine.first, mine.last,
    [&](int64_t offset, int64_t stride, int64_t rows, int64_t c, int64_t width) INLINE_LAMBDA {
      const Lanes shift = load(x + c * blockStride, width);
      Lanes sum{}, square{};
      for (int64_t i = 0; i < rows; i++) {
        const Lanes d = load(x + offset + i * stride, width) - shift;
        sum += d;
        square += d * d;
      }
      for (int64_t i = 0; i < width; i++) {
        sums[c + i] += sum[i];
        squares[c + i] += square[i];
      }
    });
}

KERNEL void sumShareOfFloat32(void *argument) { sumShare<float>(*(Statistics *)argument); }
KERNEL void sumShareOfBFloat16(void *argument) { sumShare<bfloat16>(*(Statistics *)argument); }


template <class T, bool hasResidual, bool relu>
INLINE void normalizeShare(Normalize &n) {
  const Share mine = share(n.layout.rows);
  const T *x = (const T *)n.x, *residual = (const T *)n.residual;
  T *y = (T *)n.y;
  forEachPiece(
    n.layout, mine.first, mine.last,
    [&](int64_t offset, int64_t stride, int64_t rows, int64_t c, int64_t width) INLINE_LAMBDA {
      Lanes factor{}, shift{};
      for (int64_t i = 0; i < width; i++) {
        factor[i] = n.scale[c + i] / sqrtf(n.variance[c + i] + n.epsilon);
        shift[i] = n.offset[c + i] - n.mean[c + i] * factor[i];
      }
      for (int64_t i = 0; i < rows; i++) {
        const int64_t at = offset + i * stride;
        Lanes value = load(x + at, width) * factor + shift;
        if (hasResidual) value += load(residual + at, width);
        if (relu) value = maximum(value, Lanes{});
        store(y + at, value, width);
      }
    });
}

template <class T>
INLINE void normalizeAny(Normalize &n) {
  if (n.residual) {
    n.relu ? normalizeShare<T, true, true>(n) : normalizeShare<T, true, false>(n);
  } else {
    n.relu ? normalizeShare<T, false, true>(n) : normalizeShare<T, false, false>(n);
  }
}

KERNEL void normalizeFloat32(void *argument) { normalizeAny<float>(*(Normalize *)argument); }
KERNEL void normalizeBFloat16(void *argument) { normalizeAny<bfloat16>(*(Normalize *)argument); }


/// Sums of dz and of dz·(x − mean).
template <class T, bool relu>
INLINE void sumGradientShare(Gradient &g) {
  const Share mine = share(g.layout.rows);
  const int64_t channels = g.layout.channels;
  double *sums = g.partial + mine.thread * 2 * channels, *products = sums + channels;
  memset(sums, 0, sizeof(double) * 2 * channels);
  const T *dy = (const T *)g.dy, *x = (const T *)g.x, *y = (const T *)g.y;
  forEachPiece(
    g.layout, mine.first, mine.last,
    [&](int64_t offset, int64_t stride, int64_t rows, int64_t c, int64_t width) INLINE_LAMBDA {
      const Lanes mean = load(g.mean + c, width);
      Lanes sum{}, product{};
      for (int64_t i = 0; i < rows; i++) {
        const int64_t at = offset + i * stride;
        Lanes dz = load(dy + at, width);
        if (relu) dz = where(load(y + at, width) > Lanes{}, dz);
        sum += dz;
        product += dz * (load(x + at, width) - mean);
      }
      for (int64_t i = 0; i < width; i++) {
        sums[c + i] += sum[i];
        products[c + i] += product[i];
      }
    });
}

template <class T, bool relu, bool hasResidual>
INLINE void applyGradientShare(Gradient &g) {
  const Share mine = share(g.layout.rows);
  const T *dy = (const T *)g.dy, *x = (const T *)g.x, *y = (const T *)g.y;
  T *dx = (T *)g.dx, *dresidual = (T *)g.dresidual;
  const float count = (float)g.layout.rows;
  forEachPiece(
    g.layout, mine.first, mine.last,
    [&](int64_t offset, int64_t stride, int64_t rows, int64_t c, int64_t width) INLINE_LAMBDA {
      // dx = a·dz + b·x + d
      Lanes a{}, b{}, d{};
      for (int64_t i = 0; i < width; i++) {
        const float inverse = 1 / sqrtf(g.variance[c + i] + g.epsilon);
        a[i] = g.scale[c + i] * inverse;
        b[i] = -a[i] * inverse * g.dscale[c + i] / count;
        d[i] = -a[i] * g.doffset[c + i] / count - b[i] * g.mean[c + i];
      }
      for (int64_t i = 0; i < rows; i++) {
        const int64_t at = offset + i * stride;
        Lanes dz = load(dy + at, width);
        if (relu) dz = where(load(y + at, width) > Lanes{}, dz);
        const Lanes result = a * dz + (b * load(x + at, width) + d);
        store(dx + at, result, width);
        if (hasResidual) store(dresidual + at, dz, width);
      }
    });
}

KERNEL void sumGradientFloat32(void *p) { sumGradientShare<float, false>(*(Gradient *)p); }
KERNEL void sumGatedFloat32(void *p) { sumGradientShare<float, true>(*(Gradient *)p); }
KERNEL void sumGradientBFloat16(void *p) { sumGradientShare<bfloat16, false>(*(Gradient *)p); }
KERNEL void sumGatedBFloat16(void *p) { sumGradientShare<bfloat16, true>(*(Gradient *)p); }

template <class T, bool relu>
INLINE void applyAny(Gradient &g) {
  g.dresidual ? applyGradientShare<T, relu, true>(g) : applyGradientShare<T, relu, false>(g);
}
KERNEL void applyFloat32(void *p) { applyAny<float, false>(*(Gradient *)p); }
KERNEL void applyGatedFloat32(void *p) { applyAny<float, true>(*(Gradient *)p); }
KERNEL void applyBFloat16(void *p) { applyAny<bfloat16, false>(*(Gradient *)p); }
KERNEL void applyGatedBFloat16(void *p) { applyAny<bfloat16, true>(*(Gradient *)p); }

}  // namespace
