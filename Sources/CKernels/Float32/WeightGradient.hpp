// The gradient of the weights of a 3×3 convolution with stride 1 and padding 1, in float32 by Winograd's filtering.
//
// By Filtering.hpp's second formula it is, for each element of a transformed tile, a sum of outer products over all tiles:
// output channels × tiles by tiles × input channels. The tiles are cut into chunks. A chunk of both operands is transformed
// and packed in panels of adjacent channels. There are two ways to go on:
//   - With few channels each thread has chunks and sums of its own, which stay in its L2 cache. The threads' sums are added
//     up and transformed at the end.
//   - With many channels such sums would fit no cache, while the tiles are few. The team packs one chunk together. Each
//     thread then computes the sums of one block of channels after the other, and transforms a block's sums at once.
#pragma once
#include "Convolution.hpp"

namespace {

/// A chunk of tiles, packed as [element][panel][tile][channel], and sums as [element][tile of columns][row][column].
template <class V, class F, int tileColumns>
struct GradientPart {
  static constexpr int elements = F::inputs * F::inputs;
  int64_t in, out, chunk;
  float *rows, *columns;  // Output channels, input channels.

  GradientPart(const WeightGradientJob &job, float *packed)
    : in(job.in), out(job.out), chunk(job.chunk), rows(packed), columns(rows + elements * rowStride()) {}

  /// Distances from one element to the next, with a cache line of padding against conflicts in the cache.
  int64_t rowStride() const { return out * chunk + 16; }
  int64_t columnStride() const { return in * chunk + 16; }
  /// Columns of the tile that begins with column `first`; the last one may be narrower.
  int64_t width(int64_t first) const { return in - first < tileColumns ? in - first : tileColumns; }
  float *row(int64_t element, int64_t channel, int64_t tile) const {
    return rows + element * rowStride() + channel / V::lanes * V::lanes * chunk + tile * V::lanes
      + channel % V::lanes;
  }
  float *column(int64_t element, int64_t channel, int64_t tile) const {
    const int64_t first = channel / tileColumns * tileColumns;
    return columns + element * columnStride() + first * chunk + tile * width(first) + channel - first;
  }
  /// The offset of a sum of a thread's own.
  int64_t sum(int64_t element, int64_t row, int64_t column) const {
    const int64_t first = column / tileColumns * tileColumns;
    return element * in * out + first * out + row * width(first) + column - first;
  }
};

/// A dY Aᵀ of one tile of the feature map at `data`. Gradients beyond the border are 0.
template <class V, class F>
CK_INLINE void transformGradients(
  const float *data, MapSize map, int64_t stride, const Tiles::Position &at,
  typename V::Lanes (&to)[F::inputs][F::inputs]) {
  const int n = F::outputs;
  typename V::Lanes dy[n][n];
  const int64_t row = at.row * n, column = at.column * n;
  const float *first = data + (row * map.width + column) * stride;
  if (row + n <= map.height && column + n <= map.width) {
    for (int p = 0; p < n * n; p++)
      dy[p / n][p % n] = V::load(first + (p / n * map.width + p % n) * stride);
  } else {
    for (int p = 0; p < n * n; p++)
      dy[p / n][p % n] = row + p / n < map.height && column + p % n < map.width
        ? V::load(first + (p / n * map.width + p % n) * stride)
        : V::zero();
  }
  inBothDimensions(dy, to, F::transformGradients);
}

/// Packs the tiles [first, last) of one vector of channels: of x if `unit` is less than the number of its vectors, else of dy.
template <class V, class F, int tileColumns>
void packUnit(
  const WeightGradientJob &job, const GradientPart<V, F, tileColumns> &part, int64_t first, int64_t last,
  int64_t unit) {
  typedef typename V::Lanes L;
  const int n = F::inputs;
  const bool isInput = unit < job.in / V::lanes;
  const int64_t channel = (isInput ? unit : unit - job.in / V::lanes) * V::lanes;
  Tiles::Position at = job.tiles.position(first);
  InputTile<V, F> input;
  for (int64_t tile = first; tile < last; tile++, job.tiles.advance(at)) {
    if (isInput) {
      const float *data = job.x + job.xStrides.offset(at.picture, channel);
      input.move(data, job.map, job.xStrides.pixel, at, tile > first);
      float *to = part.column(0, channel, tile - first);
      for (int r = 0; r < n; r++) {
        L row[n];
        input.row(r, row);
        for (int s = 0; s < n; s++) V::store(to + (r * n + s) * part.columnStride(), row[s]);
      }
    } else {
      L transformed[n][n];
      const float *data = job.dy + job.dyStrides.offset(at.picture, channel);
      transformGradients<V, F>(data, job.map, job.dyStrides.pixel, at, transformed);
      float *to = part.row(0, channel, tile - first);
      for (int p = 0; p < n * n; p++) V::store(to + p * part.rowStride(), transformed[p / n][p % n]);
    }
  }
}

/// The products of `count` tiles for one register tile, added to its sums unless `isFirst`. Adding them to 0 and then to
/// the sums loses fewer digits than one long chain of additions.
template <class V, int rowCount, int vectors>
CK_INLINE void addProducts(
  const float *rows, const float *columns, int64_t count, bool isFirst, float *to) {
  typedef typename V::Lanes L;
  L sums[rowCount][vectors];
#pragma clang loop unroll(full)
  for (int i = 0; i < rowCount; i++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sums[i][v] = V::zero();
#pragma clang loop unroll_count(4)
  for (int64_t k = 0; k < count; k++) {
    L column[vectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) column[v] = V::load(columns + (k * vectors + v) * V::lanes);
#pragma clang loop unroll(full)
    for (int i = 0; i < rowCount; i++) {
      const L row = V::broadcast(rows[k * V::lanes + i]);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sums[i][v] = V::fma(row, column[v], sums[i][v]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rowCount; i++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      float *at = to + (i * vectors + v) * V::lanes;
      V::store(at, isFirst ? sums[i][v] : V::load(at) + sums[i][v]);
    }
}

/// The same for the output channels [first, last) and one tile of columns. `to` has one row for each output channel.
template <class V, class F, int rowCount, int vectors>
void addColumnTile(
  const GradientPart<V, F, vectors * V::lanes> &part, int64_t element, int64_t first, int64_t last, int64_t column,
  int64_t count, bool isFirst, float *to) {
  const float *columns = part.column(element, column, 0);
  const int64_t width = part.width(column);
  for (int64_t row = first; row < last; row += rowCount, to += rowCount * width) {
    const float *rows = part.row(element, row, 0);
    if (width == vectors * V::lanes)
      addProducts<V, rowCount, vectors>(rows, columns, count, isFirst, to);
    else
      addProducts<V, rowCount, 16 / V::lanes>(rows, columns, count, isFirst, to);
  }
}

/// Transforms sums to the nine taps of dw at `to`, and adds them there unless `isFirst`.
template <class V, class F>
CK_INLINE void writeTaps(
  const typename V::Lanes (&sums)[F::inputs][F::inputs], int64_t tapStride, bool isFirst, float *to) {
  typename V::Lanes taps[3][3];
  inBothDimensions(sums, taps, F::transformSums);
  for (int t = 0; t < 9; t++, to += tapStride)
    V::store(to, isFirst ? taps[t / 3][t % 3] : V::load(to) + taps[t / 3][t % 3]);
}

// MARK: Few channels

/// A thread's share of the tiles, into sums of its own.
template <class V, class F, int rowCount, int vectors>
void addOwnShare(void *argument) {
  const WeightGradientJob &job = *(const WeightGradientJob *)argument;
  const Share mine = share(job.tiles.count);
  float *sums = (float *)(job.workspace + mine.thread * job.partBytes);
  const int elements = F::inputs * F::inputs;
  const GradientPart<V, F, vectors * V::lanes> part(job, sums + elements * job.in * job.out);
  if (mine.first == mine.last) memset(sums, 0, sizeof(float) * elements * job.in * job.out);
  for (int64_t first = mine.first; first < mine.last; first += job.chunk) {
    const int64_t last = first + job.chunk < mine.last ? first + job.chunk : mine.last;
    for (int64_t unit = 0; unit < (job.in + job.out) / V::lanes; unit++)
      packUnit(job, part, first, last, unit);
    for (int p = 0; p < elements; p++)
      for (int64_t column = 0; column < job.in; column += vectors * V::lanes)
        addColumnTile<V, F, rowCount, vectors>(
          part, p, 0, job.out, column, last - first, first == mine.first, sums + part.sum(p, 0, column));
  }
}

/// Adds up the threads' sums and transforms them to dw, for this thread's share of the output channels.
template <class V, class F, int tileColumns>
void finishShare(void *argument) {
  const WeightGradientJob &job = *(const WeightGradientJob *)argument;
  const int n = F::inputs;
  const Share mine = share(job.out);
  const GradientPart<V, F, tileColumns> part(job, nullptr);
  for (int64_t out = mine.first; out < mine.last; out++)
    for (int64_t in = 0; in < job.in; in += V::lanes) {
      typename V::Lanes totals[n][n];
      for (int p = 0; p < n * n; p++) {
        const char *from = job.workspace + part.sum(p, out, in) * (int64_t)sizeof(float);
        auto total = V::load((const float *)from);
        for (int64_t i = 1; i < mine.threads; i++) total += V::load((const float *)(from + i * job.partBytes));
        totals[p / n][p % n] = total;
      }
      writeTaps<V, F>(totals, job.in, true, job.dw + out * 9 * job.in + in);
    }
}

// MARK: Many channels

/// A thread's share of the channels of the team's chunk, packed.
template <class V, class F, int tileColumns>
void packChunkShare(void *argument) {
  const WeightGradientJob &job = *(const WeightGradientJob *)argument;
  const Share mine = share((job.in + job.out) / V::lanes);
  const GradientPart<V, F, tileColumns> part(job, (float *)job.workspace);
  for (int64_t unit = mine.first; unit < mine.last; unit++)
    packUnit(job, part, job.first, job.last, unit);
}

/// dw of the team's chunk for a thread's share of the blocks of channels. A block is a tile of columns by as many rows as
/// keep its sums in half of an L2 cache.
template <class V, class F, int rowCount, int vectors>
void multiplyChunkShare(void *argument) {
  const WeightGradientJob &job = *(const WeightGradientJob *)argument;
  const int n = F::inputs, columns = vectors * V::lanes;
  const GradientPart<V, F, columns> part(job, (float *)job.workspace);
  const int64_t rowBlocks = (job.out + gradientBlockRows - 1) / gradientBlockRows;
  const Share mine = share((job.in + columns - 1) / columns * rowBlocks);
  float *sums = (float *)(job.workspace + job.sharedBytes + mine.thread * job.partBytes);
  for (int64_t block = mine.first; block < mine.last; block++) {
    const int64_t column = block / rowBlocks * columns, first = block % rowBlocks * gradientBlockRows;
    const int64_t last = first + gradientBlockRows < job.out ? first + gradientBlockRows : job.out;
    const int64_t width = part.width(column), elementStride = gradientBlockRows * width + 16;
    for (int p = 0; p < n * n; p++)
      addColumnTile<V, F, rowCount, vectors>(
        part, p, first, last, column, job.last - job.first, true, sums + p * elementStride);
    for (int64_t out = first; out < last; out++)
      for (int64_t v = 0; v < width; v += V::lanes) {
        typename V::Lanes totals[n][n];
        for (int p = 0; p < n * n; p++)
          totals[p / n][p % n] = V::load(sums + p * elementStride + (out - first) * width + v);
        writeTaps<V, F>(totals, job.in, job.first == 0, job.dw + out * 9 * job.in + column + v);
      }
  }
}

}  // namespace
