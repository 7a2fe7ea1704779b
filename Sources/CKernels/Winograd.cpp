// A convolution of 3×3 windows in steps of one or two pixels, and the gradient of its input, in bfloat16 with fewer
// multiplications.
//
// Summed over the source channels the middle of Winograd.hpp's formula is, for each place of it, a product of
// matrices: tiles × source channels by source × result channels. A thread transforms the pixels of a block of
// tiles, which stay in its second cache, and for 32 result channels at a time makes the products and transforms
// them back. Filters are transformed and packed once an update.
#include "Winograd.hpp"

#if defined(__x86_64__)

using namespace ck;

namespace {

// MARK: Filters

struct Filters {
  ck_convolution c;
  bool isGradient;
  const float *w;  // [out][tap][in]
  bfloat16 *packed;  // [result tile][factor][pair of source channels][result channel][2]
};

/// G g Gᵀ of sixteen filters that lie side by side; the gradient turns them by half a turn.
template <class Steps>
BFLOAT16 ALWAYS_INLINE void transformFilters(
  const float *from, int64_t tapStride, bool isTurned, __m512 (&to)[Steps::factors * Steps::factors]) {
  const int n = Steps::factors;
  __m512 columns[3][n];
  for (int s = 0; s < 3; s++) {
    __m512 g[3];
    for (int r = 0; r < 3; r++) {
      const int tap = r * 3 + s;
      g[r] = _mm512_loadu_ps(from + (isTurned ? 8 - tap : tap) * tapStride);
    }
    Steps::filterAcross(g, columns[s]);
  }
  for (int r = 0; r < n; r++) {
    const __m512 g[3] = {columns[0][r], columns[1][r], columns[2][r]};
    __m512 row[n];
    Steps::filterAcross(g, row);
    for (int s = 0; s < n; s++) to[r * n + s] = row[s];
  }
}

/// Writes past the caches: the lines of a tile lie so far apart that the processor would wait to read each of them first.
BFLOAT16 ALWAYS_INLINE void writeLine(bfloat16 *to, __m512i line) {
  _mm512_stream_si512((__m512i *)to, line);
}

/// Packs 16 result channels of 32 source channels from `s` on, or for the gradient of two.
template <class Steps>
BFLOAT16 void packSixteen(const Filters &f, int64_t result, int64_t s) {
  const int factors = Steps::factors * Steps::factors;
  const int64_t in = f.c.in_channels, tile = result / tileColumns;
  const int64_t factor = roles(f.c, f.isGradient).source * tileColumns;
  bfloat16 *to = f.packed + tile * factors * factor + (result - tile * tileColumns) * 2
    + s * tileColumns;
  if (f.isGradient) {  // Result channels lie side by side: a pair is two rows.
    __m512 low[factors], high[factors];
    transformFilters<Steps>(f.w + s * 9 * in + result, in, true, low);
    transformFilters<Steps>(f.w + (s + 1) * 9 * in + result, in, true, high);
    for (int p = 0; p < factors; p++)
      writeLine(to + p * factor, interleaved(low[p], high[p]));
    return;
  }
  __m512i words[factors][16];  // Source channels do: sixteen pairs are exchanged.
  for (int i = 0; i < 16; i++) {
    __m512 low[factors], high[factors];
    const float *from = f.w + (result + i) * 9 * in + s;
    transformFilters<Steps>(from, in, false, low);
    transformFilters<Steps>(from + 16, in, false, high);
    for (int p = 0; p < factors; p++)
      words[p][i] = (__m512i)_mm512_cvtne2ps_pbh(high[p], low[p]);
  }
  for (int p = 0; p < factors; p++) {
    transpose(words[p]);
    for (int i = 0; i < 16; i++)
      writeLine(to + p * factor + 2 * i * tileColumns, words[p][i]);
  }
}

/// Packs this thread's share in the order in which the filters lie.
template <class Steps>
BFLOAT16 void packShare(void *argument) {
  const Filters &f = *(const Filters *)argument;
  const Roles channels = roles(f.c, f.isGradient);
  const Share mine = share(channels.result / 16);
  if (f.isGradient) {
    for (int64_t s = 0; s < channels.source; s += 2)
      for (int64_t u = mine.first; u < mine.last; u++) packSixteen<Steps>(f, u * 16, s);
  } else {
    for (int64_t u = mine.first; u < mine.last; u++)
      for (int64_t s = 0; s < channels.source; s += 32) packSixteen<Steps>(f, u * 16, s);
  }
  _mm_sfence();
}

// MARK: Products

/// How the tiles of all pictures are divided into blocks.
struct Blocks {
  Tiles tiles;
  int64_t pieceCount, productCount;  // Of a tile, in a channel.
  /// Tiles of a block, a multiple of `tileRows`, and the blocks.
  int64_t size, count;
  /// Elements from one piece and from one product to the next: a line of the cache apart, so that they do not fall on
  /// the same places of it.
  int64_t pixels, products;

  template <class Steps>
  Blocks(Steps, int64_t images, Plane plane, int64_t source, int64_t threads)
    : tiles(images, plane, Steps::results), pieceCount(Steps::pieces * Steps::pieces),
      productCount(Steps::products * Steps::products) {
    // The transformed pixels of a block fill three eighths of a second cache of 1 MiB.
    const int64_t fitting = 384 * 1024 / (pieceCount * 2 * source);
    const int64_t most = fitting < 16 ? 16 : fitting > 128 ? 128 : fitting;
    const int64_t each = (tiles.count + threads - 1) / threads, rounds = (each + most - 1) / most;
    size = ((each + rounds - 1) / rounds + tileRows - 1) / tileRows * tileRows;
    count = (tiles.count + size - 1) / size;
    pixels = size * source + 32;
    products = size * tileColumns + 16;
  }

  /// Bytes of a thread's part, with a gap behind it: a core fetches ahead in the steps in which factors are read, beyond
  /// the last one, and would take lines from the next thread, which writes there.
  int64_t byteCount() const { return pieceCount * 2 * pixels + productCount * 4 * products + 64 * 1024; }
};

/// How many elements a picture's parts are apart, for each layout.
template <bool isBlocked>
struct Strides {
  /// Pixels; blocks of 16 channels; pictures.
  int64_t pixel, block, picture;

  Strides(Plane plane, int64_t channels)
    : pixel(isBlocked ? 16 : channels), block(isBlocked ? plane.height * plane.width * 16 : 16),
      picture(plane.height * plane.width * channels) {}
};

struct Job {
  int64_t source, result;  // Channels.
  Plane sourcePlane, resultPlane;
  Blocks blocks;
  const bfloat16 *x, *filters;
  ck_epilogue epilogue;
  bfloat16 *y;
  char *workspace;  // One part a thread.
};

/// Bᵀ d B of 32 channels from `channel` on for the tiles [first, last), as [piece][tile][channel].
template <class Steps, bool isBlocked>
BFLOAT16 void transformPixels(
  const Job &job, int64_t first, int64_t last, int64_t channel, bfloat16 *to) {
  const int n = Steps::pieces;
  const Plane plane = job.sourcePlane;
  const Strides<isBlocked> strides(plane, job.source);
  const int64_t pieceStep = job.blocks.pixels;
  PixelColumns<Steps> low, high;
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Place at = tiles.place(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    const bfloat16 *data = job.x + at.picture * strides.picture + channel / 16 * strides.block;
    low.move(data, plane, strides.pixel, at, tile > first);
    high.move(data + strides.block, plane, strides.pixel, at, tile > first);
    bfloat16 *result = to + (tile - first) * job.source + channel;
    for (int r = 0; r < n; r++) {
      __m512 rows[2][n];
      low.row(r, rows[0]);
      high.row(r, rows[1]);
      for (int s = 0; s < n; s++)
        _mm512_storeu_si512(
          result + (r * n + s) * pieceStep, (__m512i)_mm512_cvtne2ps_pbh(rows[1][s], rows[0][s]));
    }
  }
}

/// A piece of a block's pixels and the factor of 32 result channels' filters that it meets.
struct Meeting {
  const bfloat16 *pixels, *filters;
};

/// Eight tiles times 32 result channels of one product, a sum over all that meets in it.
BFLOAT16 void multiply(
  const Meeting *meetings, int count, int64_t tile, int64_t source, float *products) {
  TileSums<2> sums;
  for (int i = 0; i < tileRows; i++)
    for (int v = 0; v < 2; v++) sums.lanes[i][v] = _mm512_setzero_ps();
  for (const Meeting *m = meetings; m < meetings + count; m++) {
    const bfloat16 *pixels = m->pixels + tile * source, *filters = m->filters;
#pragma clang loop unroll_count(4)
    for (int64_t s = 0; s < source; s += 2)
      addProducts<2>(sums, filters + s * tileColumns, [&](int i) __attribute__((always_inline)) {
        return pixels + i * source + s;
      });
  }
  for (int i = 0; i < tileRows; i++)
    for (int v = 0; v < 2; v++)
      _mm512_storeu_ps(products + (tile + i) * tileColumns + v * 16, sums.lanes[i][v]);
}

/// Product (r, s) of a block's tiles, for the 32 result channels of `filters`.
template <class Steps>
void makeProduct(
  const Job &job, int64_t tileCount, int r, int s, const bfloat16 *pixels, const bfloat16 *filters,
  float *products) {
  Meeting meetings[4];
  int count = 0;
  for (int down = Steps::first[r]; down < Steps::first[r + 1]; down++)
    for (int across = Steps::first[s]; across < Steps::first[s + 1]; across++)
      meetings[count++] = {
        pixels + (Steps::piece[down] * Steps::pieces + Steps::piece[across]) * job.blocks.pixels,
        filters + (down * Steps::factors + across) * job.source * tileColumns};
  for (int64_t tile = 0; tile < tileCount; tile += tileRows)
    multiply(
      meetings, count, tile, job.source, products + (r * Steps::products + s) * job.blocks.products);
}

/// Aᵀ m A of sixteen channels of one tile.
template <class Steps>
BFLOAT16 ALWAYS_INLINE void transformProducts(
  const float *products, int64_t stride, __m512 (&y)[Steps::results][Steps::results]) {
  const int n = Steps::products;
  __m512 columns[n][Steps::results];
  for (int s = 0; s < n; s++) {
    __m512 m[n];
    for (int r = 0; r < n; r++) m[r] = _mm512_loadu_ps(products + (r * n + s) * stride);
    Steps::resultsAcross(m, columns[s]);
  }
  for (int r = 0; r < Steps::results; r++) {
    __m512 m[n];
    for (int s = 0; s < n; s++) m[s] = columns[s][r];
    Steps::resultsAcross(m, y[r]);
  }
}

/// The results of 32 channels from `channel` on for the tiles [first, last), in the blocked layout.
template <class Steps>
BFLOAT16 void writeBlocked(
  const Job &job, int64_t first, int64_t last, int64_t channel, const float *products) {
  const int n = Steps::results;
  const Plane plane = job.resultPlane;
  const Strides<true> strides(plane, job.result);
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Place at = tiles.place(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    for (int block = 0; block < 2; block++) {
      __m512 y[n][n];
      transformProducts<Steps>(
        products + (tile - first) * tileColumns + block * 16, job.blocks.products, y);
      bfloat16 *data =
        job.y + at.picture * strides.picture + (channel / 16 + block) * strides.block;
      for (int r = 0; r < n; r++) {
        if (at.row * n + r >= plane.height) continue;
        for (int s = 0; s < n; s += 2) {
          const int64_t column = at.column * n + s;
          bfloat16 *to = data + ((at.row * n + r) * plane.width + column) * 16;
          if (column + 1 < plane.width)
            _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(y[r][s + 1], y[r][s]));
          else if (column < plane.width)
            _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(y[r][s]));
        }
      }
    }
  }
}

/// The same in channels last, with the epilogue: 32 channels of a pixel are one line of the cache.
template <class Steps>
BFLOAT16 void writeChannelsLast(
  const Job &job, int64_t first, int64_t last, int64_t channel, const float *products) {
  const int n = Steps::results;
  const Plane plane = job.resultPlane;
  const Strides<false> strides(plane, job.result);
  const __m512 bias[2] = {
    _mm512_loadu_ps(job.epilogue.bias + channel), _mm512_loadu_ps(job.epilogue.bias + channel + 16)};
  const Epilogue finished(job.epilogue);
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Place at = tiles.place(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    __m512 y[2][n][n];
    for (int block = 0; block < 2; block++)
      transformProducts<Steps>(
        products + (tile - first) * tileColumns + block * 16, job.blocks.products, y[block]);
    for (int r = 0; r < n; r++)
      for (int s = 0; s < n; s++) {
        const int64_t row = at.row * n + r, column = at.column * n + s;
        if (row >= plane.height || column >= plane.width) continue;
        const int64_t place = at.picture * strides.picture
          + (row * plane.width + column) * strides.pixel + channel;
        __m512 sums[2];
        for (int block = 0; block < 2; block++)
          sums[block] = finished(_mm512_add_ps(y[block][r][s], bias[block]), place + block * 16);
        _mm512_storeu_si512(job.y + place, (__m512i)_mm512_cvtne2ps_pbh(sums[1], sums[0]));
      }
  }
}

template <class Steps, bool isBlocked>
BFLOAT16 void convolveShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const Blocks &b = job.blocks;
  const Share mine = share(b.count);
  bfloat16 *pixels = (bfloat16 *)(job.workspace + mine.thread * b.byteCount());
  float *products = (float *)(pixels + b.pieceCount * b.pixels);
  for (int64_t block = mine.first; block < mine.last; block++) {
    const int64_t first = block * b.size;
    const int64_t last = first + b.size < b.tiles.count ? first + b.size : b.tiles.count;
    for (int64_t channel = 0; channel < job.source; channel += 32)
      transformPixels<Steps, isBlocked>(job, first, last, channel, pixels);
    for (int64_t channel = 0; channel < job.result; channel += tileColumns) {
      const bfloat16 *filters = job.filters + channel * Steps::factors * Steps::factors * job.source;
      for (int r = 0; r < Steps::products; r++)
        for (int s = 0; s < Steps::products; s++)
          makeProduct<Steps>(job, last - first, r, s, pixels, filters, products);
      if (isBlocked)
        writeBlocked<Steps>(job, first, last, channel, products);
      else
        writeChannelsLast<Steps>(job, first, last, channel, products);
    }
  }
}

/// Calls `body` with the steps of a convolution or of the gradient of its input.
template <class Body>
auto withSteps(const ck_convolution &c, bool isGradient, Body body) {
  return c.stride == 1 ? body(SingleSteps{}) : isGradient ? body(DoubleStepsBack{}) : body(DoubleSteps{});
}

template <class Steps>
Blocks blocks(Steps steps, const ck_convolution &c, bool isGradient, int64_t threads) {
  const Plane plane = isGradient ? Plane{c.height, c.width} : Plane{c.out_height, c.out_width};
  return Blocks(steps, c.images, plane, roles(c, isGradient).source, threads);
}

template <bool isBlocked>
void convolve(
  const ck_convolution &c, bool isGradient, const void *source, const void *packed, ck_epilogue epilogue,
  void *result, void *workspace) {
  const Roles channels = roles(c, isGradient);
  const unsigned threads = (unsigned)omp_get_max_threads();
  const Plane in{c.height, c.width}, out{c.out_height, c.out_width};
  withSteps(c, isGradient, [&](auto steps) {
    Job job{
      channels.source, channels.result, isGradient ? out : in, isGradient ? in : out,
      blocks(steps, c, isGradient, threads), (const bfloat16 *)source, (const bfloat16 *)packed, epilogue,
      (bfloat16 *)result, (char *)workspace};
    GOMP_parallel(convolveShare<decltype(steps), isBlocked>, &job, threads, 0);
  });
}

}  // namespace

void ck_pack_winograd(ck_convolution convolution, int is_gradient, const float *w, void *packed) {
  Filters filters{convolution, is_gradient != 0, w, (bfloat16 *)packed};
  withSteps(convolution, filters.isGradient, [&](auto steps) {
    GOMP_parallel(packShare<decltype(steps)>, &filters, (unsigned)omp_get_max_threads(), 0);
  });
}

void ck_winograd(
  ck_convolution convolution, int is_gradient, const void *source, const void *packed,
  void *result, void *workspace) {
  convolve<true>(convolution, is_gradient != 0, source, packed, {}, result, workspace);
}

void ck_winograd_channels_last(
  ck_convolution convolution, const void *source, const void *packed, ck_epilogue epilogue,
  void *result, void *workspace) {
  convolve<false>(convolution, false, source, packed, epilogue, result, workspace);
}

int64_t ck_winograd_bytes(ck_convolution c, int threads) {
  const auto bytes = [&](bool isGradient) {
    return withSteps(
      c, isGradient, [&](auto steps) { return blocks(steps, c, isGradient, threads).byteCount(); });
  };
  const int64_t forward = bytes(false), backward = bytes(true);
  return threads * (forward > backward ? forward : backward);
}
#else
void ck_pack_winograd(ck_convolution, int, const float *, void *) {}
void ck_winograd(ck_convolution, int, const void *, const void *, void *, void *) {}
void ck_winograd_channels_last(
  ck_convolution, const void *, const void *, ck_epilogue, void *, void *) {}
int64_t ck_winograd_bytes(ck_convolution, int) { return 0; }
#endif

int64_t ck_winograd_filter_bytes(ck_convolution c) {
  return 2 * (c.stride == 1 ? 16 : 25) * c.in_channels * c.out_channels;
}
