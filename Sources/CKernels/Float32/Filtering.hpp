// Winograd's minimal filtering of 3×3 kernels in float32 (Lavin & Gray 2015, arXiv 1509.09308): the transforms.
//
// A tile of n × n outputs Y is computed from a tile of (n + 2) × (n + 2) inputs d of each source channel, with filters g:
//   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A.
// The gradient of the weights is the transpose of this formula:
//   dg = Gᵀ [ Σ over tiles of (A dY Aᵀ) ⊙ (Bᵀ d B) ] G.
// Each matrix is applied to the columns and then to the rows, so the types below describe it in one dimension: a line of
// outputs is a product of polynomials, computed from its values at n + 1 points and at infinity.
#pragma once
#include "../Vector.hpp"

namespace {

/// F(2, 3), at the points 0, 1, −1: 16 multiplications for 2×2 outputs instead of 36.
template <class V>
struct TilesOf2 {
  typedef typename V::Lanes L;
  static constexpr int outputs = 2, inputs = 4;

  /// A line of Bᵀ d.
  CK_INLINE void transformInputs(const L (&d)[inputs], L (&to)[inputs]) {
    to[0] = d[0] - d[2];
    to[1] = d[1] + d[2];
    to[2] = d[2] - d[1];
    to[3] = d[1] - d[3];
  }
  /// A line of G g.
  CK_INLINE void transformFilter(const L (&g)[3], L (&to)[inputs]) {
    const L ends = (g[0] + g[2]) * 0.5f, middle = g[1] * 0.5f;
    to[0] = g[0];
    to[1] = ends + middle;
    to[2] = ends - middle;
    to[3] = g[2];
  }
  /// A line of Aᵀ m.
  CK_INLINE void transformProducts(const L (&m)[inputs], L (&to)[outputs]) {
    to[0] = m[0] + (m[1] + m[2]);
    to[1] = (m[1] - m[2]) - m[3];
  }
  /// A line of A dY.
  CK_INLINE void transformGradients(const L (&y)[outputs], L (&to)[inputs]) {
    to[0] = y[0];
    to[1] = y[0] + y[1];
    to[2] = y[0] - y[1];
    to[3] = -y[1];
  }
  /// A line of Gᵀ m.
  CK_INLINE void transformSums(const L (&m)[inputs], L (&to)[3]) {
    const L ends = (m[1] + m[2]) * 0.5f;
    to[0] = m[0] + ends;
    to[1] = (m[1] - m[2]) * 0.5f;
    to[2] = ends + m[3];
  }
};

/// F(4, 3), at the points 0, ±a, ±b: 36 multiplications for 4×4 outputs instead of 144.
template <class V>
struct TilesOf4 {
  typedef typename V::Lanes L;
  static constexpr int outputs = 4, inputs = 6;
  static constexpr double a = 0.70710678118654752, b = 1.41421356237309505;
  static constexpr double a2 = a * a, b2 = b * b;
  /// The factors of G: 1 / Π over the other points of their distance.
  static constexpr double at0 = 1 / (a2 * b2), atA = 1 / (2 * a2 * (a2 - b2)), atB = 1 / (2 * b2 * (b2 - a2));

  CK_INLINE L times(double factor, L x) { return x * (float)factor; }
  /// factor · x + y.
  CK_INLINE L plus(double factor, L x, L y) { return V::fma(V::broadcast((float)factor), x, y); }

  CK_INLINE void transformInputs(const L (&d)[inputs], L (&to)[inputs]) {
    const L evenA = plus(-b2, d[2], d[4]), oddA = times(a, plus(-b2, d[1], d[3]));
    const L evenB = plus(-a2, d[2], d[4]), oddB = times(b, plus(-a2, d[1], d[3]));
    to[0] = plus(a2 * b2, d[0], plus(-(a2 + b2), d[2], d[4]));
    to[1] = evenA + oddA;
    to[2] = evenA - oddA;
    to[3] = evenB + oddB;
    to[4] = evenB - oddB;
    to[5] = plus(a2 * b2, d[1], plus(-(a2 + b2), d[3], d[5]));
  }
  CK_INLINE void transformFilter(const L (&g)[3], L (&to)[inputs]) {
    const L evenA = plus(a2 * atA, g[2], times(atA, g[0])), oddA = times(a * atA, g[1]);
    const L evenB = plus(b2 * atB, g[2], times(atB, g[0])), oddB = times(b * atB, g[1]);
    to[0] = times(at0, g[0]);
    to[1] = evenA + oddA;
    to[2] = evenA - oddA;
    to[3] = evenB + oddB;
    to[4] = evenB - oddB;
    to[5] = g[2];
  }
  CK_INLINE void transformProducts(const L (&m)[inputs], L (&to)[outputs]) {
    const L sumA = m[1] + m[2], differenceA = m[1] - m[2], sumB = m[3] + m[4], differenceB = m[3] - m[4];
    to[0] = m[0] + (sumA + sumB);
    to[1] = plus(b, differenceB, times(a, differenceA));
    to[2] = plus(b2, sumB, times(a2, sumA));
    to[3] = plus(b2 * b, differenceB, plus(a2 * a, differenceA, m[5]));
  }
  CK_INLINE void transformGradients(const L (&y)[outputs], L (&to)[inputs]) {
    const L evenA = plus(a2, y[2], y[0]), oddA = times(a, plus(a2, y[3], y[1]));
    const L evenB = plus(b2, y[2], y[0]), oddB = times(b, plus(b2, y[3], y[1]));
    to[0] = y[0];
    to[1] = evenA + oddA;
    to[2] = evenA - oddA;
    to[3] = evenB + oddB;
    to[4] = evenB - oddB;
    to[5] = y[3];
  }
  CK_INLINE void transformSums(const L (&m)[inputs], L (&to)[3]) {
    const L sumA = times(atA, m[1] + m[2]), sumB = times(atB, m[3] + m[4]);
    to[0] = plus(at0, m[0], sumA + sumB);
    to[1] = plus(a * atA, m[1] - m[2], times(b * atB, m[3] - m[4]));
    to[2] = plus(a2, sumA, plus(b2, sumB, m[5]));
  }
};

}  // namespace
