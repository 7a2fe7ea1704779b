// The gradient of the weights of a 3×3 convolution with stride 1, in bfloat16:
//   dg = Gᵀ [ Σ over tiles of (A dY Aᵀ) ⊙ (Bᵀ d B) ] G.
// This is the transpose of Filtering.hpp's formula. For each of the sixteen elements of a transformed tile it is a sum of
// outer products over all tiles.
#pragma once
#include "Filtering.hpp"
#include "OuterProducts.hpp"

namespace {
namespace winograd {

const int elements = 16;

template <class V>
struct GradientJob {
  ck_convolution c;
  const bfloat16 *x, *dy;
  float *dw;
  void *workspace;
  Tiles tiles;
  OuterProducts<V> outer;
};

/// A applied to a line of dY.
template <class V>
CK_INLINE void transformLine(Lanes<V> a, Lanes<V> b, Lanes<V> (&to)[4]) {
  to[0] = a;
  to[1] = a + b;
  to[2] = a - b;
  to[3] = V::zero() - b;
}

/// A dY Aᵀ of a vector of channels of one tile.
template <class V>
CK_INLINE void transformGradients(
  const bfloat16 *map, const ck_convolution &c, const Tiles::Position &at,
  Lanes<V> (&to)[elements]) {
  Lanes<V> columns[2][4];
  for (int s = 0; s < 2; s++) {
    Lanes<V> d[2];
    for (int r = 0; r < 2; r++) {
      const int64_t row = at.row * 2 + r, column = at.column * 2 + s;
      d[r] = row < c.height && column < c.width ? V::loadWidened(map + (row * c.width + column) * 16)
                                                : V::zero();
    }
    transformLine<V>(d[0], d[1], columns[s]);
  }
  for (int r = 0; r < 4; r++) {
    Lanes<V> rows[4];
    transformLine<V>(columns[0][r], columns[1][r], rows);
    for (int s = 0; s < 4; s++) to[r * 4 + s] = rows[s];
  }
}

/// Packs a vector of channels of the tiles [first, last), of x if `isInput`, else of dy. A pair is two tiles.
template <bool isInput, class V>
void packChannels(
  const GradientJob<V> &job, const typename OuterProducts<V>::Part &part, int64_t first, int64_t last, int64_t channel) {
  const ck_convolution &c = job.c;
  const OuterProducts<V> &o = job.outer;
  const int64_t channels = isInput ? c.in_channels : c.out_channels;
  const bfloat16 *maps = (isInput ? job.x : job.dy) + blockedOffset(channel, c.height * c.width);
  InputTile<V, Stride1<V>> input;
  Tiles::Position at = job.tiles.position(first);
  for (int64_t pair = 0; pair < (last - first + 1) / 2; pair++) {
    Lanes<V> tile[2][elements];
    for (int64_t i = 0; i < 2; i++) {
      const int64_t number = first + 2 * pair + i;
      if (number >= last) {
        for (int p = 0; p < elements; p++) tile[i][p] = V::zero();
        continue;
      }
      const bfloat16 *map = maps + at.picture * channels * c.height * c.width;
      if (isInput) {
        input.move(map, {c.height, c.width}, 16, at, number > first);
        input.transform(tile[i]);
      } else {
        transformGradients<V>(map, c, at, tile[i]);
      }
      job.tiles.advance(at);
    }
    bfloat16 *to = isInput ? o.column(part, 0, channel, pair) : o.row(part, 0, channel, pair);
    for (int p = 0; p < elements; p++) {
      const Pairs<V> both = V::interleaved(tile[0][p], tile[1][p]);
      if (isInput)
        V::storePairs(to + p * o.columnStride(), both);
      else
        o.storeRows(to + p * o.rowStride(), both);
    }
  }
}

template <class V>
void addShare(void *argument) {
  const GradientJob<V> &job = *(const GradientJob<V> *)argument;
  job.outer.addShare(
    job.workspace, [&](const typename OuterProducts<V>::Part &part, int64_t first, int64_t last) {
      for (int64_t channel = 0; channel < job.c.in_channels; channel += V::lanes)
        packChannels<true>(job, part, first, last, channel);
      for (int64_t channel = 0; channel < job.c.out_channels; channel += V::lanes)
        packChannels<false>(job, part, first, last, channel);
    });
}

/// Gᵀ applied to a line.
template <class V>
CK_INLINE void transformSums(const Lanes<V> (&m)[4], Lanes<V> (&to)[3]) {
  const Lanes<V> half = V::broadcast(0.5f);
  const Lanes<V> ends = half * (m[1] + m[2]);
  to[0] = m[0] + ends;
  to[1] = half * (m[1] - m[2]);
  to[2] = ends + m[3];
}

/// Adds up the threads' sums and transforms them to dw, for this thread's share of the output channels.
template <class V>
void finishShare(void *argument) {
  const GradientJob<V> &job = *(const GradientJob<V> *)argument;
  const int64_t in = job.c.in_channels;
  const Share mine = share(job.c.out_channels);
  for (int64_t out = mine.first; out < mine.last; out++)
    for (int64_t i = 0; i < in; i += V::lanes) {
      Lanes<V> columns[4][3];
      for (int s = 0; s < 4; s++) {
        Lanes<V> m[4];
        for (int r = 0; r < 4; r++)
          m[r] = job.outer.total(job.workspace, mine.threads, job.outer.sumOffset(r * 4 + s, out, i));
        transformSums<V>(m, columns[s]);
      }
      for (int r = 0; r < 3; r++) {
        const Lanes<V> m[4] = {columns[0][r], columns[1][r], columns[2][r], columns[3][r]};
        Lanes<V> row[3];
        transformSums<V>(m, row);
        for (int s = 0; s < 3; s++)
          V::store(job.dw + (out * 9 + r * 3 + s) * in + i, row[s]);
      }
    }
}

inline Tiles gradientTiles(const ck_convolution &c) { return Tiles(c.images, {c.height, c.width}, 2); }

template <class V>
OuterProducts<V> outerProducts(const ck_convolution &c) {
  return OuterProducts<V>(elements, c.out_channels, c.in_channels, gradientTiles(c).count);
}

template <class V>
void weightGradient(ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  GradientJob<V> job{
    c, (const bfloat16 *)x, (const bfloat16 *)dy, dw, workspace, gradientTiles(c), outerProducts<V>(c)};
  runOnTeam(addShare<V>, job);
  runOnTeam(finishShare<V>, job);
}

template <class V>
int64_t gradientBytes(ck_convolution c, int threads) {
  return threads * outerProducts<V>(c).partByteCount();
}

}  // namespace winograd
}  // namespace
