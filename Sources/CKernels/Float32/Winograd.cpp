// Convolutions in float32 by Winograd's minimal filtering: the public functions, the choice of tiles, the sizes of blocks.
// The loops are in Convolution.hpp and WeightGradient.hpp.
#include "Winograd.hpp"

#include <stdio.h>

using namespace ck;

namespace {

/// The kernels of this processor, or NULL.
const Float32Tasks *float32Tasks() {
#if defined(__x86_64__)
  const ck_processor family = ck_processor_family();
  return family >= ck_avx512 ? &float32ForAVX512 : family == ck_avx2 ? &float32ForAVX2 : nullptr;
#elif defined(__aarch64__)
  return &float32ForNEON;
#else
  return nullptr;
#endif
}

/// The kernels compute 3×3 convolutions with stride 1 and padding 1, between multiples of 16 channels.
bool fits(const ck_convolution &c, int64_t multiple, int64_t largestStride) {
  return c.size == 3 && c.padding == 1 && c.stride >= 1 && c.stride <= largestStride
    && c.in_channels % multiple == 0 && c.out_channels % multiple == 0;
}

/// The tasks for a tile, or the end of the process where the processor has none or the convolution is of another kind.
const FilteringTasks &tasks(const char *kernel, const ck_convolution &c, int tile) {
  const Float32Tasks *tasks = float32Tasks();
  if (!tasks) trapForLack(kernel, "AVX2 and FMA");
  if (!fits(c, 16, 1) || (tile != 2 && tile != 4)) {
    fprintf(
      stderr, "%s computes no convolution of size %lld, stride %lld, padding %lld, %lld to %lld channels, tile %d.\n",
      kernel, (long long)c.size, (long long)c.stride, (long long)c.padding, (long long)c.in_channels,
      (long long)c.out_channels, tile);
    __builtin_trap();
  }
  return tile == 2 ? tasks->of2 : tasks->of4;
}

int64_t atLeast(int64_t value, int64_t least) { return value < least ? least : value; }
int64_t atMost(int64_t value, int64_t most) { return value > most ? most : value; }
int64_t roundedUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }
/// The quotient, rounded up.
int64_t divided(int64_t value, int64_t by) { return (value + by - 1) / by; }
/// The largest part when `count` is divided into as few equal parts of up to `most` as possible.
int64_t evenPart(int64_t count, int64_t most) { return divided(count, atLeast(divided(count, most), 1)); }

/// Between the threads' parts of a workspace. Without it the hardware prefetcher, which follows the stride of the reads
/// beyond a part's end, would take cache lines that the next thread writes.
const int64_t padding = 64 << 10;

int64_t bytes(int64_t floats) { return floats * (int64_t)sizeof(float); }

}  // namespace

// MARK: The choice

bool ck_has_winograd(ck_convolution c, ck_type type) {
  return type == ck_float32 ? float32Tasks() && fits(c, 16, 1) : ck_has_bfloat16() && fits(c, 32, 2);
}

namespace {

int bfloat16Tile(const ck_convolution &c) {
  // Feature maps on which so many taps fall on the padding that skipping them saves as much.
  const int64_t pixels = c.out_height * c.out_width, tiny = 4;
  // With stride 2 filtering saves less, and nothing on small feature maps of odd size, where tiles overlap the border.
  const int64_t small = 64;
  if (!fits(c, 32, 2) || pixels <= tiny) return 0;
  return c.stride == 1 || pixels % 2 == 0 || pixels > small ? 2 : 0;
}

/// Tiles of 2, where they save enough. Tiles of 4 are faster, by up to two times, but ten times as inexact (squared error):
/// with them two of the fixtures of ten updates leave PyTorch's by more than 10⁻⁴. So they are not chosen (decision 0027).
int float32Tile(const ck_convolution &c) {
  if (!fits(c, 16, 1)) return 0;
  const int64_t filtered = 16 * divided(c.height, 2) * divided(c.width, 2), direct = 9 * c.height * c.width;
  // The transforms take their time too. With 0.64 of the multiplications (5×5) and 0.79 (3×3) oneDNN's kernels were faster;
  // with 0.58 and less (2×2, 7×7, all of even size) filtering was, mostly by 1.3 to 2 times.
  return 5 * filtered <= 3 * direct ? 2 : 0;
}

}  // namespace

int ck_winograd_tile(ck_convolution c, ck_type type) {
  return type == ck_float32 ? float32Tile(c) : bfloat16Tile(c);
}

// MARK: Convolution

Blocks::Blocks(const FilteringShape &shape, const Tiles &tiles, int64_t source, int64_t threads) {
  // A block's transformed inputs fill three eighths of an L2 cache; the rest is for filters and products. But a block has
  // at least 32 tiles, for which the filters are read.
  const int64_t fitting = caches().second * 3 / 8 / bytes(shape.elements() * source);
  // Every thread gets as many blocks as the others, as far as the number of tiles allows.
  const int64_t each = divided(tiles.count, threads);
  size = roundedUp(atLeast(evenPart(each, atMost(atLeast(fitting, 32), 128)), 1), shape.rows);
  count = divided(tiles.count, size);
  inputStride = size * source + 16;
  productStride = size * shape.columns + 16;
}

namespace {

Tiles tilesOf(const ck_convolution &c, int tile) { return Tiles(c.images, {c.height, c.width}, tile); }

int64_t convolutionPartBytes(const FilteringShape &shape, const Blocks &b) {
  return bytes(shape.elements() * (b.inputStride + b.productStride)) + padding;
}

}  // namespace

int64_t ck_winograd_float32_filter_bytes(ck_convolution c, int tile) {
  return bytes((tile + 2) * (tile + 2) * c.in_channels * c.out_channels);
}

int64_t ck_winograd_float32_bytes(ck_convolution c, int tile, int threads) {
  const FilteringShape &shape = tasks(__func__, c, tile).shape;
  const auto part = [&](int64_t source) {
    return convolutionPartBytes(shape, Blocks(shape, tilesOf(c, tile), source, threads));
  };
  return threads * atLeast(part(c.in_channels), part(c.out_channels));
}

void ck_pack_winograd_float32(ck_convolution c, int tile, bool is_gradient, const float *w, float *packed) {
  const FilteringTasks &t = tasks(__func__, c, tile);
  FilterPacking packing{c.in_channels, c.out_channels, is_gradient, w, packed};
  runOnTeam(t.pack, packing, c.in_channels * c.out_channels * 9);
}

void ck_winograd_float32(
  ck_convolution c, int tile, bool is_gradient, bool blocked, const float *source, const float *packed,
  ck_epilogue epilogue, float *result, void *workspace) {
  const FilteringTasks &t = tasks(__func__, c, tile);
  const int64_t from = is_gradient ? c.out_channels : c.in_channels, to = is_gradient ? c.in_channels : c.out_channels;
  const MapSize map{c.height, c.width};
  const Tiles tiles = tilesOf(c, tile);
  const Blocks blocks(t.shape, tiles, from, omp_get_max_threads());
  FilteringJob job{
    from, to, map, MapStrides(map, from, blocked), MapStrides(map, to, blocked), tiles, blocks, source, packed,
    epilogue, result, (char *)workspace, convolutionPartBytes(t.shape, blocks)};
  runOnTeam(t.convolve, job);
}

// MARK: Gradient of the weights

namespace {

/// How the gradient of the weights is divided among the threads, and what that takes.
struct GradientPlan {
  /// Each thread has sums of its own.
  bool ownSums;
  int64_t chunk;
  int64_t sharedBytes, partBytes;

  GradientPlan(const FilteringShape &shape, const ck_convolution &c, const Tiles &tiles, int64_t threads) {
    const int64_t elements = shape.elements(), sums = bytes(elements * c.in_channels * c.out_channels);
    const int64_t packedTile = bytes(elements * (c.in_channels + c.out_channels));
    const auto packed = [&] { return chunk * packedTile + bytes(2 * elements * 16); };
    // Sums of four L2 caches are still added to faster than the team waits for chunks in common.
    ownSums = sums <= 4 * caches().second;
    if (ownSums) {
      // A chunk fills half of an L2 cache. But it has at least 32 tiles: for each chunk the sums are read and written.
      const int64_t fitting = caches().second / 2 / packedTile;
      chunk = evenPart(divided(tiles.count, threads), atMost(atLeast(fitting, 32), 256));
      sharedBytes = 0;
      partBytes = sums + packed() + padding;
    } else {
      // A chunk is read once for each block of channels. 24 MiB hold all tiles of most layers with that many channels, and
      // bound the workspace for the others.
      chunk = evenPart(tiles.count, atLeast((24 << 20) / packedTile, 64));
      sharedBytes = packed() + padding;
      partBytes = bytes(elements * (gradientBlockRows * shape.columns + 16)) + padding;
    }
  }
};

}  // namespace

int64_t ck_winograd_gradient_float32_bytes(ck_convolution c, int tile, int threads) {
  const GradientPlan plan(tasks(__func__, c, tile).shape, c, tilesOf(c, tile), threads);
  return plan.sharedBytes + threads * plan.partBytes;
}

void ck_winograd_gradient_float32(
  ck_convolution c, int tile, bool blocked, const float *x, const float *dy, float *dw, void *workspace) {
  const FilteringTasks &t = tasks(__func__, c, tile);
  const MapSize map{c.height, c.width};
  const Tiles tiles = tilesOf(c, tile);
  const GradientPlan plan(t.shape, c, tiles, omp_get_max_threads());
  WeightGradientJob job{
    c.in_channels, c.out_channels, map, MapStrides(map, c.in_channels, blocked),
    MapStrides(map, c.out_channels, blocked), tiles, x, dy, dw, (char *)workspace, plan.chunk, plan.sharedBytes,
    plan.partBytes, 0, 0};
  if (plan.ownSums) {
    runOnTeam(t.addOwnShare, job);
    runOnTeam(t.finish, job);
    return;
  }
  for (; job.first < tiles.count; job.first = job.last) {
    job.last = atMost(job.first + plan.chunk, tiles.count);
    runOnTeam(t.packChunk, job);
    runOnTeam(t.multiplyChunk, job);
  }
}
