// A 3×3 convolution with stride 1 and padding 1, and the gradient of its input, in float32 by Winograd's filtering.
//
// Filtering.hpp's formula is summed over the source channels before Aᵀ … A is applied. So each element of the transformed
// tile is a matrix product of its own: tiles × source channels by source channels × result channels. A thread transforms
// the inputs of a block of tiles, which stay in its L2 cache. Then, for a few result channels at a time, it multiplies and
// transforms the products back, so the larger transformed values never reach memory. Filters are transformed and packed
// once per update.
#pragma once
#include "Filtering.hpp"
#include "Winograd.hpp"

namespace {

using namespace ck;

// MARK: Transforms in both dimensions

/// Applies a line's transform to the columns and then to the rows.
template <class L, int before, int after, class Transform>
CK_INLINE void inBothDimensions(const L (&from)[before][before], L (&to)[after][after], Transform transform) {
  L columns[before][after];
  for (int s = 0; s < before; s++) {
    L line[before];
    for (int r = 0; r < before; r++) line[r] = from[r][s];
    transform(line, columns[s]);
  }
  for (int r = 0; r < after; r++) {
    L line[before];
    for (int s = 0; s < before; s++) line[s] = columns[s][r];
    transform(line, to[r]);
  }
}

/// An input tile whose columns are transformed: Bᵀ d. Neighbouring tiles overlap by two columns, which are kept.
template <class V, class F>
struct InputTile {
  typedef typename V::Lanes L;
  static constexpr int n = F::inputs;
  L columns[n][n];

  /// Moves to a tile of the feature map at `data`. `follows` tells that the tile before was the previous one in order.
  CK_ALWAYS_INLINE void move(
    const float *data, MapSize map, int64_t stride, const Tiles::Position &at, bool follows) {
    const int64_t row = at.row * F::outputs - 1, column = at.column * F::outputs - 1;
    const float *first = data + (row * map.width + column) * stride;
    const int64_t line = map.width * stride;
    int s = 0;
    if (follows && at.column > 0) {
#pragma clang loop unroll(full)
      for (int r = 0; r < 2 * n; r++) columns[r / n][r % n] = columns[r / n + F::outputs][r % n];
      s = 2;
    }
    if (row >= 0 && row + n <= map.height && column >= 0 && column + n <= map.width) {
      for (; s < n; s++) {
        L d[n];
        for (int r = 0; r < n; r++) d[r] = V::load(first + r * line + s * stride);
        F::transformInputs(d, columns[s]);
      }
      return;
    }
    for (; s < n; s++) {
      L d[n];
      const bool isInside = column + s >= 0 && column + s < map.width;
      for (int r = 0; r < n; r++)
        d[r] = isInside && row + r >= 0 && row + r < map.height ? V::load(first + r * line + s * stride)
                                                                : V::zero();
      F::transformInputs(d, columns[s]);
    }
  }

  /// Row `r` of Bᵀ d B.
  CK_ALWAYS_INLINE void row(int r, L (&to)[n]) const {
    L d[n];
    for (int s = 0; s < n; s++) d[s] = columns[s][r];
    F::transformInputs(d, to);
  }
};

// MARK: Filters

/// Where the filters of a source channel and of the result channels from `result` on are packed.
template <class V, class F, int tileColumns>
struct PackedFilters {
  int64_t source, result;

  int64_t offset(int64_t source, int64_t result) const {
    const int64_t tile = result / tileColumns * tileColumns;
    return tile * F::inputs * F::inputs * this->source + source * width(tile) + result - tile;
  }
  /// Result channels of the tile that begins with channel `tile`; the last one may be narrower.
  int64_t width(int64_t tile) const {
    return result - tile < tileColumns ? result - tile : tileColumns;
  }
  /// Distance from one element of the transformed filters to the next.
  int64_t elementStride(int64_t result) const {
    return source * width(result / tileColumns * tileColumns);
  }
};

/// Transforms the filters of a source channel and of the result channels from `r` on, and packs them.
template <class V, class F, int tileColumns>
CK_INLINE void packFilters(
  const FilterPacking &f, const PackedFilters<V, F, tileColumns> &packed, int64_t s, int64_t r,
  const typename V::Lanes (&taps)[3][3]) {
  const int n = F::inputs;
  typename V::Lanes to[n][n];
  inBothDimensions(taps, to, F::transformFilter);
  float *at = f.packed + packed.offset(s, r);
  for (int p = 0; p < n * n; p++) V::stream(at + p * packed.elementStride(r), to[p / n][p % n]);
}

/// Packs this thread's share of the result channels. The gradient of the input uses filters rotated by 180 degrees.
template <class V, class F, int tileColumns>
void packShare(void *argument) {
  typedef typename V::Lanes L;
  const int lanes = V::lanes;
  const FilterPacking &f = *(const FilterPacking *)argument;
  const int64_t source = f.isGradient ? f.out : f.in, result = f.isGradient ? f.in : f.out;
  const PackedFilters<V, F, tileColumns> packed{source, result};
  const Share mine = share(result / lanes);
  for (int64_t r = mine.first * lanes; r < mine.last * lanes; r += lanes) {
    if (f.isGradient) {  // Result channels are adjacent in w.
      for (int64_t s = 0; s < source; s++) {
        L taps[3][3];
        for (int t = 0; t < 9; t++) taps[t / 3][t % 3] = V::load(f.w + (s * 9 + 8 - t) * f.in + r);
        packFilters(f, packed, s, r, taps);
      }
      continue;
    }
    for (int64_t s = 0; s < source; s += lanes) {  // Source channels are adjacent in w.
      L rows[9][lanes];
      for (int t = 0; t < 9; t++) {
        for (int i = 0; i < lanes; i++) rows[t][i] = V::load(f.w + ((r + i) * 9 + t) * f.in + s);
        V::transpose(rows[t]);
      }
      for (int i = 0; i < lanes; i++) {
        L taps[3][3];
        for (int t = 0; t < 9; t++) taps[t / 3][t % 3] = rows[t][i];
        packFilters(f, packed, s + i, r, taps);
      }
    }
  }
  __atomic_thread_fence(__ATOMIC_SEQ_CST);  // Streaming stores are in no order with those that wake the team.
}

// MARK: Convolution

/// Bᵀ d B of all channels of the tiles [first, last), as [element][tile][channel].
template <class V, class F>
void transformInputs(const FilteringJob &job, int64_t first, int64_t last, float *to) {
  typedef typename V::Lanes L;
  const int n = F::inputs;
  for (int64_t channel = 0; channel < job.source; channel += V::lanes) {
    InputTile<V, F> input;
    Tiles::Position at = job.tiles.position(first);
    for (int64_t tile = first; tile < last; tile++, job.tiles.advance(at)) {
      const float *data = job.x + job.sourceStrides.offset(at.picture, channel);
      input.move(data, job.map, job.sourceStrides.pixel, at, tile > first);
      float *result = to + (tile - first) * job.source + channel;
      for (int r = 0; r < n; r++) {
        L row[n];
        input.row(r, row);
        for (int s = 0; s < n; s++) V::store(result + (r * n + s) * job.blocks.inputStride, row[s]);
      }
    }
  }
}

/// A register tile of one element's product: `rows` tiles by `vectors` vectors of result channels.
template <class V, int rows, int vectors>
CK_INLINE void multiply(
  const float *inputs, int64_t source, const float *filters, float *products) {
  typedef typename V::Lanes L;
  L sums[rows][vectors];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sums[i][v] = V::zero();
#pragma clang loop unroll_count(4)
  for (int64_t s = 0; s < source; s++) {
    L columns[vectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) columns[v] = V::load(filters + (s * vectors + v) * V::lanes);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const L row = V::broadcast(inputs[i * source + s]);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sums[i][v] = V::fma(row, columns[v], sums[i][v]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) V::store(products + (i * vectors + v) * V::lanes, sums[i][v]);
}

/// The products of a block's tiles and `vectors` vectors of result channels, as [element][tile][channel].
template <class V, class F, int rows, int vectors>
void multiplyBlock(
  const FilteringJob &job, int64_t tileCount, const float *inputs, const float *filters, float *products) {
  for (int64_t p = 0; p < F::inputs * F::inputs; p++)
    for (int64_t tile = 0; tile < tileCount; tile += rows)
      multiply<V, rows, vectors>(
        inputs + p * job.blocks.inputStride + tile * job.source, job.source,
        filters + p * job.source * vectors * V::lanes,
        products + p * job.blocks.productStride + tile * vectors * V::lanes);
}

/// Transforms the products of `width` channels from `channel` on back, and writes the results.
template <class V, class F>
void writeResults(
  const FilteringJob &job, int64_t first, int64_t last, int64_t channel, int64_t width,
  const float *products) {
  typedef typename V::Lanes L;
  const int n = F::inputs;
  const float *residual = (const float *)job.epilogue.residual;
  for (int64_t end = channel + width; channel < end; channel += V::lanes, products += V::lanes) {
    const L bias = job.epilogue.bias ? V::load(job.epilogue.bias + channel) : V::zero();
    Tiles::Position at = job.tiles.position(first);
    for (int64_t tile = first; tile < last; tile++, job.tiles.advance(at)) {
      L m[n][n], y[F::outputs][F::outputs];
      for (int p = 0; p < n * n; p++)
        m[p / n][p % n] = V::load(products + p * job.blocks.productStride + (tile - first) * width);
      inBothDimensions(m, y, F::transformProducts);
      const int64_t row = at.row * F::outputs, column = at.column * F::outputs;
      const int64_t offset = job.resultStrides.offset(at.picture, channel)
        + (row * job.map.width + column) * job.resultStrides.pixel;
      for (int r = 0; r < F::outputs; r++) {
        if (row + r >= job.map.height) break;
        for (int s = 0; s < F::outputs; s++) {
          if (column + s >= job.map.width) break;
          const int64_t to = offset + (r * job.map.width + s) * job.resultStrides.pixel;
          L sum = y[r][s] + bias;
          if (residual) sum += V::load(residual + to);
          if (job.epilogue.relu) sum = V::maximum(V::zero(), sum);
          V::store(job.y + to, sum);
        }
      }
    }
  }
}

template <class V, class F, int rows, int vectors>
void convolveShare(void *argument) {
  const FilteringJob &job = *(const FilteringJob *)argument;
  const Blocks &b = job.blocks;
  const Share mine = share(b.count);
  const int n = F::inputs * F::inputs;
  float *inputs = (float *)(job.workspace + mine.thread * job.partBytes);
  float *products = inputs + n * b.inputStride;
  for (int64_t block = mine.first; block < mine.last; block++) {
    const int64_t first = block * b.size;
    const int64_t last = first + b.size < job.tiles.count ? first + b.size : job.tiles.count;
    transformInputs<V, F>(job, first, last, inputs);
    const float *filters = job.filters;
    for (int64_t channel = 0; channel < job.result;) {
      const int64_t left = job.result - channel, columns = vectors * V::lanes;
      const int64_t width = left < columns ? left : columns;
      if (width == columns)
        multiplyBlock<V, F, rows, vectors>(job, last - first, inputs, filters, products);
      else
        multiplyBlock<V, F, rows, 16 / V::lanes>(job, last - first, inputs, filters, products);
      writeResults<V, F>(job, first, last, channel, width, products);
      filters += n * job.source * width;
      channel += width;
    }
  }
}

}  // namespace
