// Max and average pooling over either layout, forward and backward.
#pragma once
#include "Vector.hpp"

namespace {

/// A feature map of 16 channels: its first element, and the elements from one pixel to the next.
struct FeatureMap {
  int64_t start, stride;
};
INLINE FeatureMap featureMap(const ck_layout &l, int64_t image, int64_t channel, int64_t pixels) {
  const int64_t picture = image * pixels * l.channels;
  return l.blocked ? FeatureMap{picture + channel * pixels, 16} : FeatureMap{picture + channel, l.channels};
}

INLINE int64_t atLeast0(int64_t value) { return value < 0 ? 0 : value; }
INLINE int64_t atMost(int64_t value, int64_t limit) { return value < limit ? value : limit; }

/// Calls `body(image, channel, width)` for this thread's share of the pictures' blocks of 16 channels; the last block of a
/// picture may be narrower.
template <class Body>
INLINE void forEachBlock(const ck_layout &layout, int64_t images, Body body) {
  const int64_t blocks = (layout.channels + 15) / 16;
  const Share mine = share(images * blocks);
  for (int64_t unit = mine.first; unit < mine.last; unit++) {
    const int64_t channel = unit % blocks * 16;
    body(unit / blocks, channel, atMost(layout.channels - channel, 16));
  }
}

/// The pixels `[top, bottom)` × `[left, right)` of a window that lie in the feature map.
struct Window {
  int64_t top, left, bottom, right;
  /// Whether it is a 3×3 window that lies in the feature map as a whole, of 16 channels: its loops are unrolled.
  bool isWhole3x3;

  INLINE_LAMBDA Window(const ck_pooling &p, int64_t row, int64_t column, int64_t width)
    : top(row * p.stride - p.padding), left(column * p.stride - p.padding) {
    isWhole3x3 = p.size == 3 && width == 16 && top >= 0 && left >= 0 && top + 3 <= p.height
      && left + 3 <= p.width;
    bottom = atMost(top + p.size, p.height);
    right = atMost(left + p.size, p.width);
    top = atLeast0(top);
    left = atLeast0(left);
  }
};

/// The nine elements of a 3×3 window from `x` on, whose rows are `line` elements apart, and the greatest of them.
template <class T>
INLINE Lanes greatestOf9(const T *x, int64_t line, int64_t stride, Lanes (&values)[9]) {
  for (int i = 0; i < 9; i++) values[i] = load(x + i / 3 * line + i % 3 * stride);
  Lanes best = values[0];
  for (int i = 1; i < 9; i++) best = maximum(values[i], best);
  return best;
}

// MARK: Windows of 3×3 with stride 2 and padding 1, the stem of a ResNet
//
// Window i of a row covers the columns 2i − 1 … 2i + 1. Neighbouring windows share a column, whose greatest element serves
// both. A pixel lies in one window, in two, or in four.

/// The most windows per row that `gradientOfStride2` has room for.
const int64_t widestMap = 256;

INLINE bool isStride2(const ck_pooling &p, int64_t width) {
  return p.size == 3 && p.stride == 2 && p.padding == 1 && width == 16 && p.height == 2 * p.out_height
    && p.width == 2 * p.out_width && p.out_width <= widestMap;
}

template <class T>
INLINE void maxPoolOfStride2(const ck_pooling &p, const T *x, int64_t stride, T *y, int64_t resultStride) {
  for (int64_t row = 0; row < p.out_height; row++) {
    // The first row of windows lacks the line above; its middle line taken twice changes no maximum.
    const T *middle = x + 2 * row * p.width * stride, *below = middle + p.width * stride;
    const T *above = row ? middle - p.width * stride : middle;
    T *to = y + row * p.out_width * resultStride;
    const auto column = [&](int64_t at) INLINE_LAMBDA {
      return maximum(maximum(load(above + at), load(middle + at)), load(below + at));
    };
    Lanes left = splat(-INFINITY);
    for (int64_t i = 0; i < p.out_width; i++) {
      __builtin_prefetch(below + (2 * i + p.width) * stride);
      __builtin_prefetch(below + (2 * i + 2 * p.width) * stride);
      const Lanes right = column((2 * i + 1) * stride);
      store(to + i * resultStride, maximum(maximum(left, column(2 * i * stride)), right));
      left = right;
    }
  }
}

/// For each window of a row the index, 0…8 in row-major order, of its first greatest element.
template <class T>
INLINE void indicesOfGreatest(
  const ck_pooling &p, const T *x, int64_t stride, int64_t row, Mask *indices) {
  const T *middle = x + 2 * row * p.width * stride, *below = middle + p.width * stride;
  const T *above = row ? middle - p.width * stride : middle;
  // Index 0 is the window's top left element. A column's index is that of its line, 0, 3 or 6; where the line above is
  // the middle one, read twice, the middle one's index counts.
  const Mask none = Mask{} + 99, ofAbove = Mask{} + (row ? 0 : 3);
  Lanes left = splat(-INFINITY);
  Mask indexOfLeft = none;
  for (int64_t i = 0; i < p.out_width; i++) {
    Lanes best[2];
    Mask index[2];
    for (int c = 0; c < 2; c++) {
      const int64_t at = (2 * i + c) * stride;
      const Lanes a = load(above + at), b = load(middle + at);
      best[c] = maximum(maximum(a, b), load(below + at));
      index[c] = a == best[c] ? ofAbove : b == best[c] ? Mask{} + 3 : Mask{} + 6;
    }
    const Lanes greatest = maximum(maximum(left, best[0]), best[1]);
    Mask first = left == greatest ? indexOfLeft : none;
    for (int c = 0; c < 2; c++) {
      const Mask here = best[c] == greatest ? index[c] + (c + 1) : none;
      first = here < first ? here : first;
    }
    indices[i] = first;
    left = best[1];
    indexOfLeft = index[1];
  }
}

/// The gradient of one feature map. Each pixel gathers from the windows that it lies in, in their order, and is written
/// once: no zeros are written first, and nothing is read back.
template <class T>
INLINE void gradientOfStride2(
  const ck_pooling &p, const T *x, int64_t stride, const T *dy, int64_t resultStride, T *dx) {
  const int64_t width = p.out_width, height = p.out_height;
  // The indices of two rows of windows, each with one more window at its end that no pixel matches.
  Mask rows[2][widestMap + 1];
  for (int i = 0; i < 2; i++) rows[i][width] = Mask{} - 1;
  indicesOfGreatest(p, x, stride, 0, rows[0]);
  for (int64_t row = 0; row < height; row++) {
    const Mask *here = rows[row % 2];
    Mask *below = rows[1 - row % 2];
    const bool isLast = row + 1 == height;
    if (isLast)
      for (int64_t i = 0; i < width; i++) below[i] = Mask{} - 1;
    else
      indicesOfGreatest(p, x, stride, row + 1, below);
    const T *gradientsHere = dy + row * width * resultStride;
    const T *gradientsBelow = isLast ? gradientsHere : gradientsHere + width * resultStride;
    Lanes a = load(gradientsHere), c = load(gradientsBelow);
    T *to = dx + 2 * row * p.width * stride, *toBelow = to + p.width * stride;
    for (int64_t i = 0; i < width; i++, to += 2 * stride, toBelow += 2 * stride) {
      const int64_t ahead = (2 * (row + 2) * p.width + 2 * i) * stride;
      __builtin_prefetch(x + ahead + p.width * stride);
      __builtin_prefetch(x + ahead + 2 * p.width * stride);
      __builtin_prefetch(dx + ahead, 1);
      __builtin_prefetch(dx + ahead + p.width * stride, 1);
      __builtin_prefetch(gradientsBelow + (width + i) * resultStride);
      const int64_t right = i + 1 < width ? i + 1 : i;
      const Lanes b = load(gradientsHere + right * resultStride);
      const Lanes d = load(gradientsBelow + right * resultStride);
      // Four pixels: the centre of window a; between a and its right neighbour b; between a and c below it; the corner
      // of all four, a, b, c and d. Each is compared with its index in each of its windows.
      store(to, where(here[i] == 4, a));
      store(to + stride, where(here[i] == 5, a) + where(here[i + 1] == 3, b));
      store(toBelow, where(here[i] == 7, a) + where(below[i] == 1, c));
      store(
        toBelow + stride, where(here[i] == 8, a) + where(here[i + 1] == 6, b) + where(below[i] == 2, c)
          + where(below[i + 1] == 0, d));
      a = b;
      c = d;
    }
  }
}

// MARK: All windows

template <class T>
TASK void maxPool(void *argument) {
  const Pool &pool = *(const Pool *)argument;
  const ck_pooling &p = pool.geometry;
  forEachBlock(pool.layout, p.images, [&](int64_t n, int64_t channel, int64_t width) INLINE_LAMBDA {
    const FeatureMap in = featureMap(pool.layout, n, channel, p.height * p.width);
    const FeatureMap out = featureMap(pool.layout, n, channel, p.out_height * p.out_width);
    const T *x = (const T *)pool.x + in.start;
    T *y = (T *)pool.result + out.start;
    if (isStride2(p, width)) return maxPoolOfStride2(p, x, in.stride, y, out.stride);
    for (int64_t row = 0; row < p.out_height; row++)
      for (int64_t column = 0; column < p.out_width; column++) {
        const Window window(p, row, column, width);
        T *to = y + (row * p.out_width + column) * out.stride;
        if (window.isWhole3x3) {
          Lanes values[9];
          const T *from = x + (window.top * p.width + window.left) * in.stride;
          store(to, greatestOf9(from, p.width * in.stride, in.stride, values));
          continue;
        }
        Lanes best = splat(-INFINITY);
        for (int64_t r = window.top; r < window.bottom; r++)
          for (int64_t q = window.left; q < window.right; q++)
            best = maximum(load(x + (r * p.width + q) * in.stride, width), best);
        store(to, best, width);
      }
  });
}

/// Adds a window's gradient to the first greatest of its nine elements.
template <class T>
INLINE void addGradientOf3x3(const T *x, int64_t line, int64_t stride, Lanes gradient, T *dx) {
  Lanes values[9];
  const Lanes best = greatestOf9(x, line, stride, values);
  Mask open = Mask{} - 1;  // Lanes whose greatest element has not come yet.
  for (int i = 0; i < 9; i++) {
    const Mask here = (values[i] == best) & open;
    open &= ~here;
    T *to = dx + i / 3 * line + i % 3 * stride;
    store(to, load(to) + where(here, gradient));
  }
}

/// Adds a window's gradient to the first greatest of its elements.
template <class T>
INLINE void addGradient(
  const Window &window, int64_t mapWidth, const T *x, int64_t stride, int64_t width, Lanes gradient, T *dx) {
  Lanes best = splat(-INFINITY);
  Mask index = Mask{} - 1;
  for (int64_t r = window.top; r < window.bottom; r++)
    for (int64_t q = window.left; q < window.right; q++) {
      const int32_t here = (int32_t)(r * mapWidth + q);
      const Lanes value = load(x + here * stride, width);
      // The first element is taken even if it is −∞ or NaN.
      const Mask better = (value > best) | (index < 0);
      index = (better & (Mask{} + here)) | (~better & index);
      best = maximum(value, best);
    }
  for (int64_t r = window.top; r < window.bottom; r++)
    for (int64_t q = window.left; q < window.right; q++) {
      const int32_t here = (int32_t)(r * mapWidth + q);
      T *to = dx + here * stride;
      store(to, load(to, width) + where(index == here, gradient), width);
    }
}

template <class T>
TASK void maxPoolGradient(void *argument) {
  const Pool &pool = *(const Pool *)argument;
  const ck_pooling &p = pool.geometry;
  forEachBlock(pool.layout, p.images, [&](int64_t n, int64_t channel, int64_t width) INLINE_LAMBDA {
    const FeatureMap in = featureMap(pool.layout, n, channel, p.height * p.width);
    const FeatureMap out = featureMap(pool.layout, n, channel, p.out_height * p.out_width);
    const T *x = (const T *)pool.x + in.start, *dy = (const T *)pool.dy + out.start;
    T *dx = (T *)pool.result + in.start;
    if (isStride2(p, width)) return gradientOfStride2(p, x, in.stride, dy, out.stride, dx);
    for (int64_t pixel = 0; pixel < p.height * p.width; pixel++)
      store(dx + pixel * in.stride, Lanes{}, width);
    for (int64_t row = 0; row < p.out_height; row++)
      for (int64_t column = 0; column < p.out_width; column++) {
        const Window window(p, row, column, width);
        const Lanes gradient = load(dy + (row * p.out_width + column) * out.stride, width);
        const int64_t first = (window.top * p.width + window.left) * in.stride;
        if (window.isWhole3x3)
          addGradientOf3x3(x + first, p.width * in.stride, in.stride, gradient, dx + first);
        else
          addGradient(window, p.width, x, in.stride, width, gradient, dx);
      }
  });
}

template <class T>
TASK void averagePool(void *argument) {
  const Pool &pool = *(const Pool *)argument;
  const int64_t pixels = pool.layout.pixels, images = pool.layout.rows / pixels;
  forEachBlock(pool.layout, images, [&](int64_t n, int64_t channel, int64_t width) INLINE_LAMBDA {
    const FeatureMap in = featureMap(pool.layout, n, channel, pixels);
    Lanes total{};
    for (int64_t i = 0; i < pixels; i++)
      total += load((const T *)pool.x + in.start + i * in.stride, width);
    float *mean = (float *)pool.result + n * pool.layout.channels + channel;
    store(mean, total * (1.0f / (float)pixels), width);
  });
}

template <class T>
TASK void averagePoolGradient(void *argument) {
  const Pool &pool = *(const Pool *)argument;
  const int64_t pixels = pool.layout.pixels, images = pool.layout.rows / pixels;
  forEachBlock(pool.layout, images, [&](int64_t n, int64_t channel, int64_t width) INLINE_LAMBDA {
    const FeatureMap in = featureMap(pool.layout, n, channel, pixels);
    const float *dy = (const float *)pool.dy + n * pool.layout.channels + channel;
    const Lanes part = load(dy, width) * (1.0f / (float)pixels);
    for (int64_t i = 0; i < pixels; i++)
      store((T *)pool.result + in.start + i * in.stride, part, width);
  });
}

}  // namespace
