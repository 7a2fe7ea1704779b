// A convolution and the gradient of its input in bfloat16 for small feature maps, as matrix products.
//
// A tile is one position in eight pictures times 32 output channels. At the same position every picture uses the same taps
// of the kernel, so taps that fall on the padding are skipped. On a map of 2×2 these are 20 of 36. Pairs of source channels
// are adjacent in the blocked layout and are broadcast from there. The weights are packed once per update.
#include "Products.hpp"

#if defined(__x86_64__)

using namespace ck;

namespace {

const int tilePictures = tileRows, tileChannels = tileColumns, maximumTaps = 49;

struct Packing {
  ck_convolution c;
  bool isGradient;
  const float *w;  // [out][tap][in]
  bfloat16 *packed;  // [result tile][16 source channels][tap][pair of them][result channel][2]
  int64_t tile;  // Result channels of a tile. The last tile may be narrower.
};

/// Packs 16 result channels for all taps.
BFLOAT16 void packSixteen(const Packing &p, int64_t result) {
  const Roles channels = roles(p.c, p.isGradient);
  const int64_t taps = p.c.size * p.c.size, in = p.c.in_channels;
  const int64_t tile = result - result % p.tile, left = channels.result - tile;
  const int64_t width = left < p.tile ? left : p.tile;
  bfloat16 *to = p.packed + tile * taps * channels.source + (result - tile) * 2;
  for (int64_t tap = 0; tap < taps; tap++)
    for (int64_t s = 0; s < channels.source; s += p.isGradient ? 2 : 32) {
      bfloat16 *pairs = to + ((s / 16 * taps + tap) * 16 + s % 16) * width;
      if (p.isGradient) {
        const float *from = p.w + (s * taps + tap) * in + result;
        _mm512_storeu_si512(pairs, interleaved(_mm512_loadu_ps(from), _mm512_loadu_ps(from + taps * in)));
        continue;
      }
      // Input channels are adjacent in w: 16 pairs of them for each of 16 output channels are transposed. Where only 16
      // input channels are left, half of the pairs are zeros and are not written.
      const bool half = channels.source - s < 32;
      __m512i rows[16];
      for (int i = 0; i < 16; i++) {
        const float *from = p.w + ((result + i) * taps + tap) * in + s;
        const __m512 low = _mm512_loadu_ps(from);
        const __m512 high = half ? _mm512_setzero_ps() : _mm512_loadu_ps(from + 16);
        rows[i] = (__m512i)_mm512_cvtne2ps_pbh(high, low);
      }
      transpose(rows);
      for (int i = 0; i < 8; i++) _mm512_storeu_si512(pairs + i * width * 2, rows[i]);
      if (half) continue;
      pairs += taps * 16 * width;
      for (int i = 0; i < 8; i++) _mm512_storeu_si512(pairs + i * width * 2, rows[8 + i]);
    }
}

BFLOAT16 void packShare(void *argument) {
  const Packing &p = *(const Packing *)argument;
  const Share mine = share(roles(p.c, p.isGradient).result / 16);
  for (int64_t u = mine.first; u < mine.last; u++)
    packSixteen(p, u * 16);
}

struct Product {
  ck_convolution c;
  bool isGradient;
  const bfloat16 *source, *weights;
  bfloat16 *result;
};

/// In one dimension: the index in the source that a tap reads for index `at` of the result, or −1 if that is padding or, for
/// the gradient, between two strides.
int64_t sourceIndex(int64_t at, int64_t tap, int64_t length, const ck_convolution &c, bool isGradient) {
  if (!isGradient) {
    const int64_t index = at * c.stride + tap - c.padding;
    return index >= 0 && index < length ? index : -1;
  }
  const int64_t shifted = at + c.padding - tap;
  if (shifted < 0 || shifted % c.stride != 0) return -1;
  return shifted / c.stride < length ? shifted / c.stride : -1;
}

/// One position of eight pictures for a tile of channels. Pictures beyond the last one repeat it and are not written.
template <int vectors>
BFLOAT16 void tile(
  const Product &p, int64_t firstPicture, int64_t channelTile, int64_t row, int64_t column) {
  const ck_convolution &c = p.c;
  const Roles channels = roles(c, p.isGradient);
  const int64_t sourceHeight = p.isGradient ? c.out_height : c.height;
  const int64_t sourceWidth = p.isGradient ? c.out_width : c.width;
  const int64_t resultWidth = p.isGradient ? c.width : c.out_width;
  const int64_t resultPixels = resultWidth * (p.isGradient ? c.height : c.out_height);
  const int64_t sourcePixels = sourceHeight * sourceWidth;
  const int64_t taps = c.size * c.size;
  const int64_t present =
    c.images - firstPicture < tilePictures ? c.images - firstPicture : tilePictures;
  const bfloat16 *pictures[tilePictures];
  for (int64_t i = 0; i < tilePictures; i++)
    pictures[i] = p.source
      + (firstPicture + (i < present ? i : present - 1)) * channels.source * sourcePixels;
  const bfloat16 *weights = p.weights + channelTile * tileChannels * taps * channels.source;
  TileSums<vectors> sums;
  for (int i = 0; i < tileRows; i++)
    for (int v = 0; v < vectors; v++) sums.lanes[i][v] = _mm512_setzero_ps();
  // The taps that read a pixel: the offset of the pixel, and that of the tap's weights.
  int64_t pixelOffsets[maximumTaps], weightOffsets[maximumTaps], count = 0;
  for (int64_t tap = 0; tap < taps; tap++) {
    const int64_t y = sourceIndex(row, tap / c.size, sourceHeight, c, p.isGradient);
    const int64_t x = sourceIndex(column, tap % c.size, sourceWidth, c, p.isGradient);
    if (y < 0 || x < 0) continue;
    pixelOffsets[count] = (y * sourceWidth + x) * 16;
    weightOffsets[count++] = tap * vectors * 16 * 16;
  }
  for (int64_t block = 0; block < channels.source; block += 16) {
    for (int64_t tap = 0; tap < count; tap++) {
      const bfloat16 *w = weights + block * taps * vectors * 16 + weightOffsets[tap];
      const int64_t offset = block * sourcePixels + pixelOffsets[tap];
#pragma clang loop unroll(disable)
      for (int64_t pair = 0; pair < 16; pair += 2) {
        addProducts<vectors>(sums, w, [&](int i) __attribute__((always_inline)) {
          return pictures[i] + offset + pair;
        });
        w += vectors * 32;
      }
    }
  }
  for (int64_t i = 0; i < present; i++)
    for (int v = 0; v < vectors; v++) {
      const int64_t block = channelTile * tileChannels / 16 + v;
      bfloat16 *to = p.result
        + (((firstPicture + i) * (channels.result / 16) + block) * resultPixels
           + row * resultWidth + column)
          * 16;
      _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(sums.lanes[i][v]));
    }
}

BFLOAT16 void multiplyShare(void *argument) {
  const Product &p = *(const Product *)argument;
  const ck_convolution &c = p.c;
  const int64_t channels = roles(c, p.isGradient).result;
  const int64_t tiles = (channels + tileChannels - 1) / tileChannels;
  const int64_t groups = (c.images + tilePictures - 1) / tilePictures;
  const int64_t height = p.isGradient ? c.height : c.out_height;
  const int64_t width = p.isGradient ? c.width : c.out_width;
  const Share mine = share(tiles * groups);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t channelTile = u / groups, picture = u % groups * tilePictures;
    const bool whole = channels - channelTile * tileChannels >= tileChannels;
    for (int64_t row = 0; row < height; row++)
      for (int64_t column = 0; column < width; column++)
        whole ? tile<2>(p, picture, channelTile, row, column)
              : tile<1>(p, picture, channelTile, row, column);
  }
}

}  // namespace

void ck_pack_weights(
  ck_convolution convolution, bool is_gradient, const float *w, int tile, void *packed) {
  CK_REQUIRE_BFLOAT16();
  Packing packing{convolution, is_gradient, w, (bfloat16 *)packed, tile};
  runOnTeam(packShare, packing);
}

void ck_small_convolution(
  ck_convolution convolution, bool is_gradient, const void *source, const void *packed,
  void *result) {
  CK_REQUIRE_BFLOAT16();
  Product product{
    convolution, is_gradient, (const bfloat16 *)source, (const bfloat16 *)packed, (bfloat16 *)result};
  runOnTeam(multiplyShare, product);
}
#endif

int64_t ck_packed_weights_bytes(ck_convolution c) {
  return 2 * c.in_channels * c.out_channels * c.size * c.size;
}
