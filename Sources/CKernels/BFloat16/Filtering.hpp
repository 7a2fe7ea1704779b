// Winograd's minimal filtering for 3×3 kernels (Lavin & Gray 2015, arXiv 1509.09308, 4.1): what the convolution and the
// gradient of its weights share.
//
// A tile of outputs Y is computed from a tile of inputs d of each source channel, with 3×3 filters g:
//   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A.
// Each matrix is applied to the columns and then to the rows. So one dimension suffices to describe a variant: each type
// below is one, and its functions apply Bᵀ, G and Aᵀ to one line.
#pragma once
#include "Products.hpp"

namespace {

// What the constants of a variant mean, in one dimension:
//   inputs          elements of an input tile
//   step            distance from one input tile to the next; neighbours overlap by inputs − step
//   origin          index of the first element of the first tile; −1 is the padding
//   outputs         elements of an output tile
//   transformed     elements of Bᵀ d
//   factors         elements of G g
//   products        elements of the sum over channels, which Aᵀ is applied to
//   operand[k]      the element of Bᵀ d that factor k is multiplied by
//   first[p]        the first factor of product p, which is the sum of factors first[p] ..< first[p + 1] times their
//                   operands. Only Stride2 has products of two factors.

/// Stride 1, F(2, 3): 16 multiplications for 2×2 outputs instead of 36.
template <class V>
struct Stride1 {
  static constexpr int inputs = 4, step = 2, origin = -1, outputs = 2;
  static constexpr int transformed = 4, factors = 4, products = 4;
  static constexpr int operand[factors] = {0, 1, 2, 3}, first[products + 1] = {0, 1, 2, 3, 4};

  /// A line of Bᵀ d.
  CK_INLINE void transformInputs(const Lanes<V> (&d)[inputs], Lanes<V> (&to)[transformed]) {
    to[0] = d[0] - d[2];
    to[1] = d[1] + d[2];
    to[2] = d[2] - d[1];
    to[3] = d[1] - d[3];
  }
  /// A line of G g.
  CK_INLINE void transformFilter(const Lanes<V> (&g)[3], Lanes<V> (&to)[factors]) {
    const Lanes<V> half = V::broadcast(0.5f);
    const Lanes<V> ends = half * (g[0] + g[2]), middle = half * g[1];
    to[0] = g[0];
    to[1] = ends + middle;
    to[2] = ends - middle;
    to[3] = g[2];
  }
  /// A line of Aᵀ m.
  CK_INLINE void transformProducts(const Lanes<V> (&m)[products], Lanes<V> (&to)[outputs]) {
    to[0] = m[0] + (m[1] + m[2]);
    to[1] = m[1] - m[2] - m[3];
  }
};

/// Stride 2. The outer taps g₀ and g₂ are multiplied by every other pixel, which is F(2, 2) with three products. The middle
/// tap g₁ is multiplied by the pixels between; those two products are added to sums that exist anyway. 25 multiplications
/// for 2×2 outputs instead of 36.
template <class V>
struct Stride2 {
  static constexpr int inputs = 5, step = 4, origin = -1, outputs = 2;
  static constexpr int transformed = 5, factors = 5, products = 3;
  static constexpr int operand[factors] = {0, 1, 2, 3, 4}, first[products + 1] = {0, 2, 3, 5};

  CK_INLINE void transformInputs(const Lanes<V> (&d)[inputs], Lanes<V> (&to)[transformed]) {
    to[0] = d[0] - d[2];
    to[1] = d[1];
    to[2] = d[2];
    to[3] = d[3];
    to[4] = d[4] - d[2];
  }
  CK_INLINE void transformFilter(const Lanes<V> (&g)[3], Lanes<V> (&to)[factors]) {
    to[0] = g[0];
    to[1] = to[3] = g[1];
    to[2] = g[0] + g[2];
    to[4] = g[2];
  }
  CK_INLINE void transformProducts(const Lanes<V> (&m)[products], Lanes<V> (&to)[outputs]) {
    to[0] = m[0] + m[1];
    to[1] = m[1] + m[2];
  }
};

/// The gradient of the input with stride 2: F(2, 2) for every other output, and the middle tap alone for those between.
template <class V>
struct Stride2Gradient {
  static constexpr int inputs = 3, step = 2, origin = 0, outputs = 4;
  static constexpr int transformed = 4, factors = 5, products = 5;
  static constexpr int operand[factors] = {0, 1, 2, 3, 1}, first[products + 1] = {0, 1, 2, 3, 4, 5};

  CK_INLINE void transformInputs(const Lanes<V> (&d)[inputs], Lanes<V> (&to)[transformed]) {
    to[0] = d[0] - d[1];
    to[1] = d[1];
    to[2] = d[2] - d[1];
    to[3] = d[0];
  }
  CK_INLINE void transformFilter(const Lanes<V> (&g)[3], Lanes<V> (&to)[factors]) {
    to[0] = g[0];
    to[1] = g[0] + g[2];
    to[2] = g[2];
    to[3] = to[4] = g[1];
  }
  CK_INLINE void transformProducts(const Lanes<V> (&m)[products], Lanes<V> (&to)[outputs]) {
    to[0] = m[3];
    to[1] = m[0] + m[1];
    to[2] = m[4];
    to[3] = m[1] + m[2];
  }
};

/// An input tile of a vector of channels whose columns are transformed: Bᵀ d. Neighbouring tiles overlap, so the last columns
/// of one are kept as the first columns of the tile on its right.
template <class V, class Variant>
struct InputTile {
  Lanes<V> columns[Variant::inputs][Variant::transformed];

  /// Moves to a tile of the feature map at `data`, whose pixels are `stride` elements apart. `follows` tells that the tile
  /// before was the previous one in order.
  CK_ALWAYS_INLINE void move(
    const bfloat16 *data, MapSize map, int64_t stride, const Tiles::Position &at, bool follows) {
    const int n = Variant::inputs, kept = n - Variant::step;
    const int64_t row = at.row * Variant::step + Variant::origin;
    const int64_t column = at.column * Variant::step + Variant::origin;
    const bfloat16 *first = data + (row * map.width + column) * stride;
    const int64_t line = map.width * stride;
    // Prefetches what the tile below will read. In the blocked layout a cache line holds two pixels.
    for (int r = kept; r < n; r++)
      for (int s = kept; s < n; s += 2) __builtin_prefetch(first + (r + Variant::step) * line + s * stride);
    const bool isOnRight = follows && at.column > 0;
    for (int s = 0; s < n; s++) {
      if (isOnRight && s < kept) {
        for (int r = 0; r < Variant::transformed; r++) columns[s][r] = columns[s + Variant::step][r];
        continue;
      }
      Lanes<V> d[n];
      const bool isInside = column + s >= 0 && column + s < map.width;
      for (int r = 0; r < n; r++)
        d[r] = isInside && row + r >= 0 && row + r < map.height
          ? V::loadWidened(first + r * line + s * stride)
          : V::zero();
      Variant::transformInputs(d, columns[s]);
    }
  }

  /// Row `r` of Bᵀ d B.
  CK_ALWAYS_INLINE void row(int r, Lanes<V> (&to)[Variant::transformed]) const {
    Lanes<V> d[Variant::inputs];
    for (int s = 0; s < Variant::inputs; s++) d[s] = columns[s][r];
    Variant::transformInputs(d, to);
  }

  /// Bᵀ d B.
  CK_ALWAYS_INLINE void transform(Lanes<V> (&to)[Variant::transformed * Variant::transformed]) const {
    for (int r = 0; r < Variant::transformed; r++) {
      Lanes<V> across[Variant::transformed];
      row(r, across);
      for (int s = 0; s < Variant::transformed; s++) to[r * Variant::transformed + s] = across[s];
    }
  }
};

}  // namespace
