// Max and average pooling over either layout, forward and backward.
#include "Vector.hpp"

namespace {



/// Where block `c` of picture `image` begins in a plane of `pixels`, and the step from pixel to pixel.
struct Plane {
  int64_t start, step;
};
INLINE Plane plane(const ck_layout &l, int64_t image, int64_t c, int64_t pixels) {
  const int64_t picture = image * pixels * l.channels;
  return l.blocked ? Plane{picture + c * pixels, 16} : Plane{picture + c, l.channels};
}

INLINE int64_t atLeast0(int64_t value) { return value < 0 ? 0 : value; }
INLINE int64_t atMost(int64_t value, int64_t limit) { return value < limit ? value : limit; }

/// Calls `body(image, c, width)` for this thread's share of the pictures' channel blocks.
template <class Body>
INLINE void forEachBlock(const ck_layout &layout, int64_t images, Body body) {
  const int64_t blocks = (layout.channels + 15) / 16;
  const Share mine = share(images * blocks);
  for (int64_t unit = mine.first; unit < mine.last; unit++) {
    const int64_t c = unit % blocks * 16;
    body(unit / blocks, c, atMost(layout.channels - c, 16));
  }
}

/// Whether the usual 3×3 window lies within the plane and holds whole lanes: then loops are unrolled.
INLINE bool isWhole(const ck_pooling &p, int64_t top, int64_t left, int64_t width) {
  return p.size == 3 && width == 16 && top >= 0 && left >= 0 && top + 3 <= p.height
    && left + 3 <= p.width;
}

/// The greatest elements of a whole 3×3 window from `x` on.
template <class T>
INLINE Lanes greatestOf9(const T *x, int64_t row, int64_t step, Lanes (&values)[9]) {
  for (int i = 0; i < 9; i++) values[i] = load(x + i / 3 * row + i % 3 * step);
  Lanes best = values[0];
  for (int i = 1; i < 9; i++) best = maximum(values[i], best);
  return best;
}

/// Columns of a plane of windows that `gradientOfEveryOther` takes.
const int64_t widestPlane = 256;

/// Whether the windows are the usual 3×3, every other pixel, around even ones: then a pixel lies in one, two or four.
INLINE bool areEveryOther(const ck_pooling &p, int64_t width) {
  return p.size == 3 && p.stride == 2 && p.padding == 1 && width == 16 && p.height == 2 * p.out_height
    && p.width == 2 * p.out_width && p.out_width <= widestPlane;
}

/// Row by row of windows where `areEveryOther`: the greatest of three rows' elements of a column serve two windows.
template <class T>
INLINE void maxPoolOfEveryOther(const ck_pooling &p, const T *x, int64_t step, T *y, int64_t flowStep) {
  for (int64_t row = 0; row < p.out_height; row++) {
    const T *middle = x + 2 * row * p.width * step, *below = middle + p.width * step;
    const T *above = row ? middle - p.width * step : middle;
    T *to = y + row * p.out_width * flowStep;
    const auto column = [&](int64_t at) INLINE_LAMBDA {
      return maximum(maximum(load(above + at), load(middle + at)), load(below + at));
    };
    Lanes left = splat(-INFINITY);
    for (int64_t i = 0; i < p.out_width; i++) {
      __builtin_prefetch(below + (2 * i + p.width) * step);
      __builtin_prefetch(below + (2 * i + 2 * p.width) * step);
      const Lanes right = column((2 * i + 1) * step);
      store(to + i * flowStep, maximum(maximum(left, column(2 * i * step)), right));
      left = right;
    }
  }
}

template <class T>
INLINE void maxPoolShare(Pool &pool) {
  const ck_pooling &p = pool.p;
  forEachBlock(pool.layout, p.images, [&](int64_t n, int64_t c, int64_t width) INLINE_LAMBDA {
    const Plane in = plane(pool.layout, n, c, p.height * p.width);
    const Plane out = plane(pool.layout, n, c, p.out_height * p.out_width);
    const T *x = (const T *)pool.x + in.start;
    T *y = (T *)pool.y + out.start;
    if (areEveryOther(p, width)) return maxPoolOfEveryOther(p, x, in.step, y, out.step);
    for (int64_t row = 0; row < p.out_height; row++)
      for (int64_t column = 0; column < p.out_width; column++) {
        const int64_t top = row * p.stride - p.padding, left = column * p.stride - p.padding;
        if (isWhole(p, top, left, width)) {
          Lanes values[9];
          const T *from = x + (top * p.width + left) * in.step;
          store(
            y + (row * p.out_width + column) * out.step,
            greatestOf9(from, p.width * in.step, in.step, values));
          continue;
        }
        Lanes best = splat(-INFINITY);
        for (int64_t r = atLeast0(top); r < atMost(top + p.size, p.height); r++)
          for (int64_t q = atLeast0(left); q < atMost(left + p.size, p.width); q++)
            best = maximum(load(x + (r * p.width + q) * in.step, width), best);
        store(y + (row * p.out_width + column) * out.step, best, width);
      }
  });
}

/// For each window of a row the place in it, 0…8, where its greatest element is first. The greatest of a column's three
/// elements serve two windows.
template <class T>
INLINE void placesOfGreatest(
  const ck_pooling &p, const T *x, int64_t step, int64_t row, Mask *places) {
  const T *middle = x + 2 * row * p.width * step, *below = middle + p.width * step;
  const T *above = row ? middle - p.width * step : middle;
  const Mask nowhere = Mask{} + 99, ofAbove = Mask{} + (row ? 0 : 3);
  Lanes left = splat(-INFINITY);
  Mask placeOfLeft = nowhere;
  for (int64_t i = 0; i < p.out_width; i++) {
    Lanes best[2];
    Mask place[2];
    for (int c = 0; c < 2; c++) {
      const int64_t at = (2 * i + c) * step;
      const Lanes a = load(above + at), b = load(middle + at);
      best[c] = maximum(maximum(a, b), load(below + at));
      place[c] = a == best[c] ? ofAbove : b == best[c] ? Mask{} + 3 : Mask{} + 6;
    }
    const Lanes greatest = maximum(maximum(left, best[0]), best[1]);
    Mask first = left == greatest ? placeOfLeft : nowhere;
    for (int c = 0; c < 2; c++) {
      const Mask here = best[c] == greatest ? place[c] + (c + 1) : nowhere;
      first = here < first ? here : first;
    }
    places[i] = first;
    left = best[1];
    placeOfLeft = place[1];
  }
}

/// The gradient of one plane where `areEveryOther`: each pixel gathers from its windows, in their
/// order, and is written once.
template <class T>
INLINE void gradientOfEveryOther(
  const ck_pooling &p, const T *x, int64_t step, const T *dy, int64_t flowStep, T *dx) {
  const int64_t width = p.out_width, height = p.out_height;
  Mask rows[2][widestPlane + 1];
  for (int i = 0; i < 2; i++) rows[i][width] = Mask{} - 1;  // No window, no place.
  placesOfGreatest(p, x, step, 0, rows[0]);
  for (int64_t row = 0; row < height; row++) {
    const Mask *here = rows[row % 2];
    Mask *below = rows[1 - row % 2];
    const bool isLast = row + 1 == height;
    if (isLast)
      for (int64_t i = 0; i < width; i++) below[i] = Mask{} - 1;
    else
      placesOfGreatest(p, x, step, row + 1, below);
    const T *flowsHere = dy + row * width * flowStep;
    const T *flowsBelow = isLast ? flowsHere : flowsHere + width * flowStep;
    Lanes a = load(flowsHere), c = load(flowsBelow);
    T *to = dx + 2 * row * p.width * step, *toBelow = to + p.width * step;
    for (int64_t i = 0; i < width; i++, to += 2 * step, toBelow += 2 * step) {
      const int64_t ahead = (2 * (row + 2) * p.width + 2 * i) * step;
      __builtin_prefetch(x + ahead + p.width * step);
      __builtin_prefetch(x + ahead + 2 * p.width * step);
      __builtin_prefetch(dx + ahead, 1);
      __builtin_prefetch(dx + ahead + p.width * step, 1);
      __builtin_prefetch(flowsBelow + (width + i) * flowStep);
      const int64_t right = i + 1 < width ? i + 1 : i;
      const Lanes b = load(flowsHere + right * flowStep), d = load(flowsBelow + right * flowStep);
      store(to, where(here[i] == 4, a));
      store(to + step, where(here[i] == 5, a) + where(here[i + 1] == 3, b));
      store(toBelow, where(here[i] == 7, a) + where(below[i] == 1, c));
      store(
        toBelow + step, where(here[i] == 8, a) + where(here[i + 1] == 6, b) + where(below[i] == 2, c)
          + where(below[i + 1] == 0, d));
      a = b;
      c = d;
    }
  }
}

template <class T>
INLINE void maxPoolGradientShare(Pool &pool) {
  const ck_pooling &p = pool.p;
  forEachBlock(pool.layout, p.images, [&](int64_t n, int64_t c, int64_t width) INLINE_LAMBDA {
    const Plane in = plane(pool.layout, n, c, p.height * p.width);
    const Plane out = plane(pool.layout, n, c, p.out_height * p.out_width);
    const T *x = (const T *)pool.x + in.start, *dy = (const T *)pool.dy + out.start;
    T *dx = (T *)pool.y + in.start;
    if (areEveryOther(p, width)) return gradientOfEveryOther(p, x, in.step, dy, out.step, dx);
    for (int64_t pixel = 0; pixel < p.height * p.width; pixel++)
      store(dx + pixel * in.step, Lanes{}, width);
    for (int64_t row = 0; row < p.out_height; row++)
      for (int64_t column = 0; column < p.out_width; column++) {
        const int64_t top = row * p.stride - p.padding, left = column * p.stride - p.padding;
        if (isWhole(p, top, left, width)) {
          Lanes values[9];
          const int64_t first = (top * p.width + left) * in.step, line = p.width * in.step;
          const Lanes best = greatestOf9(x + first, line, in.step, values);
          const Lanes flow = load(dy + (row * p.out_width + column) * out.step);
          Mask open = Mask{} - 1;
          for (int i = 0; i < 9; i++) {
            const Mask here = (values[i] == best) & open;
            open &= ~here;
            T *to = dx + first + i / 3 * line + i % 3 * in.step;
            store(to, load(to) + where(here, flow));
          }
          continue;
        }
        Lanes best = splat(-INFINITY);
        Mask place = Mask{} - 1;
        for (int64_t r = atLeast0(top); r < atMost(top + p.size, p.height); r++)
          for (int64_t q = atLeast0(left); q < atMost(left + p.size, p.width); q++) {
            const int32_t here = (int32_t)(r * p.width + q);
            const Lanes value = load(x + here * in.step, width);
            const Mask better = (value > best) | (place < 0);
            place = (better & (Mask{} + here)) | (~better & place);
            best = maximum(value, best);
          }
        const Lanes flow = load(dy + (row * p.out_width + column) * out.step, width);
        for (int64_t r = atLeast0(top); r < atMost(top + p.size, p.height); r++)
          for (int64_t q = atLeast0(left); q < atMost(left + p.size, p.width); q++) {
            const int32_t here = (int32_t)(r * p.width + q);
            T *to = dx + here * in.step;
            store(to, load(to, width) + where(place == here, flow), width);
          }
      }
  });
}

template <class T>
INLINE void averageShare(Pool &pool) {
  const int64_t pixels = pool.layout.pixels, images = pool.layout.rows / pixels;
  forEachBlock(pool.layout, images, [&](int64_t n, int64_t c, int64_t width) INLINE_LAMBDA {
    const Plane in = plane(pool.layout, n, c, pixels);
    Lanes total{};
    for (int64_t i = 0; i < pixels; i++)
      total += load((const T *)pool.x + in.start + i * in.step, width);
    store((float *)pool.y + n * pool.layout.channels + c, total * (1.0f / (float)pixels), width);
  });
}

template <class T>
INLINE void averageGradientShare(Pool &pool) {
  const int64_t pixels = pool.layout.pixels, images = pool.layout.rows / pixels;
  forEachBlock(pool.layout, images, [&](int64_t n, int64_t c, int64_t width) INLINE_LAMBDA {
    const Plane in = plane(pool.layout, n, c, pixels);
    const float *dy = (const float *)pool.dy + n * pool.layout.channels + c;
    const Lanes part = load(dy, width) * (1.0f / (float)pixels);
    for (int64_t i = 0; i < pixels; i++)
      store((T *)pool.y + in.start + i * in.step, part, width);
  });
}

KERNEL void maxPool32(void *p) { maxPoolShare<float>(*(Pool *)p); }
KERNEL void maxPool16(void *p) { maxPoolShare<bfloat16>(*(Pool *)p); }
KERNEL void maxPoolGradient32(void *p) { maxPoolGradientShare<float>(*(Pool *)p); }
KERNEL void maxPoolGradient16(void *p) { maxPoolGradientShare<bfloat16>(*(Pool *)p); }
KERNEL void average32(void *p) { averageShare<float>(*(Pool *)p); }
KERNEL void average16(void *p) { averageShare<bfloat16>(*(Pool *)p); }
KERNEL void averageGradient32(void *p) { averageGradientShare<float>(*(Pool *)p); }
KERNEL void averageGradient16(void *p) { averageGradientShare<bfloat16>(*(Pool *)p); }

}  // namespace
