// The gradient of a convolution's weights in bfloat16 for small feature maps, as matrix products.
//
// For each tap (r, s) of the kernel, dw[:, r, s, :] is a sum over the positions where the tap reads a pixel rather than
// padding: dy(position)ᵀ · x(pixel), matrices with one row per picture. Taps on the padding are skipped. On a map of 2×2
// that is more than half of all multiplications.
#include "Products.hpp"

#if defined(__x86_64__)

using namespace ck;

namespace {

// In a tile of dw, rows are output channels and columns are input channels. A pair is two pictures.

int64_t pairs(int64_t images) { return (images + 1) / 2; }

struct Job {
  ck_convolution c;
  const bfloat16 *x, *dy;
  float *dw;
  // [column tile][pixel][pair of pictures][column][2] and [row tile][position][pair][row][2]
  bfloat16 *columns, *rows;
};

/// Packs one pixel of all pictures, 16 channels, in pairs of pictures.
BFLOAT16 void packPixel(
  const bfloat16 *from, int64_t pictureStride, int64_t images, bfloat16 *to, int64_t pairStride) {
  for (int64_t n = 0; n < images; n += 2) {
    _mm512_storeu_si512(to, pairOf(from, n + 1 < images ? from + pictureStride : nullptr));
    from += 2 * pictureStride;
    to += pairStride;
  }
}

/// Packs x into tiles of 32 channels, the last of which may have 16.
BFLOAT16 void packColumns(Job &job) {
  const ck_convolution &c = job.c;
  const int64_t pixels = c.height * c.width, blocks = c.in_channels / 16;
  const Share mine = share(blocks * pixels);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t block = u / pixels, pixel = u % pixels;
    if (c.size == 1 && (pixel / c.width % c.stride != 0 || pixel % c.width % c.stride != 0))
      continue;  // A kernel of size 1 does not read it.
    const int64_t tile = block * 16 / tileColumns;
    const int64_t left = c.in_channels - tile * tileColumns;
    const int64_t width = left < tileColumns ? left : tileColumns;
    bfloat16 *to = job.columns + (tile * tileColumns * pixels + pixel * width) * 2 * pairs(c.images);
    packPixel(
      job.x + (block * pixels + pixel) * 16, c.in_channels * pixels, c.images,
      to + (block * 16 - tile * tileColumns) * 2, width * 2);
  }
}

/// Packs dy into tiles of 8 channels.
BFLOAT16 void packRows(Job &job) {
  const ck_convolution &c = job.c;
  const int64_t positions = c.out_height * c.out_width, blocks = c.out_channels / 16;
  const Share mine = share(blocks * positions);
  const int64_t count = pairs(c.images);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t block = u / positions, position = u % positions;
    const bfloat16 *from = job.dy + (block * positions + position) * 16;
    bfloat16 *low = job.rows + (2 * block * positions + position) * count * tileRows * 2;
    bfloat16 *high = low + positions * count * tileRows * 2;
    const int64_t stride = c.out_channels * positions;
    for (int64_t n = 0; n < c.images; n += 2) {
      const __m512i both = pairOf(from, n + 1 < c.images ? from + stride : nullptr);
      _mm256_storeu_si256((__m256i *)low, _mm512_castsi512_si256(both));
      _mm256_storeu_si256((__m256i *)high, _mm512_extracti64x4_epi64(both, 1));
      from += 2 * stride;
      low += tileRows * 2;
      high += tileRows * 2;
    }
  }
}

/// Adds the products of `count` pairs of pictures to the tile.
template <int vectors>
BFLOAT16 ALWAYS_INLINE void multiply(
  const bfloat16 *rows, const bfloat16 *columns, int64_t count, TileSums<vectors> &sums) {
  for (int64_t k = 0; k < count; k++) {
    addProducts<vectors>(
      sums, columns, [&](int i) __attribute__((always_inline)) { return rows + 2 * i; });
    rows += tileRows * 2;
    columns += vectors * 32;
  }
}

/// In one dimension: the positions [first, last) at which a tap reads a pixel.
struct Range {
  int64_t first, last;
};
Range positionsOf(int64_t tap, int64_t positions, int64_t pixels, const ck_convolution &c) {
  const int64_t shift = tap - c.padding;
  int64_t first = shift < 0 ? (-shift + c.stride - 1) / c.stride : 0;
  int64_t last = (pixels - 1 - shift) / c.stride + 1;
  if (pixels - 1 - shift < 0) last = 0;
  if (last > positions) last = positions;
  return {first, last < first ? first : last};
}

/// One tile of dw for one tap.
template <int vectors>
BFLOAT16 void tile(const Job &job, int64_t rowTile, int64_t columnTile, int64_t r, int64_t s) {
  const ck_convolution &c = job.c;
  const int64_t count = pairs(c.images);
  const int64_t pixels = c.height * c.width, positions = c.out_height * c.out_width;
  const bfloat16 *rows = job.rows + rowTile * positions * count * tileRows * 2;
  const bfloat16 *columns = job.columns + columnTile * tileColumns * pixels * count * 2;
  const int64_t rowStride = count * tileRows * 2, columnStride = count * vectors * 32;
  TileSums<vectors> sums;
  for (int i = 0; i < tileRows; i++)
    for (int v = 0; v < vectors; v++) sums.lanes[i][v] = _mm512_setzero_ps();
  const Range down = positionsOf(r, c.out_height, c.height, c);
  const Range across = positionsOf(s, c.out_width, c.width, c);
  for (int64_t i = down.first; i < down.last; i++) {
    const int64_t line = (i * c.stride + r - c.padding) * c.width;
    if (c.stride == 1) {  // Neighbouring positions read neighbouring pixels: one long product serves the whole line.
      const int64_t position = i * c.out_width + across.first;
      const int64_t pixel = line + across.first + s - c.padding;
      multiply<vectors>(
        rows + position * rowStride, columns + pixel * columnStride,
        (across.last - across.first) * count, sums);
      continue;
    }
    for (int64_t j = across.first; j < across.last; j++)
      multiply<vectors>(
        rows + (i * c.out_width + j) * rowStride,
        columns + (line + j * c.stride + s - c.padding) * columnStride, count, sums);
  }
  for (int i = 0; i < tileRows; i++) {
    float *to = job.dw
      + (((rowTile * tileRows + i) * c.size + r) * c.size + s) * c.in_channels
      + columnTile * tileColumns;
    for (int v = 0; v < vectors; v++) _mm512_storeu_ps(to + v * 16, sums.lanes[i][v]);
  }
}

void pack(void *argument) {
  Job &job = *(Job *)argument;
  packColumns(job);
  packRows(job);
}

void multiplyTiles(void *argument) {
  const Job &job = *(const Job *)argument;
  const ck_convolution &c = job.c;
  const int64_t rowTiles = c.out_channels / tileRows;
  const int64_t columnTiles = (c.in_channels + tileColumns - 1) / tileColumns;
  const Share mine = share(rowTiles * columnTiles);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t columnTile = u / rowTiles, rowTile = u % rowTiles;
    const bool whole = c.in_channels - columnTile * tileColumns >= tileColumns;
    for (int64_t r = 0; r < c.size; r++)
      for (int64_t s = 0; s < c.size; s++)
        whole ? tile<2>(job, rowTile, columnTile, r, s) : tile<1>(job, rowTile, columnTile, r, s);
  }
}

}  // namespace

void ck_small_weight_gradient(
  ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  CK_REQUIRE_BFLOAT16();
  bfloat16 *columns = (bfloat16 *)workspace;
  bfloat16 *rows = columns + 2 * pairs(c.images) * c.in_channels * c.height * c.width;
  Job job{c, (const bfloat16 *)x, (const bfloat16 *)dy, dw, columns, rows};
  runOnTeam(pack, job);
  runOnTeam(multiplyTiles, job);
}
#endif

int64_t ck_small_weight_gradient_bytes(ck_convolution c) {
  const int64_t count = (c.images + 1) / 2 * 2;
  return 2 * count
    * (c.in_channels * c.height * c.width + c.out_channels * c.out_height * c.out_width);
}
