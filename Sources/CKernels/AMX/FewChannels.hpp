// A convolution of few channels in NHWC, the first one of an encoder, and the gradient of its weights, in bfloat16 by the matrix
// unit (AMX).
//
// In NHWC a row of a window is a run of size·channels adjacent values, whichever channels they belong to, and the windows of
// neighbouring positions begin stride·channels values apart. So 16 neighbouring positions are the rows of a tile as they are
// stored, once a picture's rows have margins: they overlap. The values beyond a window's row are multiplied by weights of 0.
#pragma once
#include "Tiles.hpp"

namespace {
namespace amx {
namespace fewChannels {

/// The geometry of a picture's rows, in values.
struct Windows {
  int64_t values, blocks;  // Of a window's row, and its blocks of 32 values.
  int64_t step;            // From one position's window to the next one's.
  int64_t width, margin;   // Of a row of pixels, and of the padding on its left.
  int64_t positions;       // Of an output row, in multiples of 32.
  int64_t length;          // Of a copied row: up to what the last tile reads.
  int64_t bands, rows;     // Of output rows: how many bands, and the most copied rows of one.

  explicit Windows(const ck_convolution &c)
    : values(c.size * c.in_channels), blocks(quotient(values, depth)), step(c.stride * c.in_channels),
      width(c.width * c.in_channels), margin(c.padding * c.in_channels), positions(quotient(c.out_width, 32) * 32) {
    const int64_t read = positions * step + blocks * depth, held = margin + width;
    length = quotient(read > held ? read : held, 32) * 32 + 32;
    // The copied rows fill an eighth of an L2 cache.
    const int64_t fitting = caches().second / 8 / (2 * length);
    bands = bandCount(c.out_height, [&](int64_t height) { return mostRows(c, height) <= fitting; });
    rows = mostRows(c, quotient(c.out_height, bands));
  }

  static int64_t mostRows(const ck_convolution &c, int64_t height) { return (height - 1) * c.stride + c.size; }
  int64_t copiedElements() const { return rows * length; }
};

/// Copies the rows that a band of output rows reads, those of the padding too, which are zeros. `to` has had zeros everywhere.
inline void copyRows(const ck_convolution &c, const Windows &windows, const bfloat16 *picture, const Rows &band, bfloat16 *to) {
  const int64_t first = band.first * c.stride - c.padding, count = Windows::mostRows(c, band.count());
  for (int64_t row = first; row < first + count; row++, to += windows.length) {
    if (row >= 0 && row < c.height)
      memcpy(to + windows.margin, picture + row * windows.width, (size_t)(2 * windows.width));
    else
      memset(to, 0, (size_t)(2 * windows.length));
  }
}

// MARK: Weights

struct Filters {
  ck_convolution c;
  const float *w;    // [out][row of taps][value]
  bfloat16 *packed;  // [16 result channels][row of taps][32 values][pair of them][result channel][2]
};

inline void packShare(void *argument) {
  const Filters &f = *(const Filters *)argument;
  const Windows windows(f.c);
  const int64_t tiles = f.c.size * windows.blocks;
  const Share mine = share(f.c.out_channels / tileRows * tiles);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t channel = u / tiles * tileRows, row = u % tiles / windows.blocks, value = u % windows.blocks * depth;
    for (int64_t k = 0; k < tileRows; k++) {
      float pairs[2][tileRows] = {};
      for (int64_t half = 0; half < 2; half++)
        for (int64_t i = 0; i < tileRows && value + 2 * k + half < windows.values; i++)
          pairs[half][i] = f.w[((channel + i) * f.c.size + row) * windows.values + value + 2 * k + half];
      V::storePairs(f.packed + u * tileElements + k * depth, V::interleaved(V::load(pairs[0]), V::load(pairs[1])));
    }
  }
}

inline int64_t filterBytes(ck_convolution c) {
  return 2 * c.out_channels / tileRows * c.size * Windows(c).blocks * tileElements;
}

inline void pack(ck_convolution convolution, const float *w, void *packed) {
  Filters filters{convolution, w, (bfloat16 *)packed};
  runOnTeam(packShare, filters);
}

// MARK: The convolution

struct Job {
  ck_convolution c;
  Windows windows;
  const bfloat16 *x, *filters;
  bool isBlocked;
  ck_epilogue epilogue;
  bfloat16 *y;
  char *workspace;

  /// A thread's part of the workspace: the copied rows, and the sums of four tiles. It ends with padding against false sharing
  /// through the hardware prefetcher.
  static int64_t partBytes(const Windows &windows) {
    return 2 * windows.copiedElements() + 4 * 4 * 256 + 64 * 1024;
  }
};

/// Writes the sums of up to 32 positions from `column` on by 16 or 32 channels.
inline void finish(
  const Job &job, int64_t picture, int64_t row, int64_t column, int64_t channel, int64_t width, const float *sums) {
  const ck_convolution &c = job.c;
  const int64_t pixels = c.out_height * c.out_width, left = c.out_width - column;
  const int64_t pixelStride = job.isBlocked ? 16 : c.out_channels, vectorStride = job.isBlocked ? pixels * 16 : 16;
  const Epilogue<V> finished(job.epilogue);
  for (int64_t v = 0; v < width; v++) {
    const Lanes<V> bias = job.epilogue.bias ? V::load(job.epilogue.bias + channel + v * 16) : V::zero();
    int64_t at = picture * c.out_channels * pixels + (job.isBlocked ? channel * pixels : channel) + v * vectorStride
      + (row * c.out_width + column) * pixelStride;
    for (int64_t i = 0; i < left && i < 32; i++, at += pixelStride)
      V::storeNarrowed(job.y + at, finished(V::load(sums + i * 32 + v * 16) + bias, at));
  }
}

inline void convolveShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const ck_convolution &c = job.c;
  const Windows &windows = job.windows;
  const Share mine = share(c.images * windows.bands);
  float *sums = (float *)(job.workspace + mine.thread * Job::partBytes(windows));
  bfloat16 *copied = (bfloat16 *)(sums + 4 * 256);
  memset(copied, 0, (size_t)(2 * windows.copiedElements()));
  const int64_t rowTiles = windows.blocks * tileElements, tileStride = c.size * rowTiles;
  const Registers registers;
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t picture = u / windows.bands;
    const Rows band = part(c.out_height, u % windows.bands, windows.bands);
    copyRows(c, windows, job.x + picture * c.height * windows.width, band, copied);
    for (int64_t row = band.first; row < band.last; row++) {
      const bfloat16 *line = copied + (row - band.first) * c.stride * windows.length;
      for (int64_t column = 0; column < c.out_width; column += 32)
        for (int64_t channel = 0; channel < c.out_channels; channel += 32) {
          const int64_t width = c.out_channels - channel < 32 ? 1 : 2;
          withSums(c.out_width - column > 16 ? 2 : 1, width, [&](auto shape) __attribute__((always_inline)) {
            typedef decltype(shape) Sums;
            Sums::clear();
            for (int64_t r = 0; r < c.size; r++)
              for (int64_t block = 0; block < windows.blocks; block++)
                Sums::add(
                  line + r * windows.length + column * windows.step + block * depth, windows.step, 16 * windows.step,
                  job.filters + channel / 16 * tileStride + r * rowTiles + block * tileElements, tileStride);
            Sums::store(sums, 32, 16, 16 * 32);
          });
          finish(job, picture, row, column, channel, width, sums);
        }
    }
  }
}

inline void convolve(
  ck_convolution c, const void *x, const void *packed, bool blocked, ck_epilogue epilogue, void *y, void *workspace) {
  Job job{
    c, Windows(c), (const bfloat16 *)x, (const bfloat16 *)packed, blocked, epilogue, (bfloat16 *)y, (char *)workspace};
  runOnTeam(convolveShare, job);
}

inline int64_t bytes(ck_convolution c, int threads) { return threads * Job::partBytes(Windows(c)); }

// MARK: The gradient of the weights

/// dw[:, r, :] is a sum over positions: dy(position)ᵀ · window(position). A product sums over 32 positions of an output row;
/// those beyond its end are zeros.
struct Gradient {
  ck_convolution c;
  Windows windows;
  const bfloat16 *x, *dy;
  float *dw;
  char *workspace;
  int64_t rowTiles, columnTiles, spans;  // Of 16 output channels, of 16 values, of 32 positions.
  int64_t bandHeight;

  Gradient(const ck_convolution &c, const void *x, const void *dy, float *dw, void *workspace)
    : c(c), windows(c), x((const bfloat16 *)x), dy((const bfloat16 *)dy), dw(dw), workspace((char *)workspace),
      rowTiles(c.out_channels / tileRows), columnTiles(quotient(windows.values, tileRows)), spans(windows.positions / 32),
      bandHeight(quotient(c.out_height, windows.bands)) {}

  int64_t sumCount() const { return c.size * rowTiles * columnTiles * 256; }
  int64_t sumOffset(int64_t r, int64_t rowTile, int64_t columnTile) const {
    return ((r * rowTiles + rowTile) * columnTiles + columnTile) * 256;
  }
  int64_t rowElements() const { return bandHeight * spans * rowTiles * tileElements; }
  int64_t columnElements() const { return windows.rows * spans * columnTiles * tileElements; }
  int64_t partBytes() const {
    return 4 * sumCount() + 2 * (rowElements() + columnElements() + windows.copiedElements()) + 64 * 1024;
  }
};

/// Packs dy of a band: [row][span][16 output channels][output channel][pair of positions][2].
inline void packGradients(const Gradient &g, int64_t picture, const Rows &band, bfloat16 *to) {
  const int64_t pixels = g.c.out_height * g.c.out_width;
  for (int64_t row = band.first; row < band.last; row++)
    for (int64_t span = 0; span < g.spans; span++)
      for (int64_t tile = 0; tile < g.rowTiles; tile++, to += tileElements) {
        const bfloat16 *from = g.dy + (picture * g.rowTiles + tile) * 16 * pixels + (row * g.c.out_width + span * 32) * 16;
        const int64_t left = g.c.out_width - span * 32;
        Pairs<V> rows[tileRows];
        for (int64_t k = 0; k < tileRows; k++)
          rows[k] = 2 * k + 1 < left ? V::pairOfNeighbours(from + 2 * k * 16)
            : 2 * k < left           ? V::pairOf(from + 2 * k * 16, nullptr)
                                     : V::noPairs();
        V::transposePairs(rows);
        for (int64_t k = 0; k < tileRows; k++) V::storePairs(to + k * depth, rows[k]);
      }
}

/// Packs the windows of copied rows: [row][span][16 values][pair of positions][value][2].
inline void packWindows(const Gradient &g, int64_t rows, const bfloat16 *copied, bfloat16 *to) {
  for (int64_t row = 0; row < rows; row++, copied += g.windows.length)
    for (int64_t span = 0; span < g.spans; span++)
      for (int64_t tile = 0; tile < g.columnTiles; tile++)
        for (int64_t k = 0; k < tileRows; k++, to += depth) {
          const bfloat16 *first = copied + (span * 32 + 2 * k) * g.windows.step + tile * 16;
          V::storePairs(to, V::pairOf(first, first + g.windows.step));
        }
}

inline void gradientShare(void *argument) {
  const Gradient &g = *(const Gradient *)argument;
  const ck_convolution &c = g.c;
  const Share mine = share(c.images * g.windows.bands);
  float *sums = (float *)(g.workspace + mine.thread * g.partBytes());
  bfloat16 *rows = (bfloat16 *)(sums + g.sumCount()), *columns = rows + g.rowElements();
  bfloat16 *copied = columns + g.columnElements();
  memset(sums, 0, (size_t)(4 * g.sumCount()));
  memset(copied, 0, (size_t)(2 * g.windows.copiedElements()));
  const int64_t rowStride = g.rowTiles * tileElements, columnStride = g.columnTiles * tileElements;
  const Registers registers;
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t picture = u / g.windows.bands;
    const Rows band = part(c.out_height, u % g.windows.bands, g.windows.bands);
    copyRows(c, g.windows, g.x + picture * c.height * g.windows.width, band, copied);
    packGradients(g, picture, band, rows);
    packWindows(g, Windows::mostRows(c, band.count()), copied, columns);
    for (int64_t r = 0; r < c.size; r++)
      for (int64_t rowTile = 0; rowTile < g.rowTiles; rowTile += 2)
        for (int64_t columnTile = 0; columnTile < g.columnTiles; columnTile += 2)
          withSums(
            g.rowTiles - rowTile, g.columnTiles - columnTile, [&](auto shape) __attribute__((always_inline)) {
              typedef decltype(shape) Sums;
              float *to = sums + g.sumOffset(r, rowTile, columnTile);
              const int64_t next = g.columnTiles * 256;
              Sums::load(to, 16, 256, next);
              for (int64_t i = 0; i < band.count(); i++)
                for (int64_t span = 0; span < g.spans; span++)
                  Sums::add(
                    rows + (i * g.spans + span) * rowStride + rowTile * tileElements, depth, tileElements,
                    columns + ((i * c.stride + r) * g.spans + span) * columnStride + columnTile * tileElements,
                    tileElements);
              Sums::store(to, 16, 256, next);
            });
  }
}

/// Adds up the threads' sums to dw, for this thread's share of the output channels. Values beyond a window's row are left out.
inline void finishGradient(void *argument) {
  const Gradient &g = *(const Gradient *)argument;
  const Share mine = share(g.c.out_channels);
  for (int64_t out = mine.first; out < mine.last; out++)
    for (int64_t r = 0; r < g.c.size; r++)
      for (int64_t value = 0; value < g.windows.values; value++) {
        const int64_t at = g.sumOffset(r, out / 16, value / 16) + out % 16 * 16 + value % 16;
        float sum = 0;
        for (int64_t thread = 0; thread < mine.threads; thread++)
          sum += ((const float *)(g.workspace + thread * g.partBytes()))[at];
        g.dw[(out * g.c.size + r) * g.windows.values + value] = sum;
      }
}

inline void weightGradient(ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  Gradient gradient(c, x, dy, dw, workspace);
  runOnTeam(gradientShare, gradient);
  runOnTeam(finishGradient, gradient);
}

inline int64_t gradientBytes(ck_convolution c, int threads) {
  return threads * Gradient(c, nullptr, nullptr, nullptr, nullptr).partBytes();
}

}  // namespace fewChannels
}  // namespace amx
}  // namespace
