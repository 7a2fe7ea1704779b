// A convolution and the gradient of its input in bfloat16 by the matrix unit (AMX).
//
// At the same position every picture uses the same taps of the kernel, so a tile of sums is one position in 16 pictures by 16
// result channels, and taps that fall on the padding are skipped. A thread takes up to 32 pictures and a band of rows. It
// copies the source rows that they read into its L2 cache as tiles of pictures by channels; then, for each position and 32
// result channels at a time, it multiplies tap by tap. The weights are packed once per update.
#pragma once
#include "Tiles.hpp"

namespace {
namespace amx {

// MARK: Weights

struct Packing {
  ck_convolution c;
  bool isGradient;
  const float *w;    // [out][tap][in]
  bfloat16 *packed;  // [16 result channels][32 source channels][tap][pair of them][result channel][2]
};

/// Packs a tile: input channels are adjacent in w, so 16 pairs of them are transposed for 16 output channels. Not inlined: the
/// compiler would keep the address of every row, on the stack.
__attribute__((noinline)) inline void packSquare(const float *from, int64_t rowStride, bool only16, bfloat16 *to) {
  Pairs<V> rows[tileRows];
  for (int i = 0; i < tileRows; i++, from += rowStride)
    rows[i] = V::narrowed(V::load(from), only16 ? V::zero() : V::load(from + 16));
  V::transposePairs(rows);
  for (int i = 0; i < tileRows; i++) V::storePairs(to + i * depth, rows[i]);
}

/// Source channels beyond the last one have weights of 0.
inline void packShare(void *argument) {
  const Packing &p = *(const Packing *)argument;
  const Roles channels = roles(p.c, p.isGradient);
  const int64_t taps = p.c.size * p.c.size, in = p.c.in_channels, blocks = quotient(channels.source, depth);
  const Share mine = share(channels.result / tileRows * blocks * taps);
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t result = u / (blocks * taps) * tileRows, source = u / taps % blocks * depth, tap = u % taps;
    bfloat16 *to = p.packed + u * tileElements;
    if (!p.isGradient) {
      packSquare(p.w + (result * taps + tap) * in + source, taps * in, channels.source - source == 16, to);
      continue;
    }
    for (int64_t s = source; s < source + depth; s += 2, to += depth) {
      const float *from = p.w + (s * taps + tap) * in + result;
      V::storePairs(
        to, s < channels.source ? V::interleaved(V::load(from), V::load(from + taps * in)) : V::noPairs());
    }
  }
}

// MARK: The work

/// How the work is divided: into groups of pictures, bands of result rows, and parts of the result channels.
struct Plan {
  MapSize source, result;
  int64_t pictures;  // Of a group: 16 or 32.
  int64_t groups, bands, parts;
  int64_t blocks, resultTiles;  // Of 32 source channels, of 16 result channels.
  int64_t positionStride;       // In elements of the copied source: from one position to the next.
  int64_t copiedElements, rowElements;

  Plan(const ck_convolution &c, bool isGradient, int64_t threads) {
    const MapSize before{c.height, c.width}, after{c.out_height, c.out_width};
    source = isGradient ? after : before;
    result = isGradient ? before : after;
    const Roles channels = roles(c, isGradient);
    pictures = c.images > tileRows ? 2 * tileRows : tileRows;
    groups = quotient(c.images, pictures);
    blocks = quotient(channels.source, depth);
    resultTiles = channels.result / tileRows;
    positionStride = blocks * pictures * depth + padding;
    // The copied rows fill three eighths of an L2 cache. The rest is for weights and results.
    const int64_t fitting = caches().second * 3 / 8 / (2 * source.width * positionStride);
    bands = bandCount(
      result.height, [&](int64_t rows) { return mostSourceRows(rows, source.height, c, isGradient) <= fitting; });
    copiedElements =
      mostSourceRows(quotient(result.height, bands), source.height, c, isGradient) * source.width * positionStride;
    rowElements = 2 * pictures * result.width * 16;
    // Each part copies the source anew, so there are as few as keep every thread busy.
    parts = 1;
    while (parts < quotient(resultTiles, 2) && units() < 4 * threads && units() % threads != 0) parts++;
  }

  int64_t units() const { return groups * bands * parts; }
  /// A thread's part of the workspace: the copied source, a row of results, and the sums of four tiles.
  int64_t byteCount() const { return 2 * (copiedElements + rowElements) + 4 * 4 * 256 + 64 * 1024; }
};

struct Job {
  ck_convolution c;
  bool isGradient;
  const bfloat16 *source, *weights;
  bfloat16 *result;
  char *workspace;
  Plan plan;
};

/// Copies rows of a group's pictures as [row][column][32 channels][picture][channel]. Channels and pictures beyond the last
/// ones are zeros.
inline void copyRows(const Job &job, int64_t firstPicture, const Rows &rows, bfloat16 *to) {
  const Plan &plan = job.plan;
  const int64_t channels = roles(job.c, job.isGradient).source, width = plan.source.width;
  const int64_t pixels = plan.source.height * width;
  for (int64_t p = 0; p < plan.pictures; p++) {
    const bool isThere = firstPicture + p < job.c.images;
    const bfloat16 *picture = job.source + (isThere ? firstPicture + p : 0) * channels * pixels;
    for (int64_t block = 0; block < plan.blocks; block++) {
      const bfloat16 *low = picture + block * depth * pixels + rows.first * width * 16;
      const bfloat16 *high = block * depth + 16 < channels ? low + 16 * pixels : nullptr;
      bfloat16 *at = to + (block * plan.pictures + p) * depth;
      for (int64_t pixel = 0; pixel < rows.count() * width; pixel++, at += plan.positionStride) {
        if (!isThere) {
          V::storePairs(at, V::noPairs());
          continue;
        }
        const V::Halves halves[2] = {
          V::loadHalves(low + pixel * 16), high ? V::loadHalves(high + pixel * 16) : V::Halves{}};
        memcpy(at, halves, sizeof halves);
      }
    }
  }
}

/// The taps that read a pixel at one position: the offset of the pixel, and that of the tap's weights.
struct Taps {
  int64_t count, pixels[smallMaps::maximumTaps], weights[smallMaps::maximumTaps];

  Taps(const Job &job, const Rows &copied, int64_t row, int64_t column) : count(0) {
    const ck_convolution &c = job.c;
    const Plan &plan = job.plan;
    for (int64_t r = 0; r < c.size; r++) {
      const int64_t y = smallMaps::sourceIndex(row, r, plan.source.height, c, job.isGradient);
      if (y < 0) continue;
      for (int64_t s = 0; s < c.size; s++) {
        const int64_t x = smallMaps::sourceIndex(column, s, plan.source.width, c, job.isGradient);
        if (x < 0) continue;
        pixels[count] = ((y - copied.first) * plan.source.width + x) * plan.positionStride;
        weights[count++] = (r * c.size + s) * tileElements;
      }
    }
  }
};

/// A band of rows of a group of pictures, for one or two tiles of result channels.
template <class Sums>
void multiplyBand(
  const Job &job, int64_t firstPicture, const Rows &band, const Rows &copied, int64_t resultTile, int64_t width,
  const bfloat16 *pictures, bfloat16 *row, float *sums) {
  const Plan &plan = job.plan;
  const int64_t taps = job.c.size * job.c.size, left = job.c.images - firstPicture;
  const int64_t present = left < plan.pictures ? left : plan.pictures, columns = plan.result.width;
  const int64_t tileStride = plan.blocks * taps * tileElements, pixels = plan.result.height * columns;
  const bfloat16 *weights = job.weights + resultTile * tileStride;
  for (int64_t y = band.first; y < band.last; y++) {
    for (int64_t x = 0; x < columns; x++) {
      const Taps at(job, copied, y, x);
      Sums::clear();
      for (int64_t block = 0; block < plan.blocks; block++)
        for (int64_t tap = 0; tap < at.count; tap++)
          Sums::add(
            pictures + at.pixels[tap] + block * plan.pictures * depth,
            weights + block * taps * tileElements + at.weights[tap], tileStride);
      Sums::store(sums, 32, 16, 16 * 32);
      for (int64_t p = 0; p < present; p++)
        for (int64_t v = 0; v < width; v++)
          V::storeNarrowed(row + ((v * plan.pictures + p) * columns + x) * 16, V::load(sums + p * 32 + v * 16));
    }
    for (int64_t v = 0; v < width; v++)
      for (int64_t p = 0; p < present; p++)
        memcpy(
          job.result + ((firstPicture + p) * plan.resultTiles + resultTile + v) * 16 * pixels + y * columns * 16,
          row + (v * plan.pictures + p) * columns * 16, (size_t)(columns * 32));
  }
}

inline void multiplyShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const Plan &plan = job.plan;
  const Share mine = share(plan.units());
  float *sums = (float *)(job.workspace + mine.thread * plan.byteCount());
  bfloat16 *row = (bfloat16 *)(sums + 4 * 256), *pictures = row + plan.rowElements;
  const Registers registers;
  for (int64_t u = mine.first; u < mine.last; u++) {
    const int64_t firstPicture = u / plan.parts / plan.bands * plan.pictures;
    const Rows band = part(plan.result.height, u / plan.parts % plan.bands, plan.bands);
    const Rows copied = sourceRows(band, plan.source.height, job.c, job.isGradient);
    copyRows(job, firstPicture, copied, pictures);
    const Rows pairs = part(quotient(plan.resultTiles, 2), u % plan.parts, plan.parts);
    for (int64_t pair = pairs.first; pair < pairs.last; pair++) {
      const int64_t width = plan.resultTiles - 2 * pair < 2 ? 1 : 2;
      withSums(plan.pictures / tileRows, width, [&](auto shape) {
        multiplyBand<decltype(shape)>(
          job, firstPicture, band, copied, 2 * pair, width, pictures, row, sums);
      });
    }
  }
}

// MARK: The functions of the header

inline int64_t bytes(ck_convolution c, int threads) {
  const int64_t forward = Plan(c, false, threads).byteCount(), backward = Plan(c, true, threads).byteCount();
  return threads * (forward > backward ? forward : backward);
}

inline void pack(ck_convolution convolution, bool isGradient, const float *w, void *packed) {
  Packing packing{convolution, isGradient, w, (bfloat16 *)packed};
  runOnTeam(packShare, packing);
}

inline void convolve(
  ck_convolution c, bool isGradient, const void *source, const void *packed, void *result, void *workspace) {
  Job job{
    c,
    isGradient,
    (const bfloat16 *)source,
    (const bfloat16 *)packed,
    (bfloat16 *)result,
    (char *)workspace,
    Plan(c, isGradient, omp_get_max_threads())};
  runOnTeam(multiplyShare, job);
}

}  // namespace amx
}  // namespace
