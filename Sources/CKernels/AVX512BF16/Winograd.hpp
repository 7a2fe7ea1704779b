// Winograd's minimal filtering for 3×3 kernels (Lavin & Gray 2015, arXiv 1509.09308, 4.1): what the convolution and the
// gradient of its weights share.
//
// A tile of outputs Y is computed from a tile of inputs d of each source channel, with 3×3 filters g:
//   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A.
// Each matrix is applied to the columns and then to the rows. So one dimension suffices to describe a variant: each type
// below is one, and its functions apply Bᵀ, G and Aᵀ to one line.
#pragma once
#include "../Tiles.hpp"
#include "Products.hpp"

#if defined(__x86_64__)
namespace ck {

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
struct Stride1 {
  static constexpr int inputs = 4, step = 2, origin = -1, outputs = 2;
  static constexpr int transformed = 4, factors = 4, products = 4;
  static constexpr int operand[factors] = {0, 1, 2, 3}, first[products + 1] = {0, 1, 2, 3, 4};

  /// A line of Bᵀ d.
  BFLOAT16 ALWAYS_INLINE static void transformInputs(const __m512 (&d)[inputs], __m512 (&to)[transformed]) {
    to[0] = _mm512_sub_ps(d[0], d[2]);
    to[1] = _mm512_add_ps(d[1], d[2]);
    to[2] = _mm512_sub_ps(d[2], d[1]);
    to[3] = _mm512_sub_ps(d[1], d[3]);
  }
  /// A line of G g.
  BFLOAT16 ALWAYS_INLINE static void transformFilter(const __m512 (&g)[3], __m512 (&to)[factors]) {
    const __m512 half = _mm512_set1_ps(0.5f);
    const __m512 ends = _mm512_mul_ps(half, _mm512_add_ps(g[0], g[2])), middle = _mm512_mul_ps(half, g[1]);
    to[0] = g[0];
    to[1] = _mm512_add_ps(ends, middle);
    to[2] = _mm512_sub_ps(ends, middle);
    to[3] = g[2];
  }
  /// A line of Aᵀ m.
  BFLOAT16 ALWAYS_INLINE static void transformProducts(const __m512 (&m)[products], __m512 (&to)[outputs]) {
    to[0] = _mm512_add_ps(m[0], _mm512_add_ps(m[1], m[2]));
    to[1] = _mm512_sub_ps(_mm512_sub_ps(m[1], m[2]), m[3]);
  }
};

/// Stride 2. The outer taps g₀ and g₂ are multiplied by every other pixel, which is F(2, 2) with three products. The middle
/// tap g₁ is multiplied by the pixels between; those two products are added to sums that exist anyway. 25 multiplications
/// for 2×2 outputs instead of 36.
struct Stride2 {
  static constexpr int inputs = 5, step = 4, origin = -1, outputs = 2;
  static constexpr int transformed = 5, factors = 5, products = 3;
  static constexpr int operand[factors] = {0, 1, 2, 3, 4}, first[products + 1] = {0, 2, 3, 5};

  BFLOAT16 ALWAYS_INLINE static void transformInputs(const __m512 (&d)[inputs], __m512 (&to)[transformed]) {
    to[0] = _mm512_sub_ps(d[0], d[2]);
    to[1] = d[1];
    to[2] = d[2];
    to[3] = d[3];
    to[4] = _mm512_sub_ps(d[4], d[2]);
  }
  BFLOAT16 ALWAYS_INLINE static void transformFilter(const __m512 (&g)[3], __m512 (&to)[factors]) {
    to[0] = g[0];
    to[1] = to[3] = g[1];
    to[2] = _mm512_add_ps(g[0], g[2]);
    to[4] = g[2];
  }
  BFLOAT16 ALWAYS_INLINE static void transformProducts(const __m512 (&m)[products], __m512 (&to)[outputs]) {
    to[0] = _mm512_add_ps(m[0], m[1]);
    to[1] = _mm512_add_ps(m[1], m[2]);
  }
};

/// The gradient of the input with stride 2: F(2, 2) for every other output, and the middle tap alone for those between.
struct Stride2Gradient {
  static constexpr int inputs = 3, step = 2, origin = 0, outputs = 4;
  static constexpr int transformed = 4, factors = 5, products = 5;
  static constexpr int operand[factors] = {0, 1, 2, 3, 1}, first[products + 1] = {0, 1, 2, 3, 4, 5};

  BFLOAT16 ALWAYS_INLINE static void transformInputs(const __m512 (&d)[inputs], __m512 (&to)[transformed]) {
    to[0] = _mm512_sub_ps(d[0], d[1]);
    to[1] = d[1];
    to[2] = _mm512_sub_ps(d[2], d[1]);
    to[3] = d[0];
  }
  BFLOAT16 ALWAYS_INLINE static void transformFilter(const __m512 (&g)[3], __m512 (&to)[factors]) {
    to[0] = g[0];
    to[1] = _mm512_add_ps(g[0], g[2]);
    to[2] = g[2];
    to[3] = to[4] = g[1];
  }
  BFLOAT16 ALWAYS_INLINE static void transformProducts(const __m512 (&m)[products], __m512 (&to)[outputs]) {
    to[0] = m[3];
    to[1] = _mm512_add_ps(m[0], m[1]);
    to[2] = m[4];
    to[3] = _mm512_add_ps(m[1], m[2]);
  }
};

/// An input tile of 16 channels whose columns are transformed: Bᵀ d. Neighbouring tiles overlap, so the last columns of one
/// are kept as the first columns of the tile on its right.
template <class Variant>
struct InputTile {
  __m512 columns[Variant::inputs][Variant::transformed];

  /// Moves to a tile of the feature map at `data`, whose pixels are `stride` elements apart. `follows` tells that the tile
  /// before was the previous one in order.
  BFLOAT16 ALWAYS_INLINE void move(
    const bfloat16 *data, MapSize map, int64_t stride, const Tiles::Position &at, bool follows) {
    const int n = Variant::inputs, kept = n - Variant::step;
    const int64_t row = at.row * Variant::step + Variant::origin;
    const int64_t column = at.column * Variant::step + Variant::origin;
    const bfloat16 *first = data + (row * map.width + column) * stride;
    const int64_t line = map.width * stride;
    // Prefetches what the tile below will read. In the blocked layout a cache line holds two pixels.
    for (int r = kept; r < n; r++)
      for (int s = kept; s < n; s += 2) _mm_prefetch(first + (r + Variant::step) * line + s * stride, _MM_HINT_T0);
    const bool isOnRight = follows && at.column > 0;
    for (int s = 0; s < n; s++) {
      if (isOnRight && s < kept) {
        for (int r = 0; r < Variant::transformed; r++) columns[s][r] = columns[s + Variant::step][r];
        continue;
      }
      __m512 d[n];
      const bool isInside = column + s >= 0 && column + s < map.width;
      for (int r = 0; r < n; r++)
        d[r] = isInside && row + r >= 0 && row + r < map.height
          ? loadWidened(first + r * line + s * stride)
          : _mm512_setzero_ps();
      Variant::transformInputs(d, columns[s]);
    }
  }

  /// Row `r` of Bᵀ d B.
  BFLOAT16 ALWAYS_INLINE void row(int r, __m512 (&to)[Variant::transformed]) const {
    __m512 d[Variant::inputs];
    for (int s = 0; s < Variant::inputs; s++) d[s] = columns[s][r];
    Variant::transformInputs(d, to);
  }

  /// Bᵀ d B.
  BFLOAT16 ALWAYS_INLINE void transform(__m512 (&to)[Variant::transformed * Variant::transformed]) const {
    for (int r = 0; r < Variant::transformed; r++) {
      __m512 across[Variant::transformed];
      row(r, across);
      for (int s = 0; s < Variant::transformed; s++) to[r * Variant::transformed + s] = across[s];
    }
  }
};

}  // namespace ck
#endif
