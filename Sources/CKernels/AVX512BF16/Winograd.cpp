// A 3×3 convolution with stride 1 or 2, and the gradient of its input, in bfloat16 by Winograd's minimal filtering.
//
// Winograd.hpp's formula is summed over the source channels before Aᵀ … A is applied. So each element of the transformed
// tile is a matrix product of its own: tiles × source channels by source channels × result channels. A thread transforms
// the inputs of a block of tiles, which stay in its L2 cache. Then, for 32 result channels at a time, it multiplies and
// transforms the products back. So the transformed inputs, up to four times as large as the inputs, never reach memory.
// Filters are transformed and packed once per update.
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

/// G g Gᵀ of sixteen filters with adjacent elements. The gradient of the input uses filters rotated by 180 degrees.
template <class Variant>
BFLOAT16 ALWAYS_INLINE void transformFilters(
  const float *from, int64_t tapStride, bool isRotated, __m512 (&to)[Variant::factors * Variant::factors]) {
  const int n = Variant::factors;
  __m512 columns[3][n];
  for (int s = 0; s < 3; s++) {
    __m512 g[3];
    for (int r = 0; r < 3; r++) {
      const int tap = r * 3 + s;
      g[r] = _mm512_loadu_ps(from + (isRotated ? 8 - tap : tap) * tapStride);
    }
    Variant::transformFilter(g, columns[s]);
  }
  for (int r = 0; r < n; r++) {
    const __m512 g[3] = {columns[0][r], columns[1][r], columns[2][r]};
    __m512 row[n];
    Variant::transformFilter(g, row);
    for (int s = 0; s < n; s++) to[r * n + s] = row[s];
  }
}

/// A streaming store of one cache line. The lines are so far apart that an ordinary store would wait for each line to be
/// read into the cache first.
BFLOAT16 ALWAYS_INLINE void writeLine(bfloat16 *to, __m512i line) {
  _mm512_stream_si512((__m512i *)to, line);
}

/// Packs 16 result channels of the source channels from `s` on: of 32 for the convolution, of 2 for the gradient.
template <class Variant>
BFLOAT16 void packSixteen(const Filters &f, int64_t result, int64_t s) {
  const int factors = Variant::factors * Variant::factors;
  const int64_t in = f.c.in_channels, tile = result / tileColumns;
  const int64_t factor = roles(f.c, f.isGradient).source * tileColumns;
  bfloat16 *to = f.packed + tile * factors * factor + (result - tile * tileColumns) * 2
    + s * tileColumns;
  if (f.isGradient) {  // Result channels are adjacent in w: a pair of source channels is two rows of them.
    __m512 low[factors], high[factors];
    transformFilters<Variant>(f.w + s * 9 * in + result, in, true, low);
    transformFilters<Variant>(f.w + (s + 1) * 9 * in + result, in, true, high);
    for (int p = 0; p < factors; p++)
      writeLine(to + p * factor, interleaved(low[p], high[p]));
    return;
  }
  __m512i words[factors][16];  // Source channels are adjacent in w: 16 × 16 pairs are transposed.
  for (int i = 0; i < 16; i++) {
    __m512 low[factors], high[factors];
    const float *from = f.w + (result + i) * 9 * in + s;
    transformFilters<Variant>(from, in, false, low);
    transformFilters<Variant>(from + 16, in, false, high);
    for (int p = 0; p < factors; p++)
      words[p][i] = (__m512i)_mm512_cvtne2ps_pbh(high[p], low[p]);
  }
  for (int p = 0; p < factors; p++) {
    transpose(words[p]);
    for (int i = 0; i < 16; i++)
      writeLine(to + p * factor + 2 * i * tileColumns, words[p][i]);
  }
}

/// Packs this thread's share, in the order in which w is stored.
template <class Variant>
BFLOAT16 void packShare(void *argument) {
  const Filters &f = *(const Filters *)argument;
  const Roles channels = roles(f.c, f.isGradient);
  const Share mine = share(channels.result / 16);
  if (f.isGradient) {
    for (int64_t s = 0; s < channels.source; s += 2)
      for (int64_t u = mine.first; u < mine.last; u++) packSixteen<Variant>(f, u * 16, s);
  } else {
    for (int64_t u = mine.first; u < mine.last; u++)
      for (int64_t s = 0; s < channels.source; s += 32) packSixteen<Variant>(f, u * 16, s);
  }
  _mm_sfence();
}

// MARK: Products

/// How the tiles of all pictures are divided into blocks.
struct Blocks {
  Tiles tiles;
  int64_t inputCount, productCount;  // Elements of a transformed tile, and of its products, per channel.
  /// Tiles of a block, a multiple of `tileRows`, and the number of blocks.
  int64_t size, count;
  /// Distance, in elements, from one element of the transformed tiles to the next, and from one product to the next. One
  /// cache line of padding keeps them from falling into the same set of the cache.
  int64_t inputStride, productStride;

  template <class Variant>
  Blocks(Variant, int64_t images, MapSize map, int64_t source, int64_t threads)
    : tiles(images, map, Variant::outputs), inputCount(Variant::transformed * Variant::transformed),
      productCount(Variant::products * Variant::products) {
    // The transformed inputs of a block fill three eighths of an L2 cache of 1 MiB. The rest is for filters and products.
    const int64_t fitting = 384 * 1024 / (inputCount * 2 * source);
    const int64_t most = fitting < 16 ? 16 : fitting > 128 ? 128 : fitting;
    // Every thread gets as many blocks as the others, as far as the number of tiles allows.
    const int64_t each = (tiles.count + threads - 1) / threads, rounds = (each + most - 1) / most;
    size = ((each + rounds - 1) / rounds + tileRows - 1) / tileRows * tileRows;
    count = (tiles.count + size - 1) / size;
    inputStride = size * source + 32;
    productStride = size * tileColumns + 16;
  }

  /// Bytes of a thread's part of the workspace. It ends with 64 KiB of padding against false sharing through the hardware
  /// prefetcher, which follows the stride of the reads beyond the part's end and would take cache lines that the next
  /// thread writes.
  int64_t byteCount() const { return inputCount * 2 * inputStride + productCount * 4 * productStride + 64 * 1024; }
};

/// Distances in elements within a layout, blocked or NHWC: from pixel to pixel, from one block of 16 channels to the next,
/// from picture to picture.
template <bool isBlocked>
struct Strides {
  int64_t pixel, block, picture;

  Strides(MapSize map, int64_t channels)
    : pixel(isBlocked ? 16 : channels), block(isBlocked ? map.height * map.width * 16 : 16),
      picture(map.height * map.width * channels) {}
};

struct Job {
  int64_t source, result;  // Channels.
  MapSize sourceMap, resultMap;
  Blocks blocks;
  const bfloat16 *x, *filters;
  ck_epilogue epilogue;
  bfloat16 *y;
  char *workspace;  // One part per thread.
};

/// Bᵀ d B of 32 channels from `channel` on for the tiles [first, last), as [element][tile][channel].
template <class Variant, bool isBlocked>
BFLOAT16 void transformInputs(
  const Job &job, int64_t first, int64_t last, int64_t channel, bfloat16 *to) {
  const int n = Variant::transformed;
  const MapSize map = job.sourceMap;
  const Strides<isBlocked> strides(map, job.source);
  const int64_t elementStride = job.blocks.inputStride;
  InputTile<Variant> low, high;
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Position at = tiles.position(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    const bfloat16 *data = job.x + at.picture * strides.picture + channel / 16 * strides.block;
    low.move(data, map, strides.pixel, at, tile > first);
    high.move(data + strides.block, map, strides.pixel, at, tile > first);
    bfloat16 *result = to + (tile - first) * job.source + channel;
    for (int r = 0; r < n; r++) {
      __m512 rows[2][n];
      low.row(r, rows[0]);
      high.row(r, rows[1]);
      for (int s = 0; s < n; s++)
        _mm512_storeu_si512(
          result + (r * n + s) * elementStride, (__m512i)_mm512_cvtne2ps_pbh(rows[1][s], rows[0][s]));
    }
  }
}

/// One element of a block's transformed inputs, and the factor of 32 result channels' filters that it is multiplied by.
struct Operands {
  const bfloat16 *inputs, *filters;
};

/// Eight tiles times 32 result channels of one product: the sum over all its operands and all source channels.
BFLOAT16 void multiply(
  const Operands *operands, int count, int64_t tile, int64_t source, float *products) {
  TileSums<2> sums;
  for (int i = 0; i < tileRows; i++)
    for (int v = 0; v < 2; v++) sums.lanes[i][v] = _mm512_setzero_ps();
  for (const Operands *o = operands; o < operands + count; o++) {
    const bfloat16 *inputs = o->inputs + tile * source, *filters = o->filters;
#pragma clang loop unroll_count(4)
    for (int64_t s = 0; s < source; s += 2)
      addProducts<2>(sums, filters + s * tileColumns, [&](int i) __attribute__((always_inline)) {
        return inputs + i * source + s;
      });
  }
  for (int i = 0; i < tileRows; i++)
    for (int v = 0; v < 2; v++)
      _mm512_storeu_ps(products + (tile + i) * tileColumns + v * 16, sums.lanes[i][v]);
}

/// Product (r, s) of a block's tiles, for the 32 result channels of `filters`.
template <class Variant>
void makeProduct(
  const Job &job, int64_t tileCount, int r, int s, const bfloat16 *inputs, const bfloat16 *filters,
  float *products) {
  Operands operands[4];
  int count = 0;
  for (int down = Variant::first[r]; down < Variant::first[r + 1]; down++)
    for (int across = Variant::first[s]; across < Variant::first[s + 1]; across++)
      operands[count++] = {
        inputs + (Variant::operand[down] * Variant::transformed + Variant::operand[across]) * job.blocks.inputStride,
        filters + (down * Variant::factors + across) * job.source * tileColumns};
  for (int64_t tile = 0; tile < tileCount; tile += tileRows)
    multiply(
      operands, count, tile, job.source, products + (r * Variant::products + s) * job.blocks.productStride);
}

/// Aᵀ m A of sixteen channels of one tile.
template <class Variant>
BFLOAT16 ALWAYS_INLINE void transformProducts(
  const float *products, int64_t stride, __m512 (&y)[Variant::outputs][Variant::outputs]) {
  const int n = Variant::products;
  __m512 columns[n][Variant::outputs];
  for (int s = 0; s < n; s++) {
    __m512 m[n];
    for (int r = 0; r < n; r++) m[r] = _mm512_loadu_ps(products + (r * n + s) * stride);
    Variant::transformProducts(m, columns[s]);
  }
  for (int r = 0; r < Variant::outputs; r++) {
    __m512 m[n];
    for (int s = 0; s < n; s++) m[s] = columns[s][r];
    Variant::transformProducts(m, y[r]);
  }
}

/// Writes the results of 32 channels from `channel` on for the tiles [first, last), in the blocked layout.
template <class Variant>
BFLOAT16 void writeBlocked(
  const Job &job, int64_t first, int64_t last, int64_t channel, const float *products) {
  const int n = Variant::outputs;
  const MapSize map = job.resultMap;
  const Strides<true> strides(map, job.result);
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Position at = tiles.position(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    for (int block = 0; block < 2; block++) {
      __m512 y[n][n];
      transformProducts<Variant>(
        products + (tile - first) * tileColumns + block * 16, job.blocks.productStride, y);
      bfloat16 *data =
        job.y + at.picture * strides.picture + (channel / 16 + block) * strides.block;
      for (int r = 0; r < n; r++) {
        if (at.row * n + r >= map.height) continue;
        for (int s = 0; s < n; s += 2) {
          const int64_t column = at.column * n + s;
          bfloat16 *to = data + ((at.row * n + r) * map.width + column) * 16;
          if (column + 1 < map.width)
            _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(y[r][s + 1], y[r][s]));
          else if (column < map.width)
            _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(y[r][s]));
        }
      }
    }
  }
}

/// The same in NHWC and with the epilogue. 32 channels of a pixel are one cache line.
template <class Variant>
BFLOAT16 void writeChannelsLast(
  const Job &job, int64_t first, int64_t last, int64_t channel, const float *products) {
  const int n = Variant::outputs;
  const MapSize map = job.resultMap;
  const Strides<false> strides(map, job.result);
  const __m512 bias[2] = {
    _mm512_loadu_ps(job.epilogue.bias + channel), _mm512_loadu_ps(job.epilogue.bias + channel + 16)};
  const Epilogue finished(job.epilogue);
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Position at = tiles.position(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    __m512 y[2][n][n];
    for (int block = 0; block < 2; block++)
      transformProducts<Variant>(
        products + (tile - first) * tileColumns + block * 16, job.blocks.productStride, y[block]);
    for (int r = 0; r < n; r++)
      for (int s = 0; s < n; s++) {
        const int64_t row = at.row * n + r, column = at.column * n + s;
        if (row >= map.height || column >= map.width) continue;
        const int64_t offset = at.picture * strides.picture
          + (row * map.width + column) * strides.pixel + channel;
        __m512 sums[2];
        for (int block = 0; block < 2; block++)
          sums[block] = finished(_mm512_add_ps(y[block][r][s], bias[block]), offset + block * 16);
        _mm512_storeu_si512(job.y + offset, (__m512i)_mm512_cvtne2ps_pbh(sums[1], sums[0]));
      }
  }
}

template <class Variant, bool isBlocked>
BFLOAT16 void convolveShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const Blocks &b = job.blocks;
  const Share mine = share(b.count);
  bfloat16 *inputs = (bfloat16 *)(job.workspace + mine.thread * b.byteCount());
  float *products = (float *)(inputs + b.inputCount * b.inputStride);
  for (int64_t block = mine.first; block < mine.last; block++) {
    const int64_t first = block * b.size;
    const int64_t last = first + b.size < b.tiles.count ? first + b.size : b.tiles.count;
    for (int64_t channel = 0; channel < job.source; channel += 32)
      transformInputs<Variant, isBlocked>(job, first, last, channel, inputs);
    for (int64_t channel = 0; channel < job.result; channel += tileColumns) {
      const bfloat16 *filters = job.filters + channel * Variant::factors * Variant::factors * job.source;
      for (int r = 0; r < Variant::products; r++)
        for (int s = 0; s < Variant::products; s++)
          makeProduct<Variant>(job, last - first, r, s, inputs, filters, products);
      if (isBlocked)
        writeBlocked<Variant>(job, first, last, channel, products);
      else
        writeChannelsLast<Variant>(job, first, last, channel, products);
    }
  }
}

/// Calls `body` with the variant for a convolution or for the gradient of its input. With stride 1 the two are alike.
template <class Body>
auto withVariant(const ck_convolution &c, bool isGradient, Body body) {
  return c.stride == 1 ? body(Stride1{}) : isGradient ? body(Stride2Gradient{}) : body(Stride2{});
}

template <class Variant>
Blocks blocks(Variant variant, const ck_convolution &c, bool isGradient, int64_t threads) {
  const MapSize map = isGradient ? MapSize{c.height, c.width} : MapSize{c.out_height, c.out_width};
  return Blocks(variant, c.images, map, roles(c, isGradient).source, threads);
}

template <bool isBlocked>
void convolve(
  const ck_convolution &c, bool isGradient, const void *source, const void *packed, ck_epilogue epilogue,
  void *result, void *workspace) {
  const Roles channels = roles(c, isGradient);
  const int threads = omp_get_max_threads();
  const MapSize in{c.height, c.width}, out{c.out_height, c.out_width};
  withVariant(c, isGradient, [&](auto variant) {
    Job job{
      channels.source, channels.result, isGradient ? out : in, isGradient ? in : out,
      blocks(variant, c, isGradient, threads), (const bfloat16 *)source, (const bfloat16 *)packed, epilogue,
      (bfloat16 *)result, (char *)workspace};
    runOnTeam(convolveShare<decltype(variant), isBlocked>, job);
  });
}

}  // namespace

void ck_pack_winograd(ck_convolution convolution, bool is_gradient, const float *w, void *packed) {
  CK_REQUIRE_BFLOAT16();
  Filters filters{convolution, is_gradient, w, (bfloat16 *)packed};
  withVariant(convolution, is_gradient, [&](auto variant) {
    runOnTeam(packShare<decltype(variant)>, filters);
  });
}

void ck_winograd(
  ck_convolution convolution, bool is_gradient, const void *source, const void *packed,
  void *result, void *workspace) {
  CK_REQUIRE_BFLOAT16();
  convolve<true>(convolution, is_gradient, source, packed, {}, result, workspace);
}

void ck_winograd_channels_last(
  ck_convolution convolution, const void *source, const void *packed, ck_epilogue epilogue,
  void *result, void *workspace) {
  CK_REQUIRE_BFLOAT16();
  convolve<false>(convolution, false, source, packed, epilogue, result, workspace);
}

int64_t ck_winograd_bytes(ck_convolution c, int threads) {
  const auto bytes = [&](bool isGradient) {
    return withVariant(
      c, isGradient, [&](auto variant) { return blocks(variant, c, isGradient, threads).byteCount(); });
  };
  const int64_t forward = bytes(false), backward = bytes(true);
  return threads * (forward > backward ? forward : backward);
}
#endif

int64_t ck_winograd_filter_bytes(ck_convolution c) {
  return 2 * (c.stride == 1 ? 16 : 25) * c.in_channels * c.out_channels;
}
