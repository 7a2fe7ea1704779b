// Batch normalisation with residual and ReLU, forward and backward. Each takes two passes over its operands.
#pragma once
#include "Vector.hpp"

namespace {

// MARK: The threads share out rows

/// Sums of x − shift and of its square. The shift is the channel's first value: without it the variance would be the
/// small difference of two large numbers.
template <class T>
TASK void sumForStatistics(void *argument) {
  const Statistics &s = *(const Statistics *)argument;
  const Share mine = share(s.layout.rows);
  const int64_t channels = s.layout.channels;
  double *sums = s.partial + mine.thread * 2 * channels, *squares = sums + channels;
  memset(sums, 0, sizeof(double) * 2 * channels);
  const T *x = (const T *)s.x;
  const int64_t blockStride = s.layout.blocked ? s.layout.pixels : 1;
  forEachTile(
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

template <class T, bool hasResidual, bool relu>
INLINE void normalizeRows(const Normalize &n) {
  const Share mine = share(n.layout.rows);
  const T *x = (const T *)n.x, *residual = (const T *)n.residual;
  T *y = (T *)n.y;
  forEachTile(
    n.layout, mine.first, mine.last,
    [&](int64_t offset, int64_t stride, int64_t rows, int64_t c, int64_t width) INLINE_LAMBDA {
      // The mean is subtracted first: folded into the offset it would cost digits where it is large.
      const Lanes mean = load(n.mean + c, width), offsets = load(n.offset + c, width);
      Lanes factor{};
      for (int64_t i = 0; i < width; i++)
        factor[i] = n.scale[c + i] / sqrtf(n.variance[c + i] + n.epsilon);
      for (int64_t i = 0; i < rows; i++) {
        const int64_t at = offset + i * stride;
        Lanes value = (load(x + at, width) - mean) * factor + offsets;
        if (hasResidual) value += load(residual + at, width);
        if (relu) value = maximum(value, Lanes{});
        store(y + at, value, width);
      }
    });
}

template <class T>
TASK void normalize(void *argument) {
  const Normalize &n = *(const Normalize *)argument;
  if (n.residual) {
    n.relu ? normalizeRows<T, true, true>(n) : normalizeRows<T, true, false>(n);
  } else {
    n.relu ? normalizeRows<T, false, true>(n) : normalizeRows<T, false, false>(n);
  }
}

/// dz, the gradient of the normalised values before ReLU: dy, or the sum of both gradients, where y > 0.
template <class T, bool relu, bool hasOther>
struct Gated {
  const T *dy, *other, *y;

  INLINE_LAMBDA explicit Gated(const NormalizeGradient &g)
    : dy((const T *)g.dy), other((const T *)g.other), y((const T *)g.y) {}

  INLINE_LAMBDA Lanes operator()(int64_t at, int64_t width = 16) const {
    Lanes dz = load(dy + at, width);
    if (hasOther) dz += load(other + at, width);
    return relu ? where(load(y + at, width) > Lanes{}, dz) : dz;
  }
};

/// Calls `body(relu, hasOther, hasResidual)` with constants, so that no loop asks for them.
template <class Body>
INLINE void withConstants(const NormalizeGradient &g, Body body) {
  const std::true_type yes;
  const std::false_type no;
  const auto gated = [&](auto relu) INLINE_LAMBDA {
    if (g.other)
      g.dresidual ? body(relu, yes, yes) : body(relu, yes, no);
    else
      g.dresidual ? body(relu, no, yes) : body(relu, no, no);
  };
  g.relu ? gated(yes) : gated(no);
}

// The gradient of the residual is dz. Where it is asked for, the first pass writes it and the second pass reads it, instead
// of computing dz again from up to three operands.

/// Sums of dz and of dz·(x − mean).
template <class T, bool relu, bool hasOther, bool hasResidual>
INLINE void sumRowsForGradient(const NormalizeGradient &g) {
  const Share mine = share(g.layout.rows);
  const int64_t channels = g.layout.channels;
  double *sums = g.partial + mine.thread * 2 * channels, *products = sums + channels;
  memset(sums, 0, sizeof(double) * 2 * channels);
  const Gated<T, relu, hasOther> gated(g);
  const T *x = (const T *)g.x;
  T *dresidual = (T *)g.dresidual;
  forEachTile(
    g.layout, mine.first, mine.last,
    [&](int64_t offset, int64_t stride, int64_t rows, int64_t c, int64_t width) INLINE_LAMBDA {
      const Lanes mean = load(g.mean + c, width);
      Lanes sum{}, product{};
      for (int64_t i = 0; i < rows; i++) {
        const int64_t at = offset + i * stride;
        const Lanes dz = gated(at, width);
        if (hasResidual) store(dresidual + at, dz, width);
        sum += dz;
        product += dz * (load(x + at, width) - mean);
      }
      for (int64_t i = 0; i < width; i++) {
        sums[c + i] += sum[i];
        products[c + i] += product[i];
      }
    });
}

/// The factors of dx = a·dz + b·x + d for `width` channels from `c` on, once their sums are known.
struct Factors {
  Lanes a, b, d;
};
INLINE Factors factorsOfGradient(const NormalizeGradient &g, int64_t c, int64_t width) {
  Factors f{};
  const float count = (float)g.layout.rows;
  for (int64_t i = 0; i < width; i++) {
    const float inverse = 1 / sqrtf(g.variance[c + i] + g.epsilon);
    f.a[i] = g.scale[c + i] * inverse;
    f.b[i] = -f.a[i] * inverse * g.dscale[c + i] / count;
    f.d[i] = -f.a[i] * g.doffset[c + i] / count - f.b[i] * g.mean[c + i];
  }
  return f;
}

template <class T, bool relu, bool hasOther, bool hasResidual>
INLINE void applyGradientToRows(const NormalizeGradient &g) {
  const Share mine = share(g.layout.rows);
  const Gated<T, relu, hasOther> gated(g);
  const T *x = (const T *)g.x, *dresidual = (const T *)g.dresidual;
  T *dx = (T *)g.dx;
  forEachTile(
    g.layout, mine.first, mine.last,
    [&](int64_t offset, int64_t stride, int64_t rows, int64_t c, int64_t width) INLINE_LAMBDA {
      const Factors f = factorsOfGradient(g, c, width);
      for (int64_t i = 0; i < rows; i++) {
        const int64_t at = offset + i * stride;
        const Lanes dz = hasResidual ? load(dresidual + at, width) : gated(at, width);
        store(dx + at, f.a * dz + (f.b * load(x + at, width) + f.d), width);
      }
    });
}

template <class T>
TASK void sumForGradient(void *argument) {
  const NormalizeGradient &g = *(const NormalizeGradient *)argument;
  withConstants(g, [&](auto relu, auto hasOther, auto hasResidual) INLINE_LAMBDA {
    sumRowsForGradient<T, relu, hasOther, hasResidual>(g);
  });
}

template <class T>
TASK void applyGradient(void *argument) {
  const NormalizeGradient &g = *(const NormalizeGradient *)argument;
  withConstants(g, [&](auto relu, auto hasOther, auto hasResidual) INLINE_LAMBDA {
    applyGradientToRows<T, relu, hasOther, hasResidual>(g);
  });
}

// MARK: The threads share out blocks of 16 channels
//
// A thread makes both passes over 16 channels of all pictures before it goes on to the next 16. The second pass finds the
// block in the L2 cache, so memory is read about once.

/// Sixteen sums in float64. What is added are sums in float32 over a tile's rows.
struct Sums {
  typedef double Doubles __attribute__((vector_size(128)));
  Doubles total;
  INLINE_LAMBDA void add(Lanes lanes) { total += __builtin_convertvector(lanes, Doubles); }
};

/// Prefetches four rows of the same channels of the next picture into the L2 cache. The hardware prefetcher does not
/// follow from picture to picture: each feature map begins far from the end of the one before.
template <class T>
INLINE void prefetchNextPicture(const T *from, const ck_layout &layout, int64_t at) {
  const char *line = (const char *)(from + at + layout.channels * layout.pixels);
  for (size_t i = 0; i < 4 * 16 * sizeof(T); i += 64) __builtin_prefetch(line + i, 0, 2);
}

/// Two sums over all pixels of the block of 16 channels from `c` on. `term` adds to both what the elements at an offset
/// contribute; `prefetch` is called with the offset of every four rows.
template <class Term, class Prefetch>
INLINE void sumBlock(
  const ck_layout &layout, int64_t c, Sums &first, Sums &second, Prefetch prefetch, Term term) {
  const int64_t images = layout.rows / layout.pixels;
  // Four sums each hide the latency of an addition.
  Lanes a[4] = {}, b[4] = {};
  int64_t since = 0;
  for (int64_t n = 0; n < images; n++) {
    const int64_t start = (n * layout.channels + c) * layout.pixels;
    for (int64_t row = 0; row < layout.pixels;) {
      int64_t last = row + tileRows < layout.pixels ? row + tileRows : layout.pixels;
      since += last - row;
      for (; row + 4 <= last; row += 4) {
        prefetch(start + row * 16);
        for (int i = 0; i < 4; i++) term(start + (row + i) * 16, a[i], b[i]);
      }
      for (; row < last; row++) term(start + row * 16, a[0], b[0]);
      if (since < tileRows) continue;
      since = 0;
      first.add((a[0] + a[1]) + (a[2] + a[3]));
      second.add((b[0] + b[1]) + (b[2] + b[3]));
      for (int i = 0; i < 4; i++) a[i] = b[i] = Lanes{};
    }
  }
  first.add((a[0] + a[1]) + (a[2] + a[3]));
  second.add((b[0] + b[1]) + (b[2] + b[3]));
}

/// Calls `body` with the offset of every row of a block of channels, and `prefetch` with that of every four rows.
template <class Prefetch, class Body>
INLINE void forEachOfBlock(const ck_layout &layout, int64_t c, Prefetch prefetch, Body body) {
  const int64_t images = layout.rows / layout.pixels;
  for (int64_t n = 0; n < images; n++) {
    const int64_t start = (n * layout.channels + c) * layout.pixels;
    int64_t row = 0;
    for (; row + 4 <= layout.pixels; row += 4) {
      prefetch(start + row * 16);
      for (int i = 0; i < 4; i++) body(start + (row + i) * 16);
    }
    for (; row < layout.pixels; row++) body(start + row * 16);
  }
}

template <class T, bool hasResidual, bool relu>
INLINE void normalizeBlocks(const Normalize &n) {
  const Share mine = share(n.layout.channels / 16);
  const T *x = (const T *)n.x, *residual = (const T *)n.residual;
  T *y = (T *)n.y;
  const double rows = (double)n.layout.rows;
  for (int64_t c = mine.first * 16; c < mine.last * 16; c += 16) {
    const Lanes first = load(x + c * n.layout.pixels);
    Sums sums{}, squares{};
    const auto prefetchX = [&](int64_t at) INLINE_LAMBDA { prefetchNextPicture(x, n.layout, at); };
    sumBlock(n.layout, c, sums, squares, prefetchX, [&](int64_t at, Lanes &a, Lanes &b) INLINE_LAMBDA {
      const Lanes d = load(x + at) - first;
      a += d;
      b += d * d;
    });
    Lanes factor{};
    for (int i = 0; i < 16; i++) {
      const double m = sums.total[i] / rows, v = squares.total[i] / rows - m * m;
      n.mean[c + i] = (float)(first[i] + m);
      n.variance[c + i] = v > 0 ? (float)v : 0;
      factor[i] = n.scale[c + i] / sqrtf(n.variance[c + i] + n.epsilon);
    }
    const Lanes mean = load(n.mean + c), offsets = load(n.offset + c);
    const auto prefetchResidual = [&](int64_t at) INLINE_LAMBDA {
      if (hasResidual) prefetchNextPicture(residual, n.layout, at);
    };
    forEachOfBlock(n.layout, c, prefetchResidual, [&](int64_t at) INLINE_LAMBDA {
      Lanes value = (load(x + at) - mean) * factor + offsets;
      if (hasResidual) value += load(residual + at);
      if (relu) value = maximum(value, Lanes{});
      store(y + at, value);
    });
  }
}

template <class T>
TASK void batchNormalize(void *argument) {
  const Normalize &n = *(const Normalize *)argument;
  if (n.residual) {
    n.relu ? normalizeBlocks<T, true, true>(n) : normalizeBlocks<T, true, false>(n);
  } else {
    n.relu ? normalizeBlocks<T, false, true>(n) : normalizeBlocks<T, false, false>(n);
  }
}

template <class T, bool relu, bool hasOther, bool hasResidual>
INLINE void normalizeGradientOfBlocks(const NormalizeGradient &g) {
  const Share mine = share(g.layout.channels / 16);
  const Gated<T, relu, hasOther> gated(g);
  const T *x = (const T *)g.x;
  T *dx = (T *)g.dx, *dresidual = (T *)g.dresidual;
  for (int64_t c = mine.first * 16; c < mine.last * 16; c += 16) {
    const Lanes mean = load(g.mean + c);
    Sums sums{}, products{};
    const auto prefetch = [&](int64_t at) INLINE_LAMBDA {
      prefetchNextPicture(gated.dy, g.layout, at);
      if (hasOther) prefetchNextPicture(gated.other, g.layout, at);
      prefetchNextPicture(x, g.layout, at);
      if (relu) prefetchNextPicture(gated.y, g.layout, at);
    };
    sumBlock(g.layout, c, sums, products, prefetch, [&](int64_t at, Lanes &a, Lanes &b) INLINE_LAMBDA {
      const Lanes dz = gated(at);
      if (hasResidual) store(dresidual + at, dz);
      a += dz;
      b += dz * (load(x + at) - mean);
    });
    for (int i = 0; i < 16; i++) {
      const float inverse = 1 / sqrtf(g.variance[c + i] + g.epsilon);
      g.doffset[c + i] = (float)sums.total[i];
      g.dscale[c + i] = (float)(products.total[i] * inverse);
    }
    const Factors f = factorsOfGradient(g, c, 16);
    const auto nothing = [](int64_t) INLINE_LAMBDA {};
    forEachOfBlock(g.layout, c, nothing, [&](int64_t at) INLINE_LAMBDA {
      const Lanes dz = hasResidual ? load(dresidual + at) : gated(at);
      store(dx + at, f.a * dz + (f.b * load(x + at) + f.d));
    });
  }
}

template <class T>
TASK void batchNormalizeGradient(void *argument) {
  const NormalizeGradient &g = *(const NormalizeGradient *)argument;
  withConstants(g, [&](auto relu, auto hasOther, auto hasResidual) INLINE_LAMBDA {
    normalizeGradientOfBlocks<T, relu, hasOther, hasResidual>(g);
  });
}

}  // namespace
