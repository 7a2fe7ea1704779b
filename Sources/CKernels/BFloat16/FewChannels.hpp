// A convolution of few channels in NHWC in bfloat16: the first one of an encoder.
//
// In NHWC, a row of a window is a run of size·channels adjacent values. These are multiplied in pairs, whichever channels
// they belong to. So three channels need no padding to sixteen.
//
// In the vertical direction it uses F(2, 3) of Winograd's minimal filtering (Filtering.hpp). Three taps, `stride` rows apart,
// and two rows of outputs take four products instead of six:
//   y₀ = s + d + (x₀ − x₂)·g₀,  s = (x₁ + x₂)·(g₀ + g₁ + g₂)/2,
//   y₁ = s − d + (x₃ − x₁)·g₂,  d = (x₂ − x₁)·(g₀ − g₁ + g₂)/2,
// where x₀ to x₃ are input rows, also `stride` apart, and x₀ is the row that g₀ reads for y₀. Taps that belong to no group
// of three are multiplied directly. Sums of rows are cheap, because there are few channels and each sum serves all output
// channels.
#pragma once
#include "Products.hpp"

namespace {
namespace fewChannels {

// A tile of the convolution is some positions of two output rows by a tile of channels. A tile of the gradient is some values
// of a window's row by a tile of channels. Either leaves registers for the operands: with AVX-512 these are four and seven.
const int maximumSize = 7;

/// One product of the formula: a sum of two input rows times a sum of filter rows.
struct Term {
  /// Input row `row` plus `sign` times input row `other`. Both are counted from the first row that y₀ reads.
  int64_t row, other;
  float sign;
  /// The factor of each filter row.
  float filter[maximumSize];
};

/// The products that two output rows are sums of.
struct Terms {
  /// Alternating: a term of s and one of d up to `shared`, then a term of y₀ alone and one of y₁ alone.
  Term terms[2 * maximumSize];
  int64_t shared = 0, count = 0;

  explicit Terms(const ck_convolution &c) {
    // Taps t, t + stride and t + 2·stride form a group of three.
    const int64_t one = c.stride, two = 2 * one;
    const auto add = [&](int64_t row, int64_t other, float sign) -> float * {
      terms[count] = {row, other, sign, {}};
      return terms[count++].filter;
    };
    const auto first = [&](int64_t tap) { return tap - tap / one % 3 * one; };  // The first tap of its group.
    const auto isInGroup = [&](int64_t tap) { return first(tap) + two < c.size; };
    for (int64_t tap = 0; tap < c.size; tap++) {
      if (!isInGroup(tap) || tap != first(tap)) continue;
      float *s = add(tap + one, tap + two, 1), *d = add(tap + two, tap + one, -1);
      s[tap] = s[tap + one] = s[tap + two] = d[tap] = d[tap + two] = 0.5f;
      d[tap + one] = -0.5f;
    }
    shared = count;
    for (int64_t tap = 0; tap < c.size; tap++) {
      if (!isInGroup(tap)) {
        // A tap of no group: y₀ and y₁ each take it directly.
        add(tap, 0, 0)[tap] = 1;
        add(tap + one, 0, 0)[tap] = 1;
      } else if (tap == first(tap)) {
        add(tap, tap + two, -1)[tap] = 1;
        add(tap + two + one, tap + one, -1)[tap + two] = 1;
      }
    }
  }
};

/// The geometry of rows, in values, where a pixel has as many values as there are channels.
template <class V>
struct Rows {
  int64_t values, pairs;  // Of a window's row.
  int64_t step;           // From one position's window to the next one's.
  int64_t width, margin;  // Of a row of pixels, and of the padding on its left.
  int64_t length;         // Of a row with its padding, up to what the last tile reads and one vector more.
  int64_t inPicture, count;  // Pairs of output rows, in a picture and in all pictures.

  explicit Rows(const ck_convolution &c)
    : values(c.size * c.in_channels), pairs((values + 1) / 2), step(c.stride * c.in_channels),
      width(c.width * c.in_channels), margin(c.padding * c.in_channels),
      inPicture((c.out_height + 1) / 2), count(c.images * inPicture) {
    const int64_t read = (c.out_width + V::tilePositions) * step + values + V::tileValues, held = margin + width;
    length = ((read > held ? read : held) + 95) / 32 * 32;
  }
};

/// Writes a term's sum of input rows for pair `pair` of output rows, after the left padding.
template <class V>
void sumRows(
  const ck_convolution &c, const Rows<V> &rows, const Term &term, const bfloat16 *x, int64_t pair,
  bfloat16 *to) {
  const bfloat16 *picture = x + pair / rows.inPicture * c.height * rows.width;
  const int64_t top = pair % rows.inPicture * 2 * c.stride - c.padding;
  const auto line = [&](int64_t row, bool isThere) {
    return isThere && row >= 0 && row < c.height ? picture + row * rows.width : nullptr;
  };
  const bfloat16 *first = line(top + term.row, true), *second = line(top + term.other, term.sign != 0);
  const Lanes<V> sign = V::broadcast(term.sign);
  for (int64_t i = 0; i < rows.width; i += 2 * V::lanes) {
    // Prefetches the row that the same term of the next pair reads first.
    __builtin_prefetch(picture + (top + term.row + 2 * c.stride) * rows.width + i);
    const auto pixels = [&](const bfloat16 *line) __attribute__((always_inline)) {
      return line ? V::loadPairs(line + i, rows.width - i) : V::noPairs();
    };
    const Pairs<V> a = pixels(first), b = pixels(second);
    const Lanes<V> even = V::fma(sign, V::firstOf(b), V::firstOf(a));
    const Lanes<V> odd = V::fma(sign, V::secondOf(b), V::secondOf(a));
    V::storePairs(to + rows.margin + i, V::interleaved(even, odd));
  }
}

template <class V>
struct Job {
  ck_convolution c;
  Terms terms;
  Rows<V> rows;
  const bfloat16 *x, *filters;  // [result tile][term][pair of values][result channel][2]
  bool isBlocked;
  ck_epilogue epilogue;
  bfloat16 *y, *workspace;
};

/// One tile. `sums` are the terms' rows, from the window of the tile's first position on.
template <class V>
void tile(
  const Job<V> &job, const bfloat16 *sums, int64_t pair, int64_t column, int64_t channel) {
  const ck_convolution &c = job.c;
  const Rows<V> &rows = job.rows;
  TileSums<V, V::vectors, V::tilePositions> y[2];
  // y[0] gathers s and y[1] gathers d. The bias is added to s, which is part of both rows.
  for (int v = 0; v < V::vectors; v++) {
    const float *bias = job.epilogue.bias;
    for (int i = 0; i < V::tilePositions; i++) {
      y[0].lanes[i][v] = bias ? V::load(bias + channel + v * V::lanes) : V::zero();
      y[1].lanes[i][v] = V::zero();
    }
  }
  const int64_t filterStep = rows.pairs * 2 * V::tileColumns;
  const bfloat16 *filters = job.filters + channel / V::tileColumns * job.terms.count * filterStep;
  const auto add = [&](int64_t first, int64_t last) __attribute__((always_inline)) {
    for (int64_t term = first; term < last; term += 2) {
      const bfloat16 *pixels = sums + term * rows.length, *filter = filters + term * filterStep;
      for (int64_t k = 0; k < rows.pairs; k++)
#pragma clang loop unroll(full)
        for (int r = 0; r < 2; r++)
          addProducts<V, V::vectors>(
            y[r], filter + r * filterStep + k * 2 * V::tileColumns,
            [&](int i) __attribute__((always_inline)) {
              return pixels + r * rows.length + i * rows.step + 2 * k;
            });
    }
  };
  add(0, job.terms.shared);
  for (int i = 0; i < V::tilePositions; i++)
    for (int v = 0; v < V::vectors; v++) {
      const Lanes<V> s = y[0].lanes[i][v], d = y[1].lanes[i][v];
      y[0].lanes[i][v] = s + d;
      y[1].lanes[i][v] = s - d;
    }
  add(job.terms.shared, job.terms.count);
  const Epilogue<V> finished(job.epilogue);
  const int64_t pixels = c.out_height * c.out_width, row = pair % rows.inPicture * 2;
  const int64_t pixelStride = job.isBlocked ? 16 : c.out_channels;
  const int64_t vectorStride = V::lanes < 16 || !job.isBlocked ? V::lanes : pixels * 16;
  const int64_t first = pair / rows.inPicture * c.out_channels * pixels
    + (job.isBlocked ? blockedOffset(channel, pixels) : channel) + (row * c.out_width + column) * pixelStride;
  // Unrolled, so that the sums stay in registers.
#pragma clang loop unroll(full)
  for (int r = 0; r < 2; r++)
#pragma clang loop unroll(full)
    for (int i = 0; i < V::tilePositions; i++)
#pragma clang loop unroll(full)
      for (int v = 0; v < V::vectors; v++) {
        if (row + r >= c.out_height || column + i >= c.out_width) continue;
        const int64_t at = first + (r * c.out_width + i) * pixelStride + v * vectorStride;
        V::storeNarrowed(job.y + at, finished(y[r].lanes[i][v], at));
      }
}

/// Elements from one thread's part of the workspace to the next one's. Two thirds of it are padding against false sharing
/// through the hardware prefetcher: it follows the stride of the rows far beyond the last of them, and would take cache
/// lines that another thread writes.
template <class V>
int64_t partLength(const Terms &terms, const Rows<V> &rows) { return 3 * terms.count * rows.length; }

template <class V>
void convolveShare(void *argument) {
  const Job<V> &job = *(const Job<V> *)argument;
  const ck_convolution &c = job.c;
  const Rows<V> &rows = job.rows;
  const Share mine = share(rows.count);
  bfloat16 *sums = job.workspace + mine.thread * partLength(job.terms, rows);
  memset(sums, 0, 2 * job.terms.count * rows.length);
  for (int64_t pair = mine.first; pair < mine.last; pair++) {
    for (int64_t term = 0; term < job.terms.count; term++)
      sumRows(c, rows, job.terms.terms[term], job.x, pair, sums + term * rows.length);
    for (int64_t channel = 0; channel < c.out_channels; channel += V::tileColumns)
      for (int64_t column = 0; column < c.out_width; column += V::tilePositions)
        tile(job, sums + column * rows.step, pair, column, channel);
  }
}

struct Filters {
  ck_convolution c;
  const float *w;  // [out][row of taps][value]
  bfloat16 *packed;
};

template <class V>
void packShare(void *argument) {
  const Filters &f = *(const Filters *)argument;
  const Terms terms(f.c);
  const Rows<V> rows(f.c);
  const Share mine = share(f.c.out_channels / V::lanes);
  for (int64_t channel = mine.first * V::lanes; channel < mine.last * V::lanes; channel += V::lanes) {
    bfloat16 *to = f.packed + channel / V::tileColumns * terms.count * rows.pairs * 2 * V::tileColumns
      + channel % V::tileColumns * 2;
    for (int64_t term = 0; term < terms.count; term++)
      for (int64_t k = 0; k < rows.pairs; k++, to += 2 * V::tileColumns) {
        float sums[2][V::lanes] = {};
        for (int64_t half = 0; half < 2 && 2 * k + half < rows.values; half++)
          for (int64_t tap = 0; tap < f.c.size; tap++)
            for (int64_t i = 0; i < V::lanes; i++)
              sums[half][i] += terms.terms[term].filter[tap]
                * f.w[((channel + i) * f.c.size + tap) * rows.values + 2 * k + half];
        V::storePairs(to, V::interleaved(V::load(sums[0]), V::load(sums[1])));
      }
  }
}

template <class V>
void pack(ck_convolution convolution, const float *w, void *packed) {
  Filters filters{convolution, w, (bfloat16 *)packed};
  runOnTeam(packShare<V>, filters);
}

template <class V>
void convolve(
  ck_convolution c, const void *x, const void *packed, bool blocked, ck_epilogue epilogue, void *y,
  void *workspace) {
  Job<V> job{
    c, Terms(c), Rows<V>(c), (const bfloat16 *)x, (const bfloat16 *)packed, blocked, epilogue,
    (bfloat16 *)y, (bfloat16 *)workspace};
  runOnTeam(convolveShare<V>, job);
}

template <class V>
int64_t filterBytes(ck_convolution c) {
  return 4 * Terms(c).count * Rows<V>(c).pairs * c.out_channels;
}

template <class V>
int64_t bytes(ck_convolution c, int threads) {
  return threads * 2 * partLength(Terms(c), Rows<V>(c));
}

}  // namespace fewChannels
}  // namespace
