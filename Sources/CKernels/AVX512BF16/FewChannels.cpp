// A convolution of few channels in NHWC, and the gradient of its weights, in bfloat16: the first one of an encoder.
//
// In NHWC, a row of a window is a run of size·channels adjacent values. These are multiplied in pairs, whichever channels
// they belong to. So three channels need no padding to sixteen.
//
// In the vertical direction it uses F(2, 3) of Winograd's minimal filtering (Winograd.hpp). Three taps, `stride` rows apart,
// and two rows of outputs take four products instead of six:
//   y₀ = s + d + (x₀ − x₂)·g₀,  s = (x₁ + x₂)·(g₀ + g₁ + g₂)/2,
//   y₁ = s − d + (x₃ − x₁)·g₂,  d = (x₂ − x₁)·(g₀ − g₁ + g₂)/2,
// where x₀ to x₃ are input rows, also `stride` apart, and x₀ is the row that g₀ reads for y₀. Taps that belong to no group
// of three are multiplied directly. The gradient of the weights is the transpose. Sums of rows are cheap, because there are
// few channels and each sum serves all output channels.
#include "Products.hpp"

#if defined(__x86_64__)

using namespace ck;

namespace {

// A tile of the convolution is four positions of two output rows by 32 channels. A tile of the gradient is seven values of a
// window's row by 32 channels. Either leaves registers for the operands.
const int maximumSize = 7, tilePositions = 4, tileValues = 7;

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
    const int64_t read = (c.out_width + tilePositions) * step + values + tileValues, held = margin + width;
    length = ((read > held ? read : held) + 95) / 32 * 32;
  }
};

/// The even and the odd ones of 32 elements, as float32.
struct EvenAndOdd {
  __m512 even, odd;

  BFLOAT16 ALWAYS_INLINE explicit EvenAndOdd(__m512i all)
    : even((__m512)_mm512_slli_epi32(all, 16)),
      odd((__m512)_mm512_and_si512(all, _mm512_set1_epi32(0xffff0000))) {}
};

/// Writes a term's sum of input rows for pair `pair` of output rows, after the left padding.
BFLOAT16 void sumRows(
  const ck_convolution &c, const Rows &rows, const Term &term, const bfloat16 *x, int64_t pair,
  bfloat16 *to) {
  const bfloat16 *picture = x + pair / rows.inPicture * c.height * rows.width;
  const int64_t top = pair % rows.inPicture * 2 * c.stride - c.padding;
  const auto line = [&](int64_t row, bool isThere) {
    return isThere && row >= 0 && row < c.height ? picture + row * rows.width : nullptr;
  };
  const bfloat16 *first = line(top + term.row, true), *second = line(top + term.other, term.sign != 0);
  const __m512 sign = _mm512_set1_ps(term.sign);
  for (int64_t i = 0; i < rows.width; i += 32) {
    // Prefetches the row that the same term of the next pair reads first.
    _mm_prefetch(picture + (top + term.row + 2 * c.stride) * rows.width + i, _MM_HINT_T0);
    const __mmask32 mask = rows.width - i < 32 ? (1u << (rows.width - i)) - 1 : ~0u;
    const auto pixels = [&](const bfloat16 *line) BFLOAT16 __attribute__((always_inline)) {
      return EvenAndOdd(line ? _mm512_maskz_loadu_epi16(mask, line + i) : _mm512_setzero_si512());
    };
    const EvenAndOdd a = pixels(first), b = pixels(second);
    const __m512 even = _mm512_fmadd_ps(sign, b.even, a.even), odd = _mm512_fmadd_ps(sign, b.odd, a.odd);
    _mm512_storeu_si512(to + rows.margin + i, interleaved(even, odd));
  }
}

// MARK: The convolution

struct Job {
  ck_convolution c;
  Terms terms;
  Rows rows;
  const bfloat16 *x, *filters;  // [result tile][term][pair of values][result channel][2]
  bool isBlocked;
  ck_epilogue epilogue;
  bfloat16 *y, *workspace;
};

/// One tile. `sums` are the terms' rows, from the window of the tile's first position on.
BFLOAT16 void tile(
  const Job &job, const bfloat16 *sums, int64_t pair, int64_t column, int64_t channel) {
  const ck_convolution &c = job.c;
  const Rows &rows = job.rows;
  TileSums<2, tilePositions> y[2];
  // y[0] gathers s and y[1] gathers d. The bias is added to s, which is part of both rows.
  for (int v = 0; v < 2; v++) {
    const float *bias = job.epilogue.bias;
    for (int i = 0; i < tilePositions; i++) {
      y[0].lanes[i][v] = bias ? _mm512_loadu_ps(bias + channel + v * 16) : _mm512_setzero_ps();
      y[1].lanes[i][v] = _mm512_setzero_ps();
    }
  }
  const int64_t filterStep = rows.pairs * 2 * tileColumns;
  const bfloat16 *filters = job.filters + channel / tileColumns * job.terms.count * filterStep;
  const auto add = [&](int64_t first, int64_t last) BFLOAT16 __attribute__((always_inline)) {
    for (int64_t term = first; term < last; term += 2) {
      const bfloat16 *pixels = sums + term * rows.length, *filter = filters + term * filterStep;
      for (int64_t k = 0; k < rows.pairs; k++)
#pragma clang loop unroll(full)
        for (int r = 0; r < 2; r++)
          addProducts<2>(
            y[r], filter + r * filterStep + k * 2 * tileColumns,
            [&](int i) __attribute__((always_inline)) {
              return pixels + r * rows.length + i * rows.step + 2 * k;
            });
    }
  };
  add(0, job.terms.shared);
  for (int i = 0; i < tilePositions; i++)
    for (int v = 0; v < 2; v++) {
      const __m512 s = y[0].lanes[i][v], d = y[1].lanes[i][v];
      y[0].lanes[i][v] = _mm512_add_ps(s, d);
      y[1].lanes[i][v] = _mm512_sub_ps(s, d);
    }
  add(job.terms.shared, job.terms.count);
  const Epilogue finished(job.epilogue);
  const int64_t pixels = c.out_height * c.out_width, row = pair % rows.inPicture * 2;
  const int64_t pixelStride = job.isBlocked ? 16 : c.out_channels, blockStride = job.isBlocked ? pixels * 16 : 16;
  const int64_t first = pair / rows.inPicture * c.out_channels * pixels + channel / 16 * blockStride
    + (row * c.out_width + column) * pixelStride;
  for (int r = 0; r < 2 && row + r < c.out_height; r++)
    for (int i = 0; i < tilePositions; i++)
      for (int v = 0; v < 2; v++) {
        if (column + i >= c.out_width) continue;
        const int64_t at = first + (r * c.out_width + i) * pixelStride + v * blockStride;
        _mm256_storeu_si256(
          (__m256i *)(job.y + at), (__m256i)_mm512_cvtneps_pbh(finished(y[r].lanes[i][v], at)));
      }
}

/// Elements from one thread's part of the workspace to the next one's. Two thirds of it are padding against false sharing
/// through the hardware prefetcher: it follows the stride of the rows far beyond the last of them, and would take cache
/// lines that another thread writes.
int64_t partLength(const Terms &terms, const Rows &rows) { return 3 * terms.count * rows.length; }

BFLOAT16 void convolveShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const ck_convolution &c = job.c;
  const Rows &rows = job.rows;
  const Share mine = share(rows.count);
  bfloat16 *sums = job.workspace + mine.thread * partLength(job.terms, rows);
  memset(sums, 0, 2 * job.terms.count * rows.length);
  for (int64_t pair = mine.first; pair < mine.last; pair++) {
    for (int64_t term = 0; term < job.terms.count; term++)
      sumRows(c, rows, job.terms.terms[term], job.x, pair, sums + term * rows.length);
    for (int64_t channel = 0; channel < c.out_channels; channel += tileColumns)
      for (int64_t column = 0; column < c.out_width; column += tilePositions)
        tile(job, sums + column * rows.step, pair, column, channel);
  }
}

struct Filters {
  ck_convolution c;
  const float *w;  // [out][row of taps][value]
  bfloat16 *packed;
};

BFLOAT16 void packShare(void *argument) {
  const Filters &f = *(const Filters *)argument;
  const Terms terms(f.c);
  const Rows rows(f.c);
  const Share mine = share(f.c.out_channels / 16);
  for (int64_t channel = mine.first * 16; channel < mine.last * 16; channel += 16) {
    bfloat16 *to = f.packed + channel / tileColumns * terms.count * rows.pairs * 2 * tileColumns
      + channel % tileColumns * 2;
    for (int64_t term = 0; term < terms.count; term++)
      for (int64_t k = 0; k < rows.pairs; k++, to += 2 * tileColumns) {
        float sums[2][16] = {};
        for (int64_t half = 0; half < 2 && 2 * k + half < rows.values; half++)
          for (int64_t tap = 0; tap < f.c.size; tap++)
            for (int64_t i = 0; i < 16; i++)
              sums[half][i] += terms.terms[term].filter[tap]
                * f.w[((channel + i) * f.c.size + tap) * rows.values + 2 * k + half];
        _mm512_storeu_si512(to, interleaved(_mm512_loadu_ps(sums[0]), _mm512_loadu_ps(sums[1])));
      }
  }
}

// MARK: The gradient

/// A thread's part of the workspace.
struct Parts {
  /// Pairs of positions in a row; values of a window's row, rounded up to whole tiles; elements that all pairs read.
  int64_t pairs, values, read;
  /// Sizes of: sums [term][channel tile][value][channel]; pixels [term][element][2], a pair being two neighbouring
  /// positions; gradients [y₀, y₁, y₀ + y₁, y₀ − y₁][pair of positions][channel][2]; all of them and a row.
  int64_t sums, pixels, gradients, byteCount;

  explicit Parts(const ck_convolution &c) {
    const int64_t terms = Terms(c).count;
    const Rows rows(c);
    pairs = (c.out_width + 1) / 2;
    values = (rows.values + tileValues - 1) / tileValues * tileValues;
    read = ((pairs - 1) * 2 * rows.step + values + 31) / 32 * 32;
    sums = terms * c.out_channels * values;
    pixels = terms * read * 2;
    gradients = 4 * pairs * tileColumns * 2;
    byteCount = 4 * sums + 2 * (pixels + gradients + rows.length);
  }
};

struct GradientJob {
  ck_convolution c;
  Terms terms;
  Rows rows;
  Parts parts;
  const bfloat16 *x, *dy;
  float *dw;
  char *workspace;

  float *sums(int64_t thread) const { return (float *)(workspace + thread * parts.byteCount); }
  /// The first of two rows of dy.
  const bfloat16 *gradients(int64_t pair, int64_t channel) const {
    const int64_t pixels = c.out_height * c.out_width;
    return dy + pair / rows.inPicture * c.out_channels * pixels + channel * pixels
      + pair % rows.inPicture * 2 * c.out_width * 16;
  }
};

/// Packs 16 channels of two rows of dy in the four combinations that terms are multiplied by.
BFLOAT16 void packGradients(const GradientJob &job, int64_t pair, int64_t channel, bfloat16 *to) {
  const ck_convolution &c = job.c;
  const int64_t kind = job.parts.pairs * tileColumns * 2;
  const bool isAlone = pair % job.rows.inPicture * 2 + 1 == c.out_height;
  const bfloat16 *from = job.gradients(pair, channel);
  for (int64_t position = 0; position < c.out_width; position += 2, from += 32, to += tileColumns * 2) {
    const auto load = [&](const bfloat16 *at) BFLOAT16 __attribute__((always_inline)) {
      return position + 1 < c.out_width ? pairOfNeighbours(at) : pairOf(at, nullptr);
    };
    const __m512i first = load(from);
    const __m512i second = isAlone ? _mm512_setzero_si512() : load(from + c.out_width * 16);
    const EvenAndOdd a(first), b(second);
    _mm512_storeu_si512(to, first);
    _mm512_storeu_si512(to + kind, second);
    _mm512_storeu_si512(
      to + 2 * kind, interleaved(_mm512_add_ps(a.even, b.even), _mm512_add_ps(a.odd, b.odd)));
    _mm512_storeu_si512(
      to + 3 * kind, interleaved(_mm512_sub_ps(a.even, b.even), _mm512_sub_ps(a.odd, b.odd)));
  }
}

/// Adds the products of all pairs of positions to a tile.
BFLOAT16 void addToTile(
  const GradientJob &job, const bfloat16 *pixels, const bfloat16 *gradients, float *to) {
  TileSums<2, tileValues> sums;
  for (int i = 0; i < tileValues; i++)
    for (int v = 0; v < 2; v++) sums.lanes[i][v] = _mm512_loadu_ps(to + i * tileColumns + v * 16);
  for (int64_t k = 0; k < job.parts.pairs; k++, pixels += 4 * job.rows.step)
    addProducts<2>(
      sums, gradients + k * tileColumns * 2,
      [&](int i) __attribute__((always_inline)) { return pixels + 2 * i; });
  for (int i = 0; i < tileValues; i++)
    for (int v = 0; v < 2; v++) _mm512_storeu_ps(to + i * tileColumns + v * 16, sums.lanes[i][v]);
}

BFLOAT16 void addShare(void *argument) {
  const GradientJob &job = *(const GradientJob *)argument;
  const ck_convolution &c = job.c;
  const Parts &parts = job.parts;
  const int64_t terms = job.terms.count;
  const Share mine = share(job.rows.count);
  float *sums = job.sums(mine.thread);
  bfloat16 *pixels = (bfloat16 *)(sums + parts.sums), *gradients = pixels + parts.pixels;
  bfloat16 *row = gradients + parts.gradients;
  memset(sums, 0, parts.byteCount);
  for (int64_t pair = mine.first; pair < mine.last; pair++) {
    for (int64_t term = 0; term < terms; term++) {
      sumRows(c, job.rows, job.terms.terms[term], job.x, pair, row);
      for (int64_t i = 0; i < parts.read; i += 16)
        _mm512_storeu_si512(pixels + (term * parts.read + i) * 2, pairOf(row + i, row + i + job.rows.step));
    }
    for (int64_t channel = 0; channel < c.out_channels; channel += tileColumns) {
      for (int v = 0; v < 2; v++) packGradients(job, pair, channel + v * 16, gradients + v * 32);
      const int64_t next = pair + 1 < mine.last ? pair + 1 : pair;
      for (int64_t term = 0; term < terms; term++) {
        // Prefetches a part of the next two rows of dy into the L2 cache: packing them would wait for memory.
        for (int v = 0; v < 2; v++)
          for (int64_t i = term * c.out_width / terms; i < (term + 1) * c.out_width / terms; i++)
            _mm_prefetch(job.gradients(next, channel + v * 16) + i * 32, _MM_HINT_T1);
        const int64_t kind = term % 2 + (term < job.terms.shared ? 2 : 0);
        for (int64_t value = 0; value < parts.values; value += tileValues)
          addToTile(
            job, pixels + (term * parts.read + value) * 2, gradients + kind * parts.pairs * tileColumns * 2,
            sums + (term * c.out_channels + channel) * parts.values + value * tileColumns);
      }
    }
  }
}

/// Adds up the threads' sums and distributes the terms to the filter rows, for this thread's share of the channels.
BFLOAT16 void finishShare(void *argument) {
  const GradientJob &job = *(const GradientJob *)argument;
  const ck_convolution &c = job.c;
  const Share mine = share(c.out_channels / 16);
  for (int64_t channel = mine.first * 16; channel < mine.last * 16; channel += 16)
    for (int64_t tap = 0; tap < c.size; tap++)
      for (int64_t value = 0; value < job.rows.values; value++) {
        __m512 sum = _mm512_setzero_ps();
        for (int64_t term = 0; term < job.terms.count; term++) {
          const float factor = job.terms.terms[term].filter[tap];
          const int64_t at = (term * c.out_channels + channel / tileColumns * tileColumns) * job.parts.values
            + value * tileColumns + channel % tileColumns;
          if (factor == 0) continue;
          for (int thread = 0; thread < mine.threads; thread++)
            sum = _mm512_fmadd_ps(_mm512_set1_ps(factor), _mm512_loadu_ps(job.sums(thread) + at), sum);
        }
        for (int64_t i = 0; i < 16; i++)
          job.dw[((channel + i) * c.size + tap) * job.rows.values + value] = sum[i];
      }
}

}  // namespace

void ck_pack_few_channels(ck_convolution convolution, const float *w, void *packed) {
  CK_REQUIRE_BFLOAT16();
  Filters filters{convolution, w, (bfloat16 *)packed};
  runOnTeam(packShare, filters);
}

void ck_few_channels(
  ck_convolution c, const void *x, const void *packed, bool blocked, ck_epilogue epilogue,
  void *y, void *workspace) {
  CK_REQUIRE_BFLOAT16();
  Job job{
    c, Terms(c), Rows(c), (const bfloat16 *)x, (const bfloat16 *)packed, blocked, epilogue,
    (bfloat16 *)y, (bfloat16 *)workspace};
  runOnTeam(convolveShare, job);
}

void ck_few_channels_gradient(
  ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  CK_REQUIRE_BFLOAT16();
  GradientJob job{
    c, Terms(c), Rows(c), Parts(c), (const bfloat16 *)x, (const bfloat16 *)dy, dw, (char *)workspace};
  runOnTeam(addShare, job);
  runOnTeam(finishShare, job);
}

int64_t ck_few_channels_filter_bytes(ck_convolution c) {
  return 4 * Terms(c).count * Rows(c).pairs * c.out_channels;
}
int64_t ck_few_channels_bytes(ck_convolution c, int threads) {
  return threads * 2 * partLength(Terms(c), Rows(c));
}
int64_t ck_few_channels_gradient_bytes(ck_convolution c, int threads) {
  return threads * Parts(c).byteCount;
}
#endif
