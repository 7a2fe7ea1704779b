// What the kernels of float32 are given: arguments, the division of tiles into blocks, and the table of their tasks.
#pragma once
#include <string.h>

#include "../Caches.hpp"
#include "../Processor.hpp"
#include "../Team.hpp"
#include "../Tiles.hpp"

namespace ck {

/// Distances in elements within a feature map, blocked or NHWC: from pixel to pixel, from one block of 16 channels to the
/// next, from picture to picture.
struct MapStrides {
  int64_t pixel, block, picture;

  MapStrides(MapSize map, int64_t channels, bool isBlocked)
    : pixel(isBlocked ? 16 : channels), block(isBlocked ? map.height * map.width * 16 : 16),
      picture(map.height * map.width * channels) {}

  /// The first pixel of some channels from `channel` on.
  int64_t offset(int64_t picture, int64_t channel) const {
    return picture * this->picture + channel / 16 * block + channel % 16;
  }
};

/// The shape of a variant's kernels.
struct FilteringShape {
  /// Elements of an output tile and of an input tile, per dimension.
  int outputs, inputs;
  /// Rows and columns of the tile of a matrix product that is kept in registers.
  int rows, columns;

  int elements() const { return inputs * inputs; }
};

/// How the tiles of all pictures are divided into blocks, of which a thread computes one at a time.
struct Blocks {
  /// Tiles of a block, a multiple of the register tile's rows, and the number of blocks.
  int64_t size, count;
  /// Distances in elements from one element of the transformed tiles to the next, and from one element of the products to
  /// the next. One cache line of padding keeps them from falling into the same set of the cache.
  int64_t inputStride, productStride;

  Blocks(const FilteringShape &shape, const Tiles &tiles, int64_t source, int64_t threads);
};

/// A convolution, or the gradient of its input.
struct FilteringJob {
  int64_t source, result;  // Channels.
  MapSize map;
  MapStrides sourceStrides, resultStrides;
  Tiles tiles;
  Blocks blocks;
  const float *x, *filters;
  ck_epilogue epilogue;
  float *y;
  char *workspace;
  int64_t partBytes;  // One part of the workspace per thread.
};

/// Weights to transform and pack, as [tile of result channels][element][source channel][result channel].
struct FilterPacking {
  int64_t in, out;
  bool isGradient;
  const float *w;  // [out][tap][in]
  float *packed;
};

/// Output channels of a block whose sums a thread transforms at once.
const int64_t gradientBlockRows = 64;

/// The gradient of the weights.
struct WeightGradientJob {
  int64_t in, out;
  MapSize map;
  MapStrides xStrides, dyStrides;
  Tiles tiles;
  const float *x, *dy;
  float *dw;
  char *workspace;
  int64_t chunk;  // Tiles of a chunk.
  int64_t sharedBytes, partBytes;  // The workspace begins with the team's chunk, and has one part per thread.
  int64_t first, last;  // The tiles of the team's chunk.
};

/// The tasks of one size of tiles, compiled for one family of processors.
struct FilteringTasks {
  FilteringShape shape;
  int lanes;
  Task pack, convolve;
  Task addOwnShare, finish;  // With few channels.
  Task packChunk, multiplyChunk;  // With many.
};

/// Both sizes of tiles.
struct Float32Tasks {
  FilteringTasks of2, of4;
};

#if defined(__x86_64__)
extern const Float32Tasks float32ForAVX2, float32ForAVX512;
#elif defined(__aarch64__)
extern const Float32Tasks float32ForNEON;
#endif

}  // namespace ck
