// Winograd's minimal filtering of windows of 3×3 (Lavin & Gray 2015, arXiv 1509.09308, 4.1): what the convolution
// and the gradient of its weights share.
//
// A tile of results Y needs a patch of pixels d of each source channel and filters g of 3×3:
//   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A.
// The matrices work on columns, then on rows; what they do to a line is a type below.
#pragma once
#include "Products.hpp"

#if defined(__x86_64__)
namespace ck {

/// F(2, 3), in steps of one pixel: 16 multiplications for 2×2 results instead of 36.
struct SingleSteps {
  /// Of a line of a tile: pixels, how far they lie from the next tile's, and where the first of the first tile lies;
  /// pieces, which they are transformed to; results; products, which those are sums of.
  static constexpr int pixels = 4, step = 2, origin = -1, pieces = 4, results = 2, products = 4;
  /// Factors, which the filter is transformed to; the piece that each one meets; the first one of each product.
  static constexpr int factors = 4, piece[factors] = {0, 1, 2, 3}, first[products + 1] = {0, 1, 2, 3, 4};

  /// A line of Bᵀ d.
  BFLOAT16 ALWAYS_INLINE static void pixelsAcross(const __m512 (&d)[pixels], __m512 (&to)[pieces]) {
    to[0] = _mm512_sub_ps(d[0], d[2]);
    to[1] = _mm512_add_ps(d[1], d[2]);
    to[2] = _mm512_sub_ps(d[2], d[1]);
    to[3] = _mm512_sub_ps(d[1], d[3]);
  }
  /// A line of G g.
  BFLOAT16 ALWAYS_INLINE static void filterAcross(const __m512 (&g)[3], __m512 (&to)[factors]) {
    const __m512 half = _mm512_set1_ps(0.5f);
    const __m512 ends = _mm512_mul_ps(half, _mm512_add_ps(g[0], g[2])), middle = _mm512_mul_ps(half, g[1]);
    to[0] = g[0];
    to[1] = _mm512_add_ps(ends, middle);
    to[2] = _mm512_sub_ps(ends, middle);
    to[3] = g[2];
  }
  /// A line of Aᵀ m.
  BFLOAT16 ALWAYS_INLINE static void resultsAcross(const __m512 (&m)[products], __m512 (&to)[results]) {
    to[0] = _mm512_add_ps(m[0], _mm512_add_ps(m[1], m[2]));
    to[1] = _mm512_sub_ps(_mm512_sub_ps(m[1], m[2]), m[3]);
  }
};

/// In steps of two pixels: the filter's ends meet every other pixel, which is F(2, 2); its middle meets those between
/// them, whose products are added to sums that there are anyway. 25 multiplications for 2×2 results instead of 36.
struct DoubleSteps {
  static constexpr int pixels = 5, step = 4, origin = -1, pieces = 5, results = 2, products = 3;
  static constexpr int factors = 5, piece[factors] = {0, 1, 2, 3, 4}, first[products + 1] = {0, 2, 3, 5};

  BFLOAT16 ALWAYS_INLINE static void pixelsAcross(const __m512 (&d)[pixels], __m512 (&to)[pieces]) {
    to[0] = _mm512_sub_ps(d[0], d[2]);
    to[1] = d[1];
    to[2] = d[2];
    to[3] = d[3];
    to[4] = _mm512_sub_ps(d[4], d[2]);
  }
  BFLOAT16 ALWAYS_INLINE static void filterAcross(const __m512 (&g)[3], __m512 (&to)[factors]) {
    to[0] = g[0];
    to[1] = to[3] = g[1];
    to[2] = _mm512_add_ps(g[0], g[2]);
    to[4] = g[2];
  }
  BFLOAT16 ALWAYS_INLINE static void resultsAcross(const __m512 (&m)[products], __m512 (&to)[results]) {
    to[0] = _mm512_add_ps(m[0], m[1]);
    to[1] = _mm512_add_ps(m[1], m[2]);
  }
};

/// The gradient of the input of DoubleSteps: F(2, 2) for every other result, and the middle for those between them.
struct DoubleStepsBack {
  static constexpr int pixels = 3, step = 2, origin = 0, pieces = 4, results = 4, products = 5;
  static constexpr int factors = 5, piece[factors] = {0, 1, 2, 3, 1},
                       first[products + 1] = {0, 1, 2, 3, 4, 5};

  BFLOAT16 ALWAYS_INLINE static void pixelsAcross(const __m512 (&d)[pixels], __m512 (&to)[pieces]) {
    to[0] = _mm512_sub_ps(d[0], d[1]);
    to[1] = d[1];
    to[2] = _mm512_sub_ps(d[2], d[1]);
    to[3] = d[0];
  }
  BFLOAT16 ALWAYS_INLINE static void filterAcross(const __m512 (&g)[3], __m512 (&to)[factors]) {
    to[0] = g[0];
    to[1] = _mm512_add_ps(g[0], g[2]);
    to[2] = g[2];
    to[3] = to[4] = g[1];
  }
  BFLOAT16 ALWAYS_INLINE static void resultsAcross(const __m512 (&m)[products], __m512 (&to)[results]) {
    to[0] = m[3];
    to[1] = _mm512_add_ps(m[0], m[1]);
    to[2] = m[4];
    to[3] = _mm512_add_ps(m[1], m[2]);
  }
};

/// A plane's pixels.
struct Plane {
  int64_t height, width;
};

/// The tiles of all pictures, in order.
struct Tiles {
  int64_t across, down, count;

  /// Tiles of `results` times as many results each.
  Tiles(int64_t images, Plane plane, int results)
    : across((plane.width + results - 1) / results), down((plane.height + results - 1) / results),
      count(images * down * across) {}

  /// A tile's picture, row and column of tiles.
  struct Place {
    int64_t picture, row, column;
  };
  Place place(int64_t tile) const {
    return {tile / (down * across), tile / across % down, tile % across};
  }
  /// Goes on to the next tile; division would take as long as a third of its transformation.
  void advance(Place &at) const {
    if (++at.column < across) return;
    at.column = 0;
    if (++at.row < down) return;
    at.row = 0;
    at.picture++;
  }
};

/// The columns of pixels of a tile, 16 channels of them, half transformed. Its last ones are the first ones of the tile
/// on its right.
template <class Steps>
struct PixelColumns {
  __m512 columns[Steps::pixels][Steps::pieces];

  /// Moves to a tile of the pixels at `data`, which are `stride` elements apart. `goesOn` tells that the tile before
  /// was the last one.
  BFLOAT16 ALWAYS_INLINE void move(
    const bfloat16 *data, Plane plane, int64_t stride, const Tiles::Place &at, bool goesOn) {
    const int n = Steps::pixels, kept = n - Steps::step;
    const int64_t row = at.row * Steps::step + Steps::origin, column = at.column * Steps::step + Steps::origin;
    const bfloat16 *first = data + (row * plane.width + column) * stride;
    const int64_t line = plane.width * stride;
    // What the tile below will read is asked for now; a line of the cache holds two pixels.
    for (int r = kept; r < n; r++)
      for (int s = kept; s < n; s += 2) _mm_prefetch(first + (r + Steps::step) * line + s * stride, _MM_HINT_T0);
    const bool isNext = goesOn && at.column > 0;
    for (int s = 0; s < n; s++) {
      if (isNext && s < kept) {
        for (int r = 0; r < Steps::pieces; r++) columns[s][r] = columns[s + Steps::step][r];
        continue;
      }
      __m512 d[n];
      const bool isInside = column + s >= 0 && column + s < plane.width;
      for (int r = 0; r < n; r++)
        d[r] = isInside && row + r >= 0 && row + r < plane.height
          ? widened(first + r * line + s * stride)
          : _mm512_setzero_ps();
      Steps::pixelsAcross(d, columns[s]);
    }
  }

  /// Row `r` of Bᵀ d B.
  BFLOAT16 ALWAYS_INLINE void row(int r, __m512 (&to)[Steps::pieces]) const {
    __m512 d[Steps::pixels];
    for (int s = 0; s < Steps::pixels; s++) d[s] = columns[s][r];
    Steps::pixelsAcross(d, to);
  }

  /// Bᵀ d B.
  BFLOAT16 ALWAYS_INLINE void transform(__m512 (&to)[Steps::pieces * Steps::pieces]) const {
    for (int r = 0; r < Steps::pieces; r++) {
      __m512 across[Steps::pieces];
      row(r, across);
      for (int s = 0; s < Steps::pieces; s++) to[r * Steps::pieces + s] = across[s];
    }
  }
};

}  // namespace ck
#endif
