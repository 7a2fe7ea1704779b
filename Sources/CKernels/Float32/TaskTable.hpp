// The tasks of one variant. Included inside the variant's `#pragma clang attribute`.
#pragma once
#include "WeightGradient.hpp"

namespace {

template <class V, class F, int rows, int vectors, int gradientRows>
constexpr FilteringTasks filteringTasks() {
  FilteringTasks t{};
  t.shape = {F::outputs, F::inputs, rows, vectors * V::lanes};
  t.lanes = V::lanes;
  t.pack = packShare<V, F, vectors * V::lanes>;
  t.convolve = convolveShare<V, F, rows, vectors>;
  t.addOwnShare = addOwnShare<V, F, gradientRows, vectors>;
  t.packChunk = packChunkShare<V, F, vectors * V::lanes>;
  t.multiplyChunk = multiplyChunkShare<V, F, gradientRows, vectors>;
  t.finish = finishShare<V, F, vectors * V::lanes>;
  return t;
}

/// Both sizes of tiles, with register tiles of `rows`, or `gradientRows`, by `vectors` vectors.
template <class V, int rows, int gradientRows, int vectors>
constexpr Float32Tasks float32Tasks() {
  static_assert(V::lanes % gradientRows == 0, "a register tile's rows are adjacent in a panel");
  return {
    filteringTasks<V, TilesOf2<V>, rows, vectors, gradientRows>(),
    filteringTasks<V, TilesOf4<V>, rows, vectors, gradientRows>()};
}

}  // namespace
