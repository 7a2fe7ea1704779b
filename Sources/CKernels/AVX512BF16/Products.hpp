// What the convolutions in bfloat16 share: the tile of a matrix product that is kept in registers, and the ways in which
// bfloat16 operands are interleaved for it.
//
// The processor's instruction (VDPBF16PS) multiplies pairs: each float32 lane gains a₀·b₀ + a₁·b₁. So two consecutive terms
// of a sum have to be adjacent in memory, in both operands. What a pair is made of differs: two channels of a pixel, two
// pixels of a channel, two pictures.
#pragma once
#include "../BFloat16.hpp"
#include "../Processor.hpp"
#include "../Team.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define BFLOAT16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define ALWAYS_INLINE inline __attribute__((always_inline))

namespace ck {

/// A tile of a product. Its sixteen accumulators hide the latency of two multiplications per cycle.
const int tileRows = 8, tileColumns = 32;

/// The accumulators of a tile: `rows` by 16 · `vectors` sums.
template <int vectors, int rows = tileRows>
struct TileSums {
  __m512 lanes[rows][vectors];
};

/// Adds one pair's products to a tile: the pair of row i, which begins at `row(i)`, times the pairs of the columns.
template <int vectors, int rows, class Row>
BFLOAT16 ALWAYS_INLINE void addProducts(
  TileSums<vectors, rows> &sums, const __m512i (&columns)[vectors], Row row) {
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    int32_t pair;
    memcpy(&pair, row(i), 4);
    const __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++)
      sums.lanes[i][v] = _mm512_dpbf16_ps(sums.lanes[i][v], both, (__m512bh)columns[v]);
  }
}

/// The same with the columns' pairs packed at `columns`.
template <int vectors, int rows, class Row>
BFLOAT16 ALWAYS_INLINE void addProducts(
  TileSums<vectors, rows> &sums, const bfloat16 *columns, Row row) {
  __m512i column[vectors];
  for (int v = 0; v < vectors; v++) column[v] = _mm512_loadu_si512(columns + v * 32);
  addProducts<vectors>(sums, column, row);
}

/// Interleaves the lower and the upper sixteen elements: pair i is element i of both.
BFLOAT16 ALWAYS_INLINE __m512i interleaved(__m512i halves) {
  const __m512i order = _mm512_set_epi16(
    31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3,
    18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, halves);
}

/// The same of two vectors, which are rounded to bfloat16.
BFLOAT16 ALWAYS_INLINE __m512i interleaved(__m512 low, __m512 high) {
  return interleaved((__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/// 16 channels at two positions, as pairs. If the second position is null, its channels are 0.
BFLOAT16 ALWAYS_INLINE __m512i pairOf(const bfloat16 *first, const bfloat16 *second) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)first));
  if (!second) return low;
  const __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)second));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

/// 16 channels at a position and at the next one in memory, as pairs.
BFLOAT16 ALWAYS_INLINE __m512i pairOfNeighbours(const bfloat16 *first) {
  return interleaved(_mm512_loadu_si512(first));
}

/// Sixteen elements as float32.
BFLOAT16 ALWAYS_INLINE __m512 loadWidened(const bfloat16 *from) {
  const __m256i halves = _mm256_loadu_si256((const __m256i *)from);
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16);
}

/// What happens to a convolution's sums after their bias: the residual is added, then ReLU is applied.
struct Epilogue {
  const bfloat16 *residual;
  __m512 least;  // 0 for ReLU, −∞ without it.

  BFLOAT16 ALWAYS_INLINE explicit Epilogue(const ck_epilogue &e)
    : residual((const bfloat16 *)e.residual), least(_mm512_set1_ps(e.relu ? 0 : -INFINITY)) {}

  /// The results of sixteen sums; `at` is the offset that they are written to.
  BFLOAT16 ALWAYS_INLINE __m512 operator()(__m512 sum, int64_t at) const {
    if (residual) sum = _mm512_add_ps(sum, loadWidened(residual + at));
    // If either operand is NaN, the instruction returns the second one: a NaN sum stays NaN.
    return _mm512_max_ps(least, sum);
  }
};

/// Transposes a 16 × 16 matrix of 32-bit words, in four steps that each exchange elements twice as far apart.
BFLOAT16 ALWAYS_INLINE void transpose(__m512i (&rows)[16]) {
  __m512i a[16], b[16];
  for (int i = 0; i < 8; i++) {
    a[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
    a[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    b[4 * i] = _mm512_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 1] = _mm512_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 2] = _mm512_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
    b[4 * i + 3] = _mm512_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    a[i] = _mm512_shuffle_i32x4(b[i], b[4 + i], 0x88);
    a[4 + i] = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0x88);
    a[8 + i] = _mm512_shuffle_i32x4(b[i], b[4 + i], 0xdd);
    a[12 + i] = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    rows[i] = _mm512_shuffle_i32x4(a[i], a[4 + i], 0x88);
    rows[4 + i] = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0x88);
    rows[8 + i] = _mm512_shuffle_i32x4(a[i], a[4 + i], 0xdd);
    rows[12 + i] = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0xdd);
  }
}

/// The roles of a convolution's channels: sums run over `source` channels, one for each of `result` channels. The gradient
/// of the input exchanges the two.
struct Roles {
  int64_t source, result;
};
inline Roles roles(const ck_convolution &c, bool isGradient) {
  return isGradient ? Roles{c.out_channels, c.in_channels} : Roles{c.in_channels, c.out_channels};
}

}  // namespace ck
#endif
