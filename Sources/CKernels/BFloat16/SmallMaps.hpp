// A convolution and the gradient of its input in bfloat16 for small feature maps, as matrix products.
//
// A tile is one position in some pictures times some output channels: eight and 32 with AVX-512. At the same position every
// picture uses the same taps of the kernel, so taps that fall on the padding are skipped. On a map of 2×2 these are 20 of 36.
// Pairs of source channels are adjacent in the blocked layout and are broadcast from there. The weights are packed once per
// update.
#pragma once
#include "Products.hpp"

namespace {
namespace smallMaps {

const int maximumTaps = 49;

struct Packing {
  ck_convolution c;
  bool isGradient;
  const float *w;  // [out][tap][in]
  bfloat16 *packed;  // [result tile][16 source channels][tap][pair of them][result channel][2]
  int64_t tile;  // Result channels of a tile. The last tile may be narrower.
};

/// Packs a square of pairs for one tap: input channels are adjacent in w, so as many pairs of them as lanes are transposed for
/// as many output channels. Where only 16 input channels are left, the pairs beyond them are zeros and are not written. Pairs,
/// and blocks of eight of them, are so many elements apart. Not inlined: the compiler would keep the address of every row, on
/// the stack.
template <class V>
__attribute__((noinline)) void packSquare(
  const float *from, int64_t rowStride, bool only16, bfloat16 *to, int64_t pairStride, int64_t blockStride) {
  const bool isHalf = only16 && V::lanes == 16;
  Pairs<V> rows[V::lanes];
  for (int i = 0; i < V::lanes; i++, from += rowStride)
    rows[i] = V::narrowed(V::load(from), isHalf ? V::zero() : V::load(from + V::lanes));
  V::transposePairs(rows);
  for (int i = 0; i < 8; i++) V::storePairs(to + i * pairStride, rows[i]);
  if (isHalf || V::lanes == 8) return;
  for (int i = 8; i < V::lanes; i++) V::storePairs(to + blockStride + (i - 8) * pairStride, rows[i]);
}

/// Packs a vector of result channels for all taps.
template <class V>
void packVector(const Packing &p, int64_t result) {
  const Roles channels = roles(p.c, p.isGradient);
  const int64_t taps = p.c.size * p.c.size, in = p.c.in_channels, source = channels.source;
  const int64_t tile = result - result % p.tile, left = channels.result - tile;
  const int64_t width = left < p.tile ? left : p.tile;
  bfloat16 *to = p.packed + tile * taps * source + (result - tile) * 2;
  for (int64_t tap = 0; tap < taps; tap++) {
    const auto pairs = [&](int64_t s) { return to + ((s / 16 * taps + tap) * 16 + s % 16) * width; };
    if (p.isGradient) {
      const float *from = p.w + tap * in + result;
      for (int64_t s = 0; s < source; s += 2, from += 2 * taps * in)
        V::storePairs(pairs(s), V::interleaved(V::load(from), V::load(from + taps * in)));
      continue;
    }
    for (int64_t s = 0; s < source; s += 2 * V::lanes)
      packSquare<V>(
        p.w + (result * taps + tap) * in + s, taps * in, source - s < 2 * V::lanes, pairs(s), width * 2,
        taps * 16 * width);
  }
}

template <class V>
void packShare(void *argument) {
  const Packing &p = *(const Packing *)argument;
  const Share mine = share(roles(p.c, p.isGradient).result / V::lanes);
  for (int64_t u = mine.first; u < mine.last; u++) packVector<V>(p, u * V::lanes);
}

struct Product {
  ck_convolution c;
  bool isGradient;
  const bfloat16 *source, *weights;
  bfloat16 *result;
};

/// In one dimension: the index in the source that a tap reads for index `at` of the result, or −1 if that is padding or, for
/// the gradient, between two strides.
inline int64_t sourceIndex(int64_t at, int64_t tap, int64_t length, const ck_convolution &c, bool isGradient) {
  if (!isGradient) {
    const int64_t index = at * c.stride + tap - c.padding;
    return index >= 0 && index < length ? index : -1;
  }
  const int64_t shifted = at + c.padding - tap;
  if (shifted < 0 || shifted % c.stride != 0) return -1;
  return shifted / c.stride < length ? shifted / c.stride : -1;
}

/// One position of a tile of pictures for a tile of channels. Pictures beyond the last one repeat it and are not written.
template <class V, int vectors>
void tile(
  const Product &p, int64_t firstPicture, int64_t channelTile, int64_t row, int64_t column) {
  const ck_convolution &c = p.c;
  const Roles channels = roles(c, p.isGradient);
  const int64_t sourceHeight = p.isGradient ? c.out_height : c.height;
  const int64_t sourceWidth = p.isGradient ? c.out_width : c.width;
  const int64_t resultWidth = p.isGradient ? c.width : c.out_width;
  const int64_t resultPixels = resultWidth * (p.isGradient ? c.height : c.out_height);
  const int64_t sourcePixels = sourceHeight * sourceWidth;
  const int64_t taps = c.size * c.size;
  const int64_t present = c.images - firstPicture < V::tileRows ? c.images - firstPicture : V::tileRows;
  const int width = vectors * V::lanes;
  const bfloat16 *pictures[V::tileRows];
  for (int64_t i = 0; i < V::tileRows; i++)
    pictures[i] = p.source
      + (firstPicture + (i < present ? i : present - 1)) * channels.source * sourcePixels;
  const bfloat16 *weights = p.weights + channelTile * V::tileColumns * taps * channels.source;
  TileSums<V, vectors> sums;
  for (int i = 0; i < V::tileRows; i++)
    for (int v = 0; v < vectors; v++) sums.lanes[i][v] = V::zero();
  // The taps that read a pixel: the offset of the pixel, and that of the tap's weights.
  int64_t pixelOffsets[maximumTaps], weightOffsets[maximumTaps], count = 0;
  for (int64_t tap = 0; tap < taps; tap++) {
    const int64_t y = sourceIndex(row, tap / c.size, sourceHeight, c, p.isGradient);
    const int64_t x = sourceIndex(column, tap % c.size, sourceWidth, c, p.isGradient);
    if (y < 0 || x < 0) continue;
    pixelOffsets[count] = (y * sourceWidth + x) * 16;
    weightOffsets[count++] = tap * width * 16;
  }
  for (int64_t block = 0; block < channels.source; block += 16) {
    for (int64_t tap = 0; tap < count; tap++) {
      const bfloat16 *w = weights + block * taps * width + weightOffsets[tap];
      const int64_t offset = block * sourcePixels + pixelOffsets[tap];
#pragma clang loop unroll(disable)
      for (int64_t pair = 0; pair < 16; pair += 2) {
        addProducts<V, vectors>(sums, w, [&](int i) __attribute__((always_inline)) {
          return pictures[i] + offset + pair;
        });
        w += width * 2;
      }
    }
  }
  for (int64_t i = 0; i < present; i++)
    for (int v = 0; v < vectors; v++) {
      const int64_t channel = channelTile * V::tileColumns + v * V::lanes;
      V::storeNarrowed(
        p.result + (firstPicture + i) * channels.result * resultPixels + blockedOffset(channel, resultPixels)
          + (row * resultWidth + column) * 16,
        sums.lanes[i][v]);
    }
}

template <class V>
void multiplyShare(void *argument) {
  const Product &p = *(const Product *)argument;
  const ck_convolution &c = p.c;
  const int64_t channels = roles(c, p.isGradient).result;
  const int64_t tiles = (channels + V::tileColumns - 1) / V::tileColumns;
  const int64_t groups = (c.images + V::tileRows - 1) / V::tileRows;
  const int64_t height = p.isGradient ? c.height : c.out_height;
  const int64_t width = p.isGradient ? c.width : c.out_width;
  const Share mine = share(tiles * groups);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t channelTile = u / groups, picture = u % groups * V::tileRows;
    const bool whole = channels - channelTile * V::tileColumns >= V::tileColumns;
    for (int64_t row = 0; row < height; row++)
      for (int64_t column = 0; column < width; column++)
        whole ? tile<V, V::vectors>(p, picture, channelTile, row, column)
              : tile<V, 16 / V::lanes>(p, picture, channelTile, row, column);
  }
}

template <class V>
void pack(ck_convolution convolution, bool isGradient, const float *w, ck_weight_order order, void *packed) {
  Packing packing{
    convolution, isGradient, w, (bfloat16 *)packed, order == ck_order_of_onednn ? 16 : V::tileColumns};
  runOnTeam(packShare<V>, packing);
}

template <class V>
void convolve(
  ck_convolution convolution, bool isGradient, const void *source, const void *packed, void *result) {
  Product product{
    convolution, isGradient, (const bfloat16 *)source, (const bfloat16 *)packed, (bfloat16 *)result};
  runOnTeam(multiplyShare<V>, product);
}

}  // namespace smallMaps
}  // namespace
