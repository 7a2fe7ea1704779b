// The gradient of a convolution's weights in bfloat16 by the matrix unit (AMX).
//
// For each tap (r, s) of the kernel, dw[:, r, s, :] is a sum over the positions where the tap reads a pixel rather than padding:
// dy(position)ᵀ · x(pixel), matrices with one row per picture. A product sums over 32 pictures. So slabs of 32 pictures by a
// band of rows are packed, as many as fit the caches; then each thread adds their products to its tiles of dw. Which thread
// computes a tile does not change it, nor does the number of threads.
#pragma once
#include "Tiles.hpp"

namespace {
namespace amx {

/// How the pictures are divided.
struct Slabs {
  int64_t groups, bands;        // Of 32 pictures, of rows of dy.
  int64_t rows, columns;        // Tiles of output channels and of input channels.
  int64_t rowStride, columnStride;    // From one position of dy, or pixel of x, to the next, in elements.
  int64_t rowElements, columnElements;  // Of a slab.
  int64_t chunk;                // Slabs that are packed at a time.

  Slabs(const ck_convolution &c, int64_t threads) {
    groups = quotient(c.images, depth);
    rows = c.out_channels / tileRows;
    columns = c.in_channels / tileRows;
    rowStride = rows * tileElements + padding;
    columnStride = columns * tileElements + padding;
    // The packed slabs fill half of the threads' L2 caches.
    const int64_t fitting = threads * caches().second / 2;
    const auto setHeight = [&](int64_t height) {
      rowElements = height * c.out_width * rowStride;
      columnElements = mostSourceRows(height, c.height, c, false) * c.width * columnStride;
      return slabBytes() <= fitting;
    };
    bands = bandCount(c.out_height, setHeight);
    setHeight(quotient(c.out_height, bands));
    chunk = fitting / slabBytes();
    if (chunk > count()) chunk = count();
    if (chunk < 1) chunk = 1;
  }

  int64_t count() const { return groups * bands; }
  int64_t slabBytes() const { return 2 * (rowElements + columnElements); }
  int64_t byteCount() const { return chunk * slabBytes(); }
};

struct Gradient {
  ck_convolution c;
  const bfloat16 *x, *dy;
  float *dw;
  Slabs slabs;
  bfloat16 *rows;     // [slab][position][16 output channels][output channel][pair of pictures][2]
  bfloat16 *columns;  // [slab][pixel][16 input channels][pair of pictures][input channel][2]
  Rows chunk;         // The slabs that are packed.

  Rows band(int64_t slab) const { return part(c.out_height, slab % slabs.bands, slabs.bands); }
};

/// Packs a line of one block of channels of 32 pictures; those beyond the last one are zeros. `from` is the line in the first
/// picture, `to` the tile of its first pixel. Two pixels of a picture are in the same cache line, so two are packed at a time.
template <bool isRows>
void packLine(
  const bfloat16 *from, int64_t pictureStride, int64_t present, int64_t width, bfloat16 *to, int64_t stride) {
  for (int64_t x = 0; x < width; x += 2) {
    const int64_t count = x + 1 < width ? 2 : 1;
    Pairs<V> tiles[2][tileRows];
    for (int64_t k = 0; k < tileRows; k++) {
      const bfloat16 *first = from + 2 * k * pictureStride + x * 16;
      const bfloat16 *second = 2 * k + 1 < present ? first + pictureStride : nullptr;
      for (int64_t i = 0; i < count; i++)
        tiles[i][k] = 2 * k < present ? V::pairOf(first + i * 16, second ? second + i * 16 : nullptr) : V::noPairs();
    }
    for (int64_t i = 0; i < count; i++) {
      if (isRows) V::transposePairs(tiles[i]);
      for (int64_t k = 0; k < tileRows; k++) V::storePairs(to + (x + i) * stride + k * depth, tiles[i][k]);
    }
  }
}

/// Packs this thread's share of the lines of a chunk's slabs.
inline void packSlabs(void *argument) {
  const Gradient &g = *(const Gradient *)argument;
  const ck_convolution &c = g.c;
  const Slabs &s = g.slabs;
  const Share mine = share(g.chunk.count() * (s.rows + s.columns));
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t number = u / (s.rows + s.columns), tile = u % (s.rows + s.columns), slab = g.chunk.first + number;
    const int64_t picture = slab / s.bands * depth, left = c.images - picture;
    const int64_t present = left < depth ? left : depth;
    const Rows band = g.band(slab);
    if (tile < s.rows) {
      const int64_t pixels = c.out_height * c.out_width;
      for (int64_t row = band.first; row < band.last; row++)
        packLine<true>(
          g.dy + (picture * s.rows + tile) * 16 * pixels + row * c.out_width * 16, c.out_channels * pixels, present,
          c.out_width, g.rows + number * s.rowElements + (row - band.first) * c.out_width * s.rowStride + tile * tileElements,
          s.rowStride);
      continue;
    }
    const int64_t column = tile - s.rows, pixels = c.height * c.width;
    const Rows read = sourceRows(band, c.height, c, false);
    for (int64_t row = read.first; row < read.last; row++) {
      if (c.size == 1 && (row + c.padding) % c.stride != 0) continue;  // A kernel of size 1 does not read it.
      packLine<false>(
        g.x + (picture * s.columns + column) * 16 * pixels + row * c.width * 16, c.in_channels * pixels, present, c.width,
        g.columns + number * s.columnElements + (row - read.first) * c.width * s.columnStride + column * tileElements,
        s.columnStride);
    }
  }
}

/// Adds the products of a chunk to the sums in registers, for one tap and the tiles from `rowTile` and `columnTile` on.
template <class Sums>
CK_ALWAYS_INLINE void addChunk(const Gradient &g, int64_t rowTile, int64_t columnTile, int64_t r, int64_t s) {
  const ck_convolution &c = g.c;
  const Slabs &slabs = g.slabs;
  const smallMaps::Range down = smallMaps::positionsOf(r, c.out_height, c.height, c);
  const smallMaps::Range across = smallMaps::positionsOf(s, c.out_width, c.width, c);
  for (int64_t slab = g.chunk.first; slab < g.chunk.last; slab++) {
    const Rows band = g.band(slab), read = sourceRows(band, c.height, c, false);
    const bfloat16 *rows = g.rows + (slab - g.chunk.first) * slabs.rowElements + rowTile * tileElements;
    const bfloat16 *columns = g.columns + (slab - g.chunk.first) * slabs.columnElements + columnTile * tileElements;
    const int64_t first = band.first > down.first ? band.first : down.first;
    const int64_t last = band.last < down.last ? band.last : down.last;
    for (int64_t i = first; i < last; i++) {
      const int64_t line = (i * c.stride + r - c.padding - read.first) * c.width + s - c.padding;
      for (int64_t j = across.first; j < across.last; j++)
        Sums::add(
          rows + ((i - band.first) * c.out_width + j) * slabs.rowStride,
          columns + (line + j * c.stride) * slabs.columnStride, tileElements);
    }
  }
}

/// Adds a chunk to this thread's share of the tiles of dw, which start from 0 with the first chunk.
inline void addShare(void *argument) {
  const Gradient &g = *(const Gradient *)argument;
  const ck_convolution &c = g.c;
  const int64_t rowPairs = quotient(g.slabs.rows, 2), columnPairs = quotient(g.slabs.columns, 2);
  const int64_t taps = c.size * c.size, stride = taps * c.in_channels;
  const Share mine = share(rowPairs * columnPairs * taps);
  const Registers registers;
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t rowTile = u / taps / columnPairs * 2, columnTile = u / taps % columnPairs * 2, tap = u % taps;
    float *dw = g.dw + rowTile * tileRows * stride + tap * c.in_channels + columnTile * tileRows;
    withSums(g.slabs.rows - rowTile, g.slabs.columns - columnTile, [&](auto shape) {
      typedef decltype(shape) Sums;
      g.chunk.first == 0 ? Sums::clear() : Sums::load(dw, stride, tileRows, tileRows * stride);
      addChunk<Sums>(g, rowTile, columnTile, tap / c.size, tap % c.size);
      Sums::store(dw, stride, tileRows, tileRows * stride);
    });
  }
}

// MARK: The functions of the header

inline int64_t weightGradientBytes(ck_convolution c, int threads) { return Slabs(c, threads).byteCount(); }

inline void weightGradient(ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  const Slabs slabs(c, omp_get_max_threads());
  bfloat16 *rows = (bfloat16 *)workspace;
  Gradient gradient{
    c, (const bfloat16 *)x, (const bfloat16 *)dy, dw, slabs, rows, rows + slabs.chunk * slabs.rowElements, {}};
  for (int64_t first = 0; first < slabs.count(); first += slabs.chunk) {
    const int64_t last = first + slabs.chunk;
    gradient.chunk = {first, last < slabs.count() ? last : slabs.count()};
    runOnTeam(packSlabs, gradient);
    runOnTeam(addShare, gradient);
  }
}

}  // namespace amx
}  // namespace
