// Products of tiles by the matrix unit (AMX) of x86-64: 16 × 32 by 32 × 16 elements of bfloat16 with one instruction, sixteen
// times as many as VDPBF16PS multiplies.
//
// A tile register holds 16 rows of 64 bytes. TDPBF16PS (Intel's Software Developer's Manual, volume 2) multiplies pairs:
//   sums[m][n] += Σ over k of a[m][2k]·b[k][2n] + a[m][2k + 1]·b[k][2n + 1].
// So a has 32 terms of a sum in each row, and b has pairs of them, as the other kernels of bfloat16 do (Products.hpp). In memory a
// tile's rows are adjacent here: a tile is 1 KiB. Each tile that is loaded is used twice: two tiles of a by two of b give four
// of sums.
//
// Included inside the `#pragma clang attribute` of a file that is compiled for AMX.
#pragma once
#include "../BFloat16/SmallMaps.hpp"
#include "../BFloat16/SmallMapsGradient.hpp"

namespace {
namespace amx {

typedef AVX512Pairs V;

/// Rows of a tile, terms of a sum in one product, and elements of a tile.
const int64_t tileRows = 16, depth = 32, tileElements = tileRows * depth;
/// Elements between what would otherwise lie a power of two apart, and fall into few sets of the cache: one cache line.
const int64_t padding = 32;

/// A thread's tile registers, each of which is a whole tile, for as long as this exists. Registers 0 to 3 are sums, 4 and 5
/// are of a, 6 and 7 of b.
class Registers {
public:
  Registers() {
    struct {
      uint8_t palette, startRow, reserved[14];
      uint16_t rowBytes[16];
      uint8_t rows[16];
    } shapes = {};
    shapes.palette = 1;
    for (int i = 0; i < 8; i++) {
      shapes.rowBytes[i] = 64;
      shapes.rows[i] = tileRows;
    }
    _tile_loadconfig(&shapes);
  }
  ~Registers() { _tile_release(); }
  Registers(const Registers &) = delete;
};

/// Sums in registers: `height` tiles by `width` tiles.
template <int height, int width>
struct Sums {
  CK_INLINE void clear() {
    _tile_zero(0);
    if (width > 1) _tile_zero(1);
    if (height > 1) _tile_zero(2);
    if (height > 1 && width > 1) _tile_zero(3);
  }
  /// Adds the product of the tiles at `a`, `down` elements apart, whose rows are `stride` elements apart, and of those at `b`,
  /// `across` elements apart.
  CK_INLINE void add(const bfloat16 *a, int64_t stride, int64_t down, const bfloat16 *b, int64_t across) {
    _tile_loadd(4, a, 2 * stride);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if (width > 1) {
      _tile_loadd(7, b + across, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (height > 1) {
      _tile_loadd(5, a + down, 2 * stride);
      _tile_dpbf16ps(2, 5, 6);
    }
    if (height > 1 && width > 1) _tile_dpbf16ps(3, 5, 7);
  }
  /// The same of tiles of `a` that are one after the other.
  CK_INLINE void add(const bfloat16 *a, const bfloat16 *b, int64_t across) { add(a, depth, tileElements, b, across); }
  /// Reads or writes the sums at `at`, whose rows are `stride` elements apart. The second tile of a row of tiles is `across`
  /// elements further, the second row of tiles `down`.
  CK_INLINE void load(const float *at, int64_t stride, int64_t across, int64_t down) {
    _tile_loadd(0, at, 4 * stride);
    if (width > 1) _tile_loadd(1, at + across, 4 * stride);
    if (height > 1) _tile_loadd(2, at + down, 4 * stride);
    if (height > 1 && width > 1) _tile_loadd(3, at + down + across, 4 * stride);
  }
  CK_INLINE void store(float *at, int64_t stride, int64_t across, int64_t down) {
    _tile_stored(0, at, 4 * stride);
    if (width > 1) _tile_stored(1, at + across, 4 * stride);
    if (height > 1) _tile_stored(2, at + down, 4 * stride);
    if (height > 1 && width > 1) _tile_stored(3, at + down + across, 4 * stride);
  }
};

/// Calls `body` with Sums of as many tiles, each 1 or 2.
template <class Body>
CK_ALWAYS_INLINE void withSums(int64_t height, int64_t width, Body body) {
  if (height > 1)
    width > 1 ? body(Sums<2, 2>()) : body(Sums<2, 1>());
  else
    width > 1 ? body(Sums<1, 2>()) : body(Sums<1, 1>());
}

inline int64_t quotient(int64_t count, int64_t size) { return (count + size - 1) / size; }

/// Rows of a feature map, [first, last).
struct Rows {
  int64_t first, last;
  int64_t count() const { return last - first; }
};

/// Part `number` of `parts` parts of as equal a length as there can be.
inline Rows part(int64_t length, int64_t number, int64_t parts) {
  return {length * number / parts, length * (number + 1) / parts};
}

/// The fewest bands that so many rows are cut into if `fits(height)` is to hold for each. A band has one row at least.
template <class Fits>
int64_t bandCount(int64_t length, Fits fits) {
  int64_t height = 1;
  while (height < length && fits(height + 1)) height++;
  return quotient(length, height);
}

/// The source rows that result rows read.
inline Rows sourceRows(const Rows &results, int64_t height, const ck_convolution &c, bool isGradient) {
  Rows read{height, 0};
  for (int64_t row = results.first; row < results.last; row++)
    for (int64_t tap = 0; tap < c.size; tap++) {
      const int64_t at = smallMaps::sourceIndex(row, tap, height, c, isGradient);
      if (at < 0) continue;
      if (at < read.first) read.first = at;
      if (at >= read.last) read.last = at + 1;
    }
  return read.first < read.last ? read : Rows{0, 0};
}

/// The most source rows that `count` adjacent result rows read.
inline int64_t mostSourceRows(int64_t count, int64_t height, const ck_convolution &c, bool isGradient) {
  const int64_t most = isGradient ? (count + c.size - 2) / c.stride + 1 : (count - 1) * c.stride + c.size;
  return most < height ? most : height;
}

}  // namespace amx
}  // namespace
