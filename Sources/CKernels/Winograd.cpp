// A convolution of 3×3 windows in steps of one pixel, and the gradient of its input, in bfloat16 with fewer
// multiplications.
//
// Summed over the source channels the middle of Winograd.hpp's formula is, for each of the sixteen positions, a
// product of matrices: tiles × source channels by source × result channels. A thread transforms the pixels of
// a block of tiles, which stay in its second cache, and for 32 result channels at a time makes the sixteen
// products and transforms them back. Filters are transformed and packed once an update.
#include "Winograd.hpp"

#if defined(__x86_64__)

using namespace ck;

namespace {

/// One row or column of G g.
BFLOAT16 ALWAYS_INLINE void filterAcross(__m512 a, __m512 b, __m512 c, __m512 (&to)[4]) {
  const __m512 half = _mm512_set1_ps(0.5f);
  const __m512 ends = _mm512_mul_ps(half, _mm512_add_ps(a, c)), middle = _mm512_mul_ps(half, b);
  to[0] = a;
  to[1] = _mm512_add_ps(ends, middle);
  to[2] = _mm512_sub_ps(ends, middle);
  to[3] = c;
}

// MARK: Filters

struct Filters {
  ck_convolution c;
  bool isGradient;
  const float *w;  // [out][tap][in]
  bfloat16 *packed;  // [result tile][position][pair of source channels][result channel][2]
};

/// G g Gᵀ of sixteen filters that lie side by side; the gradient turns them by half a turn.
BFLOAT16 ALWAYS_INLINE void transformFilters(
  const float *from, int64_t tapStride, bool isTurned, __m512 (&to)[positions]) {
  __m512 columns[3][4];
  for (int s = 0; s < 3; s++) {
    __m512 g[3];
    for (int r = 0; r < 3; r++) {
      const int tap = r * 3 + s;
      g[r] = _mm512_loadu_ps(from + (isTurned ? 8 - tap : tap) * tapStride);
    }
    filterAcross(g[0], g[1], g[2], columns[s]);
  }
  for (int r = 0; r < 4; r++) {
    __m512 row[4];
    filterAcross(columns[0][r], columns[1][r], columns[2][r], row);
    for (int s = 0; s < 4; s++) to[r * 4 + s] = row[s];
  }
}

/// Writes past the caches: the lines of a tile lie so far apart that the processor would wait to read each of them first.
BFLOAT16 ALWAYS_INLINE void writeLine(bfloat16 *to, __m512i line) {
  _mm512_stream_si512((__m512i *)to, line);
}

/// Packs 16 result channels of 32 source channels from `s` on, or for the gradient of two.
BFLOAT16 void packSixteen(const Filters &f, int64_t result, int64_t s) {
  const int64_t in = f.c.in_channels, tile = result / tileColumns;
  const int64_t position = roles(f.c, f.isGradient).source * tileColumns;
  bfloat16 *to = f.packed + tile * positions * position + (result - tile * tileColumns) * 2
    + s * tileColumns;
  if (f.isGradient) {  // Result channels lie side by side: a pair is two rows.
    __m512 low[positions], high[positions];
    transformFilters(f.w + s * 9 * in + result, in, true, low);
    transformFilters(f.w + (s + 1) * 9 * in + result, in, true, high);
    for (int p = 0; p < positions; p++)
      writeLine(to + p * position, interleaved(low[p], high[p]));
    return;
  }
  __m512i words[positions][16];  // Source channels do: sixteen pairs are exchanged.
  for (int i = 0; i < 16; i++) {
    __m512 low[positions], high[positions];
    const float *from = f.w + (result + i) * 9 * in + s;
    transformFilters(from, in, false, low);
    transformFilters(from + 16, in, false, high);
    for (int p = 0; p < positions; p++)
      words[p][i] = (__m512i)_mm512_cvtne2ps_pbh(high[p], low[p]);
  }
  for (int p = 0; p < positions; p++) {
    transpose(words[p]);
    for (int i = 0; i < 16; i++)
      writeLine(to + p * position + 2 * i * tileColumns, words[p][i]);
  }
}

/// Packs this thread's share in the order in which the filters lie.
BFLOAT16 void packShare(void *argument) {
  const Filters &f = *(const Filters *)argument;
  const Roles channels = roles(f.c, f.isGradient);
  const Share mine = share(channels.result / 16);
  if (f.isGradient)
    for (int64_t s = 0; s < channels.source; s += 2)
      for (int64_t u = mine.first; u < mine.last; u++) packSixteen(f, u * 16, s);
  else
    for (int64_t u = mine.first; u < mine.last; u++)
      for (int64_t s = 0; s < channels.source; s += 32) packSixteen(f, u * 16, s);
  _mm_sfence();
}

// MARK: Products

/// How the tiles of all pictures are divided into blocks.
struct Blocks {
  Tiles tiles;
  /// Tiles of a block, a multiple of `tileRows`, and the blocks.
  int64_t size, count;
  /// Elements from one position to the next, of transformed pixels and of products: a line of the cache
  /// apart, so that positions do not fall on the same places of it.
  int64_t pixels, products;

  Blocks(const ck_convolution &c, int64_t source, int64_t threads) : tiles(c) {
    // The transformed pixels of a block fill three eighths of a second cache of 1 MiB.
    const int64_t fitting = 384 * 1024 / (positions * 2 * source);
    const int64_t most = fitting < 16 ? 16 : fitting > 128 ? 128 : fitting;
    const int64_t each = (tiles.count + threads - 1) / threads, rounds = (each + most - 1) / most;
    size = ((each + rounds - 1) / rounds + tileRows - 1) / tileRows * tileRows;
    count = (tiles.count + size - 1) / size;
    pixels = size * source + 32;
    products = size * tileColumns + 16;
  }

  int64_t byteCount() const { return positions * (2 * pixels + 4 * products); }
};

/// How many elements a picture's parts are apart, for each layout.
template <bool isBlocked>
struct Strides {
  /// Pixels; blocks of 16 channels; pictures.
  int64_t pixel, block, picture;

  Strides(const ck_convolution &c, int64_t channels)
    : pixel(isBlocked ? 16 : channels), block(isBlocked ? c.height * c.width * 16 : 16),
      picture(c.height * c.width * channels) {}
};

struct Job {
  ck_convolution c;
  int64_t source, result;  // Channels.
  Blocks blocks;
  const bfloat16 *x, *filters;
  ck_epilogue epilogue;
  bfloat16 *y;
  char *workspace;  // One part a thread.
};

/// Bᵀ d B of 32 channels from `channel` on for the tiles [first, last), as [position][tile][channel].
template <bool isBlocked>
BFLOAT16 void transformPixels(
  const Job &job, int64_t first, int64_t last, int64_t channel, bfloat16 *to) {
  const ck_convolution &c = job.c;
  const Strides<isBlocked> strides(c, job.source);
  PixelColumns low, high;
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Place at = tiles.place(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    const bfloat16 *planes = job.x + at.picture * strides.picture + channel / 16 * strides.block;
    low.move(planes, c, strides.pixel, at, tile > first);
    high.move(planes + strides.block, c, strides.pixel, at, tile > first);
    bfloat16 *result = to + (tile - first) * job.source + channel;
    for (int r = 0; r < 4; r++) {
      __m512 rows[2][4];
      low.row(r, rows[0]);
      high.row(r, rows[1]);
      for (int s = 0; s < 4; s++)
        _mm512_storeu_si512(
          result + (r * 4 + s) * job.blocks.pixels,
          (__m512i)_mm512_cvtne2ps_pbh(rows[1][s], rows[0][s]));
    }
  }
}

/// Eight tiles times 32 result channels of one position.
BFLOAT16 void multiply(
  const bfloat16 *pixels, const bfloat16 *filters, int64_t source, float *products) {
  TileSums<2> sums;
  for (int i = 0; i < tileRows; i++)
    for (int v = 0; v < 2; v++) sums.lanes[i][v] = _mm512_setzero_ps();
#pragma clang loop unroll_count(4)
  for (int64_t s = 0; s < source; s += 2)
    addProducts<2>(sums, filters + s * tileColumns, [&](int i) __attribute__((always_inline)) {
      return pixels + i * source + s;
    });
  for (int i = 0; i < tileRows; i++)
    for (int v = 0; v < 2; v++)
      _mm512_storeu_ps(products + i * tileColumns + v * 16, sums.lanes[i][v]);
}

/// Aᵀ m A of sixteen channels of one tile.
BFLOAT16 ALWAYS_INLINE void transformProducts(
  const float *products, int64_t stride, __m512 (&y)[2][2]) {
  __m512 rows[2][4];
  for (int s = 0; s < 4; s++) {
    __m512 m[4];
    for (int r = 0; r < 4; r++) m[r] = _mm512_loadu_ps(products + (r * 4 + s) * stride);
    const __m512 sum = _mm512_add_ps(m[1], m[2]), difference = _mm512_sub_ps(m[1], m[2]);
    rows[0][s] = _mm512_add_ps(m[0], sum);
    rows[1][s] = _mm512_sub_ps(difference, m[3]);
  }
  for (int r = 0; r < 2; r++) {
    const __m512 sum = _mm512_add_ps(rows[r][1], rows[r][2]);
    const __m512 difference = _mm512_sub_ps(rows[r][1], rows[r][2]);
    y[r][0] = _mm512_add_ps(rows[r][0], sum);
    y[r][1] = _mm512_sub_ps(difference, rows[r][3]);
  }
}

/// The results of 32 channels from `channel` on for the tiles [first, last), in the blocked layout.
BFLOAT16 void writeBlocked(
  const Job &job, int64_t first, int64_t last, int64_t channel, const float *products) {
  const ck_convolution &c = job.c;
  const Strides<true> strides(c, job.result);
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Place at = tiles.place(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    for (int block = 0; block < 2; block++) {
      __m512 y[2][2];
      transformProducts(
        products + (tile - first) * tileColumns + block * 16, job.blocks.products, y);
      bfloat16 *plane =
        job.y + at.picture * strides.picture + (channel / 16 + block) * strides.block;
      for (int r = 0; r < 2; r++) {
        if (at.row + r >= c.height) continue;
        bfloat16 *to = plane + ((at.row + r) * c.width + at.column) * 16;
        if (at.column + 1 < c.width)
          _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(y[r][1], y[r][0]));
        else
          _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(y[r][0]));
      }
    }
  }
}

/// The same in channels last, with the epilogue: 32 channels of a pixel are one line of the cache.
BFLOAT16 void writeChannelsLast(
  const Job &job, int64_t first, int64_t last, int64_t channel, const float *products) {
  const ck_convolution &c = job.c;
  const Strides<false> strides(c, job.result);
  const bfloat16 *residual = (const bfloat16 *)job.epilogue.residual;
  const __m512 bias[2] = {
    _mm512_loadu_ps(job.epilogue.bias + channel), _mm512_loadu_ps(job.epilogue.bias + channel + 16)};
  // Where one of two operands is NaN, the instruction gives the second one, so NaN stays.
  const __m512 least = _mm512_set1_ps(job.epilogue.relu ? 0 : -INFINITY);
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Place at = tiles.place(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    __m512 y[2][2][2];
    for (int block = 0; block < 2; block++)
      transformProducts(
        products + (tile - first) * tileColumns + block * 16, job.blocks.products, y[block]);
    for (int r = 0; r < 2; r++)
      for (int s = 0; s < 2; s++) {
        if (at.row + r >= c.height || at.column + s >= c.width) continue;
        const int64_t place = at.picture * strides.picture
          + ((at.row + r) * c.width + at.column + s) * strides.pixel + channel;
        __m512 sums[2];
        for (int block = 0; block < 2; block++) {
          sums[block] = _mm512_add_ps(y[block][r][s], bias[block]);
          if (residual)
            sums[block] = _mm512_add_ps(sums[block], widened(residual + place + block * 16));
          sums[block] = _mm512_max_ps(least, sums[block]);
        }
        _mm512_storeu_si512(job.y + place, (__m512i)_mm512_cvtne2ps_pbh(sums[1], sums[0]));
      }
  }
}

template <bool isBlocked>
BFLOAT16 void convolveShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const Blocks &b = job.blocks;
  const Share mine = share(b.count);
  bfloat16 *pixels = (bfloat16 *)(job.workspace + mine.thread * b.byteCount());
  float *products = (float *)(pixels + positions * b.pixels);
  const int64_t position = job.source * tileColumns;
  for (int64_t block = mine.first; block < mine.last; block++) {
    const int64_t first = block * b.size;
    const int64_t last = first + b.size < b.tiles.count ? first + b.size : b.tiles.count;
    for (int64_t channel = 0; channel < job.source; channel += 32)
      transformPixels<isBlocked>(job, first, last, channel, pixels);
    for (int64_t channel = 0; channel < job.result; channel += tileColumns) {
      const bfloat16 *filters = job.filters + channel * positions * job.source;
      for (int p = 0; p < positions; p++)
        for (int64_t tile = 0; tile < last - first; tile += tileRows)
          multiply(
            pixels + p * b.pixels + tile * job.source, filters + p * position, job.source,
            products + p * b.products + tile * tileColumns);
      if (isBlocked)
        writeBlocked(job, first, last, channel, products);
      else
        writeChannelsLast(job, first, last, channel, products);
    }
  }
}

void convolve(
  void (*body)(void *), const ck_convolution &c, bool isGradient, const void *source,
  const void *packed, ck_epilogue epilogue, void *result, void *workspace) {
  const Roles channels = roles(c, isGradient);
  const unsigned threads = (unsigned)omp_get_max_threads();
  Job job{
    c, channels.source, channels.result, Blocks(c, channels.source, threads),
    (const bfloat16 *)source, (const bfloat16 *)packed, epilogue, (bfloat16 *)result,
    (char *)workspace};
  GOMP_parallel(body, &job, threads, 0);
}

}  // namespace

void ck_pack_winograd(ck_convolution convolution, int is_gradient, const float *w, void *packed) {
  Filters filters{convolution, is_gradient != 0, w, (bfloat16 *)packed};
  GOMP_parallel(packShare, &filters, (unsigned)omp_get_max_threads(), 0);
}

void ck_winograd(
  ck_convolution convolution, int is_gradient, const void *source, const void *packed,
  void *result, void *workspace) {
  convolve(
    convolveShare<true>, convolution, is_gradient != 0, source, packed, {}, result, workspace);
}

void ck_winograd_channels_last(
  ck_convolution convolution, const void *source, const void *packed, ck_epilogue epilogue,
  void *result, void *workspace) {
  convolve(
    convolveShare<false>, convolution, false, source, packed, epilogue, result, workspace);
}

int64_t ck_winograd_bytes(ck_convolution c, int threads) {
  const int64_t forward = Blocks(c, c.in_channels, threads).byteCount();
  const int64_t backward = Blocks(c, c.out_channels, threads).byteCount();
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
  return 2 * 16 * c.in_channels * c.out_channels;
}
