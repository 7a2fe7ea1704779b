// F(2×2, 3×3) of Winograd's minimal filtering (Lavin & Gray 2015, arXiv 1509.09308, 4.1): what the
// convolution and the gradient of its weights share.
//
// A tile of 2×2 results needs 4×4 pixels d of each source channel and filters g of 3×3:
//   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A,
// 16 multiplications instead of 36.
#pragma once
#include "Products.hpp"

#if defined(__x86_64__)
namespace ck {

const int positions = 16;

/// One row or column of Bᵀ d.
BFLOAT16 ALWAYS_INLINE void pixelsAcross(const __m512 (&d)[4], __m512 (&to)[4]) {
  to[0] = _mm512_sub_ps(d[0], d[2]);
  to[1] = _mm512_add_ps(d[1], d[2]);
  to[2] = _mm512_sub_ps(d[2], d[1]);
  to[3] = _mm512_sub_ps(d[1], d[3]);
}

/// A column of 4 pixels, `stride` elements apart, from `row` on, transformed: Bᵀ d. Outside of the plane is 0.
BFLOAT16 ALWAYS_INLINE void transformColumn(
  const bfloat16 *plane, const ck_convolution &c, int64_t stride, int64_t row, int64_t column,
  __m512 (&to)[4]) {
  __m512 d[4];
  const bool isInside = column >= 0 && column < c.width;
  for (int i = 0; i < 4; i++)
    d[i] = isInside && row + i >= 0 && row + i < c.height
      ? widened(plane + ((row + i) * c.width + column) * stride)
      : _mm512_setzero_ps();
  pixelsAcross(d, to);
}

/// The tiles of all pictures, in order.
struct Tiles {
  int64_t width, height, across, inPicture, count;

  explicit Tiles(const ck_convolution &c)
    : width(c.width), height(c.height), across((c.width + 1) / 2),
      inPicture(across * ((c.height + 1) / 2)), count(c.images * inPicture) {}

  /// A tile's picture, and its first result.
  struct Place {
    int64_t picture, row, column;
  };
  Place place(int64_t tile) const {
    return {tile / inPicture, tile % inPicture / across * 2, tile % across * 2};
  }
  /// Goes on to the next tile; division would take as long as a third of its transformation.
  void advance(Place &at) const {
    if ((at.column += 2) < width) return;
    at.column = 0;
    if ((at.row += 2) < height) return;
    at.row = 0;
    at.picture++;
  }
};

/// The four columns of pixels of a tile, 16 channels of them, half transformed. Its last two are the first two
/// of the tile on its right.
struct PixelColumns {
  __m512 columns[4][4];

  /// Moves to a tile of `plane`, whose pixels are `stride` elements apart. `goesOn` tells that the tile before
  /// was the last one.
  BFLOAT16 ALWAYS_INLINE void move(
    const bfloat16 *plane, const ck_convolution &c, int64_t stride, const Tiles::Place &at,
    bool goesOn) {
    const bool isNext = goesOn && at.column > 0;
    for (int s = 0; s < 4; s++) {
      if (isNext && s < 2)
        for (int r = 0; r < 4; r++) columns[s][r] = columns[s + 2][r];
      else
        transformColumn(plane, c, stride, at.row - 1, at.column - 1 + s, columns[s]);
    }
  }

  /// Row `r` of Bᵀ d B.
  BFLOAT16 ALWAYS_INLINE void row(int r, __m512 (&to)[4]) const {
    const __m512 d[4] = {columns[0][r], columns[1][r], columns[2][r], columns[3][r]};
    pixelsAcross(d, to);
  }

  /// Bᵀ d B.
  BFLOAT16 ALWAYS_INLINE void transform(__m512 (&to)[positions]) const {
    for (int r = 0; r < 4; r++) {
      __m512 across[4];
      row(r, across);
      for (int s = 0; s < 4; s++) to[r * 4 + s] = across[s];
    }
  }
};

}  // namespace ck
#endif
