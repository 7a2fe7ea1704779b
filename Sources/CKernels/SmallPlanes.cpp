// A convolution and the gradient of its input in bfloat16 for small planes, as products of matrices.
//
// A tile is one pixel of eight pictures times 32 output channels. All its pictures meet the same taps of the
// window, so taps that hang over the edge cost nothing. Pairs of the source's channels lie side by side in
// the blocked layout and are broadcast from where they are; the weights are packed once an update.
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
  int64_t tile;  // Result channels of a tile; the last one may be narrower.
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
      // Sixteen pairs of input channels of sixteen output channels; 16 channels are half of that.
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

/// A line of the source that a tap meets from a place of the result, or −1.
int64_t met(int64_t place, int64_t tap, int64_t length, const ck_convolution &c, bool isGradient) {
  if (!isGradient) {
    const int64_t line = place * c.stride + tap - c.padding;
    return line >= 0 && line < length ? line : -1;
  }
  const int64_t shifted = place + c.padding - tap;
  if (shifted < 0 || shifted % c.stride != 0) return -1;
  return shifted / c.stride < length ? shifted / c.stride : -1;
}

/// One pixel of eight pictures for a tile of channels. Pictures that are missing repeat the last one.
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
  // The taps that meet a pixel: where the pixel is, and the tap's number.
  int64_t places[maximumTaps], numbers[maximumTaps], count = 0;
  for (int64_t tap = 0; tap < taps; tap++) {
    const int64_t line = met(row, tap / c.size, sourceHeight, c, p.isGradient);
    const int64_t place = met(column, tap % c.size, sourceWidth, c, p.isGradient);
    if (line < 0 || place < 0) continue;
    places[count] = (line * sourceWidth + place) * 16;
    numbers[count++] = tap * vectors * 16 * 16;
  }
  for (int64_t block = 0; block < channels.source; block += 16) {
    for (int64_t tap = 0; tap < count; tap++) {
      const bfloat16 *w = weights + block * taps * vectors * 16 + numbers[tap];
      const int64_t offset = block * sourcePixels + places[tap];
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
  ck_convolution convolution, int is_gradient, const float *w, int tile, void *packed) {
  Packing packing{convolution, is_gradient != 0, w, (bfloat16 *)packed, tile};
  GOMP_parallel(packShare, &packing, (unsigned)omp_get_max_threads(), 0);
}

void ck_small_convolution(
  ck_convolution convolution, int is_gradient, const void *source, const void *packed,
  void *result) {
  Product product{convolution, is_gradient != 0, (const bfloat16 *)source,
                  (const bfloat16 *)packed, (bfloat16 *)result};
  GOMP_parallel(multiplyShare, &product, (unsigned)omp_get_max_threads(), 0);
}
#else
void ck_pack_weights(ck_convolution, int, const float *, int, void *) {}
void ck_small_convolution(ck_convolution, int, const void *, const void *, void *) {}
#endif

int64_t ck_packed_weights_bytes(ck_convolution c) {
  return 2 * c.in_channels * c.out_channels * c.size * c.size;
}
