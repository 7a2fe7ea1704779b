// What the convolutions in bfloat16 share: the tile of a matrix product that is kept in registers, and what follows the sums.
//
// The processor's instruction (VDPBF16PS, BFDOT) multiplies pairs: each float32 lane gains a₀·b₀ + a₁·b₁. So two consecutive
// terms of a sum have to be adjacent in memory, in both operands. What a pair is made of differs: two channels of a pixel, two
// pixels of a channel, two pictures. Every kernel is a template over the processor's vector policy V (PairVector.hpp).
#pragma once
#include "../PairVector.hpp"

namespace {

using namespace ck;

template <class V>
using Lanes = typename V::Lanes;
template <class V>
using Pairs = typename V::Pairs;

/// The accumulators of a tile: `rows` by as many columns as `vectors` have lanes.
template <class V, int vectors, int rows = V::tileRows>
struct TileSums {
  Lanes<V> lanes[rows][vectors];
};

/// Adds one pair's products to a tile: the pair of row i, which begins at `row(i)`, times the pairs of the columns.
template <class V, int vectors, int rows, class Row>
CK_INLINE void addProducts(TileSums<V, vectors, rows> &sums, const Pairs<V> (&columns)[vectors], Row row) {
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    const Pairs<V> both = V::broadcastPair(row(i));
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sums.lanes[i][v] = V::dot(sums.lanes[i][v], both, columns[v]);
  }
}

/// The same with the columns' pairs packed at `columns`.
template <class V, int vectors, int rows, class Row>
CK_INLINE void addProducts(TileSums<V, vectors, rows> &sums, const bfloat16 *columns, Row row) {
  Pairs<V> column[vectors];
  for (int v = 0; v < vectors; v++) column[v] = V::loadPairs(columns + v * 2 * V::lanes);
  addProducts<V, vectors>(sums, column, row);
}

/// What happens to a convolution's sums after their bias: the residual is added, then ReLU is applied.
template <class V>
struct Epilogue {
  const bfloat16 *residual;
  Lanes<V> least;  // 0 for ReLU, −∞ without it.

  CK_ALWAYS_INLINE explicit Epilogue(const ck_epilogue &e)
    : residual((const bfloat16 *)e.residual), least(V::broadcast(e.relu ? 0 : -INFINITY)) {}

  /// The results of a vector of sums; `at` is the offset that they are written to. A NaN sum stays NaN.
  CK_ALWAYS_INLINE Lanes<V> operator()(Lanes<V> sum, int64_t at) const {
    if (residual) sum = sum + V::loadWidened(residual + at);
    return V::maximum(least, sum);
  }
};

/// In the blocked layout: the offset of a channel's first pixel, in a picture whose feature maps have `pixels` each.
CK_ALWAYS_INLINE int64_t blockedOffset(int64_t channel, int64_t pixels) {
  return channel / 16 * 16 * pixels + channel % 16;
}

/// The roles of a convolution's channels: sums run over `source` channels, one for each of `result` channels. The gradient
/// of the input exchanges the two.
struct Roles {
  int64_t source, result;
};
inline Roles roles(const ck_convolution &c, bool isGradient) {
  return isGradient ? Roles{c.out_channels, c.in_channels} : Roles{c.in_channels, c.out_channels};
}

}  // namespace
