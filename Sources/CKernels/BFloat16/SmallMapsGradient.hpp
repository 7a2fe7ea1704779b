// The gradient of a convolution's weights in bfloat16 for small feature maps, as matrix products.
//
// For each tap (r, s) of the kernel, dw[:, r, s, :] is a sum over the positions where the tap reads a pixel rather than
// padding: dy(position)ᵀ · x(pixel), matrices with one row per picture. Taps on the padding are skipped. On a map of 2×2
// that is more than half of all multiplications.
#pragma once
#include "Products.hpp"

namespace {
namespace smallMaps {

// In a tile of dw, rows are output channels and columns are input channels. A pair is two pictures.

inline int64_t pairs(int64_t images) { return (images + 1) / 2; }

struct GradientJob {
  ck_convolution c;
  const bfloat16 *x, *dy;
  float *dw;
  // [column tile][pixel][pair of pictures][column][2] and [row tile][position][pair][row][2]
  bfloat16 *columns, *rows;
};

/// Packs one pixel of all pictures, a vector of channels, in pairs of pictures.
template <class V>
void packPixel(
  const bfloat16 *from, int64_t pictureStride, int64_t images, bfloat16 *to, int64_t pairStride) {
  for (int64_t n = 0; n < images; n += 2) {
    V::storePairs(to, V::pairOf(from, n + 1 < images ? from + pictureStride : nullptr));
    from += 2 * pictureStride;
    to += pairStride;
  }
}

/// Packs x into tiles of columns, the last of which may have 16.
template <class V>
void packColumns(GradientJob &job) {
  const ck_convolution &c = job.c;
  const int64_t pixels = c.height * c.width;
  const Share mine = share(c.in_channels / V::lanes * pixels);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t channel = u / pixels * V::lanes, pixel = u % pixels;
    if (c.size == 1 && (pixel / c.width % c.stride != 0 || pixel % c.width % c.stride != 0))
      continue;  // A kernel of size 1 does not read it.
    const int64_t tile = channel / V::tileColumns;
    const int64_t left = c.in_channels - tile * V::tileColumns;
    const int64_t width = left < V::tileColumns ? left : V::tileColumns;
    bfloat16 *to = job.columns + (tile * V::tileColumns * pixels + pixel * width) * 2 * pairs(c.images);
    packPixel<V>(
      job.x + blockedOffset(channel, pixels) + pixel * 16, c.in_channels * pixels, c.images,
      to + (channel - tile * V::tileColumns) * 2, width * 2);
  }
}

/// Packs dy into tiles of rows, of which a vector of channels fills two.
template <class V>
void packRows(GradientJob &job) {
  const ck_convolution &c = job.c;
  const int64_t positions = c.out_height * c.out_width;
  const Share mine = share(c.out_channels / V::lanes * positions);
  const int64_t count = pairs(c.images);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t vector = u / positions, position = u % positions;
    const bfloat16 *from = job.dy + blockedOffset(vector * V::lanes, positions) + position * 16;
    bfloat16 *low = job.rows + (2 * vector * positions + position) * count * V::outerRows * 2;
    bfloat16 *high = low + positions * count * V::outerRows * 2;
    const int64_t stride = c.out_channels * positions;
    for (int64_t n = 0; n < c.images; n += 2) {
      V::storeHalves(low, high, V::pairOf(from, n + 1 < c.images ? from + stride : nullptr));
      from += 2 * stride;
      low += V::outerRows * 2;
      high += V::outerRows * 2;
    }
  }
}

/// Adds the products of `count` pairs of pictures to the tile.
template <class V, int vectors>
CK_INLINE void multiply(
  const bfloat16 *rows, const bfloat16 *columns, int64_t count, TileSums<V, vectors, V::outerRows> &sums) {
  for (int64_t k = 0; k < count; k++) {
    addProducts<V, vectors>(
      sums, columns, [&](int i) __attribute__((always_inline)) { return rows + 2 * i; });
    rows += V::outerRows * 2;
    columns += vectors * 2 * V::lanes;
  }
}

/// In one dimension: the positions [first, last) at which a tap reads a pixel.
struct Range {
  int64_t first, last;
};
inline Range positionsOf(int64_t tap, int64_t positions, int64_t pixels, const ck_convolution &c) {
  const int64_t shift = tap - c.padding;
  int64_t first = shift < 0 ? (-shift + c.stride - 1) / c.stride : 0;
  int64_t last = (pixels - 1 - shift) / c.stride + 1;
  if (pixels - 1 - shift < 0) last = 0;
  if (last > positions) last = positions;
  return {first, last < first ? first : last};
}

/// One tile of dw for one tap.
template <class V, int vectors>
void gradientTile(const GradientJob &job, int64_t rowTile, int64_t columnTile, int64_t r, int64_t s) {
  const ck_convolution &c = job.c;
  const int64_t count = pairs(c.images);
  const int64_t pixels = c.height * c.width, positions = c.out_height * c.out_width;
  const bfloat16 *rows = job.rows + rowTile * positions * count * V::outerRows * 2;
  const bfloat16 *columns = job.columns + columnTile * V::tileColumns * pixels * count * 2;
  const int64_t rowStride = count * V::outerRows * 2, columnStride = count * vectors * 2 * V::lanes;
  TileSums<V, vectors, V::outerRows> sums;
  for (int i = 0; i < V::outerRows; i++)
    for (int v = 0; v < vectors; v++) sums.lanes[i][v] = V::zero();
  const Range down = positionsOf(r, c.out_height, c.height, c);
  const Range across = positionsOf(s, c.out_width, c.width, c);
  for (int64_t i = down.first; i < down.last; i++) {
    const int64_t line = (i * c.stride + r - c.padding) * c.width;
    if (c.stride == 1) {  // Neighbouring positions read neighbouring pixels: one long product serves the whole line.
      const int64_t position = i * c.out_width + across.first;
      const int64_t pixel = line + across.first + s - c.padding;
      multiply<V, vectors>(
        rows + position * rowStride, columns + pixel * columnStride,
        (across.last - across.first) * count, sums);
      continue;
    }
    for (int64_t j = across.first; j < across.last; j++)
      multiply<V, vectors>(
        rows + (i * c.out_width + j) * rowStride,
        columns + (line + j * c.stride + s - c.padding) * columnStride, count, sums);
  }
  for (int i = 0; i < V::outerRows; i++) {
    float *to = job.dw
      + (((rowTile * V::outerRows + i) * c.size + r) * c.size + s) * c.in_channels
      + columnTile * V::tileColumns;
    for (int v = 0; v < vectors; v++) V::store(to + v * V::lanes, sums.lanes[i][v]);
  }
}

template <class V>
void packOperands(void *argument) {
  GradientJob &job = *(GradientJob *)argument;
  packColumns<V>(job);
  packRows<V>(job);
}

template <class V>
void multiplyTiles(void *argument) {
  const GradientJob &job = *(const GradientJob *)argument;
  const ck_convolution &c = job.c;
  const int64_t rowTiles = c.out_channels / V::outerRows;
  const int64_t columnTiles = (c.in_channels + V::tileColumns - 1) / V::tileColumns;
  const Share mine = share(rowTiles * columnTiles);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t columnTile = u / rowTiles, rowTile = u % rowTiles;
    const bool whole = c.in_channels - columnTile * V::tileColumns >= V::tileColumns;
    for (int64_t r = 0; r < c.size; r++)
      for (int64_t s = 0; s < c.size; s++)
        whole ? gradientTile<V, V::vectors>(job, rowTile, columnTile, r, s)
              : gradientTile<V, 16 / V::lanes>(job, rowTile, columnTile, r, s);
  }
}

template <class V>
void weightGradient(ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  bfloat16 *columns = (bfloat16 *)workspace;
  bfloat16 *rows = columns + 2 * pairs(c.images) * c.in_channels * c.height * c.width;
  GradientJob job{c, (const bfloat16 *)x, (const bfloat16 *)dy, dw, columns, rows};
  runOnTeam(packOperands<V>, job);
  runOnTeam(multiplyTiles<V>, job);
}

}  // namespace smallMaps
}  // namespace
