// A 3×3 convolution with stride 1 or 2, and the gradient of its input, in bfloat16 by Winograd's minimal filtering.
//
// Filtering.hpp's formula is summed over the source channels before Aᵀ … A is applied. So each element of the transformed
// tile is a matrix product of its own: tiles × source channels by source channels × result channels. A thread transforms
// the inputs of a block of tiles, which stay in its L2 cache. Then, for a tile of result channels at a time, it multiplies and
// transforms the products back. So the transformed inputs, up to four times as large as the inputs, never reach memory.
// Filters are transformed and packed once per update.
#pragma once
#include "Filtering.hpp"

namespace {
namespace winograd {

// MARK: Filters

struct Filters {
  ck_convolution c;
  bool isGradient;
  const float *w;  // [out][tap][in]
  bfloat16 *packed;  // [result tile][factor][pair of source channels][result channel][2]
};

/// G g Gᵀ of a vector of filters with adjacent elements. The gradient of the input uses filters rotated by 180 degrees.
template <class V, class Variant>
CK_INLINE void transformFilters(
  const float *from, int64_t tapStride, bool isRotated, Lanes<V> (&to)[Variant::factors * Variant::factors]) {
  const int n = Variant::factors;
  Lanes<V> columns[3][n];
  for (int s = 0; s < 3; s++) {
    Lanes<V> g[3];
    for (int r = 0; r < 3; r++) {
      const int tap = r * 3 + s;
      g[r] = V::load(from + (isRotated ? 8 - tap : tap) * tapStride);
    }
    Variant::transformFilter(g, columns[s]);
  }
  for (int r = 0; r < n; r++) {
    const Lanes<V> g[3] = {columns[0][r], columns[1][r], columns[2][r]};
    Lanes<V> row[n];
    Variant::transformFilter(g, row);
    for (int s = 0; s < n; s++) to[r * n + s] = row[s];
  }
}

/// Packs a vector of result channels of the source channels from `s` on: of two vectors for the convolution, of 2 channels
/// for the gradient. The lines are so far apart that ordinary stores would wait for each to be read into the cache first.
template <class V, class Variant>
void packVector(const Filters &f, int64_t result, int64_t s) {
  const int factors = Variant::factors * Variant::factors;
  const int64_t in = f.c.in_channels, tile = result / V::tileColumns;
  const int64_t factor = roles(f.c, f.isGradient).source * V::tileColumns;
  bfloat16 *to = f.packed + tile * factors * factor + (result - tile * V::tileColumns) * 2
    + s * V::tileColumns;
  if (f.isGradient) {  // Result channels are adjacent in w: a pair of source channels is two rows of them.
    Lanes<V> low[factors], high[factors];
    transformFilters<V, Variant>(f.w + s * 9 * in + result, in, true, low);
    transformFilters<V, Variant>(f.w + (s + 1) * 9 * in + result, in, true, high);
    for (int p = 0; p < factors; p++)
      V::streamPairs(to + p * factor, V::interleaved(low[p], high[p]));
    return;
  }
  Pairs<V> words[factors][V::lanes];  // Source channels are adjacent in w: a square of pairs is transposed.
  for (int i = 0; i < V::lanes; i++) {
    Lanes<V> low[factors], high[factors];
    const float *from = f.w + (result + i) * 9 * in + s;
    transformFilters<V, Variant>(from, in, false, low);
    transformFilters<V, Variant>(from + V::lanes, in, false, high);
    for (int p = 0; p < factors; p++)
      words[p][i] = V::narrowed(low[p], high[p]);
  }
  for (int p = 0; p < factors; p++) {
    V::transposePairs(words[p]);
    for (int i = 0; i < V::lanes; i++)
      V::streamPairs(to + p * factor + 2 * i * V::tileColumns, words[p][i]);
  }
}

/// Packs this thread's share, in the order in which w is stored.
template <class V, class Variant>
void packShare(void *argument) {
  const Filters &f = *(const Filters *)argument;
  const Roles channels = roles(f.c, f.isGradient);
  const Share mine = share(channels.result / V::lanes);
  if (f.isGradient) {
    for (int64_t s = 0; s < channels.source; s += 2)
      for (int64_t u = mine.first; u < mine.last; u++) packVector<V, Variant>(f, u * V::lanes, s);
  } else {
    for (int64_t u = mine.first; u < mine.last; u++)
      for (int64_t s = 0; s < channels.source; s += 2 * V::lanes) packVector<V, Variant>(f, u * V::lanes, s);
  }
  V::finishStreams();
}

// MARK: Products

/// How the tiles of all pictures are divided into blocks.
template <class V>
struct Blocks {
  Tiles tiles;
  int64_t inputCount, productCount;  // Elements of a transformed tile, and of its products, per channel.
  /// Tiles of a block, a multiple of the register tile's rows, and the number of blocks.
  int64_t size, count;
  /// Distance, in elements, from one element of the transformed tiles to the next, and from one product to the next. One
  /// cache line of padding keeps them from falling into the same set of the cache.
  int64_t inputStride, productStride;

  template <class Variant>
  Blocks(Variant, int64_t images, MapSize map, int64_t source, int64_t threads)
    : tiles(images, map, Variant::outputs), inputCount(Variant::transformed * Variant::transformed),
      productCount(Variant::products * Variant::products) {
    // The transformed inputs of a block fill three eighths of an L2 cache. The rest is for filters and products.
    const int64_t fitting = caches().second * 3 / 8 / (inputCount * 2 * source);
    const int64_t most = fitting < 16 ? 16 : fitting > 128 ? 128 : fitting;
    // Every thread gets as many blocks as the others, as far as the number of tiles allows.
    const int64_t each = (tiles.count + threads - 1) / threads, rounds = (each + most - 1) / most;
    size = ((each + rounds - 1) / rounds + V::tileRows - 1) / V::tileRows * V::tileRows;
    count = (tiles.count + size - 1) / size;
    inputStride = size * source + 32;
    productStride = size * V::tileColumns + 16;
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

  /// The first pixel of some channels from `channel` on.
  int64_t channel(int64_t channel) const { return isBlocked ? channel / 16 * block + channel % 16 : channel; }
};

template <class V>
struct Job {
  int64_t source, result;  // Channels.
  MapSize sourceMap, resultMap;
  Blocks<V> blocks;
  const bfloat16 *x, *filters;
  ck_epilogue epilogue;
  bfloat16 *y;
  char *workspace;  // One part per thread.
};

/// Bᵀ d B of two vectors of channels from `channel` on for the tiles [first, last), as [element][tile][channel].
template <class V, class Variant, bool isBlocked>
void transformInputs(
  const Job<V> &job, int64_t first, int64_t last, int64_t channel, bfloat16 *to) {
  const int n = Variant::transformed;
  const MapSize map = job.sourceMap;
  const Strides<isBlocked> strides(map, job.source);
  const int64_t elementStride = job.blocks.inputStride;
  InputTile<V, Variant> low, high;
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Position at = tiles.position(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    const bfloat16 *data = job.x + at.picture * strides.picture;
    low.move(data + strides.channel(channel), map, strides.pixel, at, tile > first);
    high.move(data + strides.channel(channel + V::lanes), map, strides.pixel, at, tile > first);
    bfloat16 *result = to + (tile - first) * job.source + channel;
    for (int r = 0; r < n; r++) {
      Lanes<V> rows[2][n];
      low.row(r, rows[0]);
      high.row(r, rows[1]);
      for (int s = 0; s < n; s++)
        V::storePairs(result + (r * n + s) * elementStride, V::narrowed(rows[0][s], rows[1][s]));
    }
  }
}

/// One element of a block's transformed inputs, and the factor of a tile of result channels' filters that it is multiplied by.
struct Operands {
  const bfloat16 *inputs, *filters;
};

/// A register tile of one product, tiles times result channels: the sum over all its operands and all source channels.
template <class V>
void multiply(
  const Operands *operands, int count, int64_t tile, int64_t source, float *products) {
  TileSums<V, V::vectors> sums;
  for (int i = 0; i < V::tileRows; i++)
    for (int v = 0; v < V::vectors; v++) sums.lanes[i][v] = V::zero();
  for (const Operands *o = operands; o < operands + count; o++) {
    const bfloat16 *inputs = o->inputs + tile * source, *filters = o->filters;
#pragma clang loop unroll_count(4)
    for (int64_t s = 0; s < source; s += 2)
      addProducts<V, V::vectors>(sums, filters + s * V::tileColumns, [&](int i) __attribute__((always_inline)) {
        return inputs + i * source + s;
      });
  }
  for (int i = 0; i < V::tileRows; i++)
    for (int v = 0; v < V::vectors; v++)
      V::store(products + (tile + i) * V::tileColumns + v * V::lanes, sums.lanes[i][v]);
}

/// Product (r, s) of a block's tiles, for the tile of result channels of `filters`.
template <class V, class Variant>
void makeProduct(
  const Job<V> &job, int64_t tileCount, int r, int s, const bfloat16 *inputs, const bfloat16 *filters,
  float *products) {
  Operands operands[4];
  int count = 0;
  for (int down = Variant::first[r]; down < Variant::first[r + 1]; down++)
    for (int across = Variant::first[s]; across < Variant::first[s + 1]; across++)
      operands[count++] = {
        inputs + (Variant::operand[down] * Variant::transformed + Variant::operand[across]) * job.blocks.inputStride,
        filters + (down * Variant::factors + across) * job.source * V::tileColumns};
  for (int64_t tile = 0; tile < tileCount; tile += V::tileRows)
    multiply<V>(
      operands, count, tile, job.source, products + (r * Variant::products + s) * job.blocks.productStride);
}

/// Aᵀ m A of a vector of channels of one tile.
template <class V, class Variant>
CK_INLINE void transformProducts(
  const float *products, int64_t stride, Lanes<V> (&y)[Variant::outputs][Variant::outputs]) {
  const int n = Variant::products;
  Lanes<V> columns[n][Variant::outputs];
  for (int s = 0; s < n; s++) {
    Lanes<V> m[n];
    for (int r = 0; r < n; r++) m[r] = V::load(products + (r * n + s) * stride);
    Variant::transformProducts(m, columns[s]);
  }
  for (int r = 0; r < Variant::outputs; r++) {
    Lanes<V> m[n];
    for (int s = 0; s < n; s++) m[s] = columns[s][r];
    Variant::transformProducts(m, y[r]);
  }
}

/// Writes the results of a tile of channels from `channel` on for the tiles [first, last), in the blocked layout.
template <class V, class Variant>
void writeBlocked(
  const Job<V> &job, int64_t first, int64_t last, int64_t channel, const float *products) {
  const int n = Variant::outputs;
  const MapSize map = job.resultMap;
  const Strides<true> strides(map, job.result);
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Position at = tiles.position(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    for (int block = 0; block < V::vectors; block++) {
      Lanes<V> y[n][n];
      transformProducts<V, Variant>(
        products + (tile - first) * V::tileColumns + block * V::lanes, job.blocks.productStride, y);
      bfloat16 *data = job.y + at.picture * strides.picture + strides.channel(channel + block * V::lanes);
      for (int r = 0; r < n; r++) {
        if (at.row * n + r >= map.height) continue;
        for (int s = 0; s < n; s += 2) {
          const int64_t column = at.column * n + s;
          bfloat16 *to = data + ((at.row * n + r) * map.width + column) * 16;
          if (column + 1 < map.width)
            V::storeNeighbours(to, y[r][s], y[r][s + 1]);
          else if (column < map.width)
            V::storeNarrowed(to, y[r][s]);
        }
      }
    }
  }
}

/// The same in NHWC and with the epilogue.
template <class V, class Variant>
void writeChannelsLast(
  const Job<V> &job, int64_t first, int64_t last, int64_t channel, const float *products) {
  const int n = Variant::outputs;
  const MapSize map = job.resultMap;
  const Strides<false> strides(map, job.result);
  const Lanes<V> bias[2] = {
    V::load(job.epilogue.bias + channel), V::load(job.epilogue.bias + channel + V::lanes)};
  const Epilogue<V> finished(job.epilogue);
  const Tiles &tiles = job.blocks.tiles;
  Tiles::Position at = tiles.position(first);
  for (int64_t tile = first; tile < last; tile++, tiles.advance(at)) {
    Lanes<V> y[2][n][n];
    for (int block = 0; block < V::vectors; block++)
      transformProducts<V, Variant>(
        products + (tile - first) * V::tileColumns + block * V::lanes, job.blocks.productStride, y[block]);
    for (int r = 0; r < n; r++)
      for (int s = 0; s < n; s++) {
        const int64_t row = at.row * n + r, column = at.column * n + s;
        if (row >= map.height || column >= map.width) continue;
        const int64_t offset = at.picture * strides.picture
          + (row * map.width + column) * strides.pixel + channel;
        Lanes<V> sums[2];
        for (int block = 0; block < V::vectors; block++)
          sums[block] = finished(y[block][r][s] + bias[block], offset + block * V::lanes);
        V::storePairs(job.y + offset, V::narrowed(sums[0], sums[1]));
      }
  }
}

template <class V, class Variant, bool isBlocked>
void convolveShare(void *argument) {
  const Job<V> &job = *(const Job<V> *)argument;
  const Blocks<V> &b = job.blocks;
  const Share mine = share(b.count);
  bfloat16 *inputs = (bfloat16 *)(job.workspace + mine.thread * b.byteCount());
  float *products = (float *)(inputs + b.inputCount * b.inputStride);
  for (int64_t block = mine.first; block < mine.last; block++) {
    const int64_t first = block * b.size;
    const int64_t last = first + b.size < b.tiles.count ? first + b.size : b.tiles.count;
    for (int64_t channel = 0; channel < job.source; channel += 2 * V::lanes)
      transformInputs<V, Variant, isBlocked>(job, first, last, channel, inputs);
    for (int64_t channel = 0; channel < job.result; channel += V::tileColumns) {
      const bfloat16 *filters = job.filters + channel * Variant::factors * Variant::factors * job.source;
      for (int r = 0; r < Variant::products; r++)
        for (int s = 0; s < Variant::products; s++)
          makeProduct<V, Variant>(job, last - first, r, s, inputs, filters, products);
      if (isBlocked)
        writeBlocked<V, Variant>(job, first, last, channel, products);
      else
        writeChannelsLast<V, Variant>(job, first, last, channel, products);
    }
  }
}

/// Calls `body` with the variant for a convolution or for the gradient of its input. With stride 1 the two are alike.
template <class V, class Body>
auto withVariant(const ck_convolution &c, bool isGradient, Body body) {
  return c.stride == 1 ? body(Stride1<V>{}) : isGradient ? body(Stride2Gradient<V>{}) : body(Stride2<V>{});
}

template <class V, class Variant>
Blocks<V> blocks(Variant variant, const ck_convolution &c, bool isGradient, int64_t threads) {
  const MapSize map = isGradient ? MapSize{c.height, c.width} : MapSize{c.out_height, c.out_width};
  return Blocks<V>(variant, c.images, map, roles(c, isGradient).source, threads);
}

template <class V, bool isBlocked>
void run(
  const ck_convolution &c, bool isGradient, const void *source, const void *packed, ck_epilogue epilogue,
  void *result, void *workspace) {
  const Roles channels = roles(c, isGradient);
  const int threads = omp_get_max_threads();
  const MapSize in{c.height, c.width}, out{c.out_height, c.out_width};
  withVariant<V>(c, isGradient, [&](auto variant) {
    Job<V> job{
      channels.source, channels.result, isGradient ? out : in, isGradient ? in : out,
      blocks<V>(variant, c, isGradient, threads), (const bfloat16 *)source, (const bfloat16 *)packed, epilogue,
      (bfloat16 *)result, (char *)workspace};
    runOnTeam(convolveShare<V, decltype(variant), isBlocked>, job);
  });
}

template <class V>
void pack(ck_convolution convolution, bool isGradient, const float *w, void *packed) {
  Filters filters{convolution, isGradient, w, (bfloat16 *)packed};
  withVariant<V>(convolution, isGradient, [&](auto variant) {
    runOnTeam(packShare<V, decltype(variant)>, filters);
  });
}

template <class V>
void convolve(
  ck_convolution c, bool isGradient, const void *source, const void *packed, void *result, void *workspace) {
  run<V, true>(c, isGradient, source, packed, {}, result, workspace);
}

template <class V>
void convolveChannelsLast(
  ck_convolution c, const void *source, const void *packed, ck_epilogue epilogue, void *result, void *workspace) {
  run<V, false>(c, false, source, packed, epilogue, result, workspace);
}

template <class V>
int64_t bytes(ck_convolution c, int threads) {
  const auto part = [&](bool isGradient) {
    return withVariant<V>(
      c, isGradient, [&](auto variant) { return blocks<V>(variant, c, isGradient, threads).byteCount(); });
  };
  const int64_t forward = part(false), backward = part(true);
  return threads * (forward > backward ? forward : backward);
}

}  // namespace winograd
}  // namespace
