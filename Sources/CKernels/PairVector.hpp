// The vector policy of bfloat16: float32 lanes, and pairs of bfloat16 whose products one instruction adds to a lane.
//
// A kernel takes one of the last two types as a template parameter: AVX-512 with 16 lanes, one register of them; NEON with 8,
// two registers, whose bfloat16 fill one. What both say alike is written in the compiler's vector extensions (Vector.hpp).
// A type also tells the tiles of a matrix product that its processor's registers hold.
#pragma once
#include "BFloat16.hpp"
#include "Vector.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

using ck::bfloat16;

/// `count` pairs beside as many float32 lanes. The first element of a pair is the lower half of its word.
template <int count>
struct PairVector : Vector<count> {
  typedef typename Vector<count>::Lanes Lanes;
  typedef uint32_t Pairs __attribute__((vector_size(4 * count)));
  /// As many elements as there are lanes.
  typedef uint16_t Halves __attribute__((vector_size(2 * count)));

  CK_INLINE Pairs noPairs() { return Pairs{}; }
  CK_INLINE Pairs loadPairs(const bfloat16 *from) {
    Pairs pairs;
    memcpy(&pairs, from, sizeof pairs);
    return pairs;
  }
  CK_INLINE void storePairs(bfloat16 *to, Pairs pairs) { memcpy(to, &pairs, sizeof pairs); }
  /// A store past the caches (Vector.hpp), where a vector is a cache line.
  CK_INLINE void streamPairs(bfloat16 *to, Pairs pairs) { Vector<count>::stream((float *)to, (Lanes)pairs); }
  /// Stores the first half of the pairs and the second one at two places.
  CK_INLINE void storeHalves(bfloat16 *first, bfloat16 *second, Pairs pairs) {
    typedef uint32_t Half __attribute__((vector_size(2 * count)));
    Half halves[2];
    memcpy(halves, &pairs, sizeof pairs);
    memcpy(first, &halves[0], sizeof(Half));
    memcpy(second, &halves[1], sizeof(Half));
  }

  CK_INLINE Halves loadHalves(const bfloat16 *from) {
    Halves halves;
    memcpy(&halves, from, sizeof halves);
    return halves;
  }
  /// As many elements as lanes, as float32.
  CK_INLINE Lanes loadWidened(const bfloat16 *from) {
    return (Lanes)(__builtin_convertvector(loadHalves(from), Pairs) << 16);
  }
  /// The first and the second elements of pairs, as float32.
  CK_INLINE Lanes firstOf(Pairs pairs) { return (Lanes)(pairs << 16); }
  CK_INLINE Lanes secondOf(Pairs pairs) { return (Lanes)(pairs & 0xffff0000); }

};

#if defined(__x86_64__)
/// AVX-512 with bfloat16. It is given to functions that are compiled for such a processor alone.
struct AVX512Pairs : PairVector<16> {
  /// A tile of a product: rows, vectors of columns. Sixteen sums hide the latency of two multiplications per cycle.
  static constexpr int tileRows = 8, vectors = 2, tileColumns = vectors * lanes;
  /// Rows of a tile in sums of outer products: half of the lanes.
  static constexpr int outerRows = 8;
  /// Positions of two rows, and values of a window's row, that leave registers for the operands (FewChannels.hpp).
  static constexpr int tilePositions = 4, tileValues = 7;

  /// The pair at `from` in every lane.
  CK_INLINE Pairs broadcastPair(const bfloat16 *from) {
    int32_t pair;
    memcpy(&pair, from, 4);
    return (Pairs)_mm512_set1_epi32(pair);
  }
  /// sum + a₀·b₀ + a₁·b₁.
  CK_INLINE Lanes dot(Lanes sum, Pairs a, Pairs b) {
    return (Lanes)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
  }
  /// The elements of two vectors, one after the other, rounded to nearest, ties to even.
  CK_INLINE Pairs narrowed(Lanes low, Lanes high) {
    return (Pairs)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
  }
  CK_INLINE void storeNarrowed(bfloat16 *to, Lanes lanes) {
    const __m256bh narrow = _mm512_cvtneps_pbh((__m512)lanes);
    memcpy(to, &narrow, sizeof narrow);
  }

  /// Interleaves the first and the second half of the elements: pair i is element i of both.
  CK_INLINE Pairs interleaved(Pairs halves) {
    const __m512i order = _mm512_set_epi16(
      31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3,
      18, 2, 17, 1, 16, 0);
    return (Pairs)_mm512_permutexvar_epi16(order, (__m512i)halves);
  }
  CK_INLINE Pairs interleaved(Lanes low, Lanes high) { return interleaved(narrowed(low, high)); }
  /// As many channels as lanes at two positions, as pairs. If the second position is null, its channels are 0.
  CK_INLINE Pairs pairOf(const bfloat16 *first, const bfloat16 *second) {
    const Pairs low = __builtin_convertvector(loadHalves(first), Pairs);
    if (!second) return low;
    return low | __builtin_convertvector(loadHalves(second), Pairs) << 16;
  }
  /// The same of a pixel and the next one in the blocked layout.
  CK_INLINE Pairs pairOfNeighbours(const bfloat16 *at) { return interleaved(loadPairs(at)); }
  /// Stores as many channels as lanes of a pixel and of the next one in the blocked layout.
  CK_INLINE void storeNeighbours(bfloat16 *to, Lanes first, Lanes second) { storePairs(to, narrowed(first, second)); }
  /// Makes stores past the caches visible to other threads.
  CK_INLINE void finishStreams() { _mm_sfence(); }

  /// The first `elements` of the elements of a vector of pairs; the others are 0.
  CK_INLINE Pairs loadPairs(const bfloat16 *from, int64_t elements) {
    const __mmask32 mask = elements < 2 * lanes ? (1u << elements) - 1 : ~0u;
    return (Pairs)_mm512_maskz_loadu_epi16(mask, from);
  }
  using PairVector<16>::loadPairs;

  /// Transposes a square matrix of pairs, in four steps that each exchange elements twice as far apart. What the compiler
  /// makes of Vector's transposition takes longer: it has no instruction for the first two exchanges.
  CK_INLINE void transposePairs(Pairs (&rows)[16]) {
    __m512i a[16], b[16];
    for (int i = 0; i < 8; i++) {
      const __m512i low = (__m512i)rows[2 * i], high = (__m512i)rows[2 * i + 1];
      a[2 * i] = _mm512_unpacklo_epi32(low, high);
      a[2 * i + 1] = _mm512_unpackhi_epi32(low, high);
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
      rows[i] = (Pairs)_mm512_shuffle_i32x4(a[i], a[4 + i], 0x88);
      rows[4 + i] = (Pairs)_mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0x88);
      rows[8 + i] = (Pairs)_mm512_shuffle_i32x4(a[i], a[4 + i], 0xdd);
      rows[12 + i] = (Pairs)_mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0xdd);
    }
  }
};
#elif defined(__aarch64__)
/// NEON with bfloat16 (FEAT_BF16). It is given to functions that are compiled for such a processor alone.
struct NEONPairs : PairVector<8> {
  // Of 32 registers, 24 hold sums, four hold columns.
  static constexpr int tileRows = 6, vectors = 2, tileColumns = vectors * lanes;
  static constexpr int outerRows = 4;
  static constexpr int tilePositions = 3, tileValues = 6;

  CK_INLINE Pairs broadcastPair(const bfloat16 *from) {
    uint32_t pair;
    memcpy(&pair, from, 4);
    return joined((Register)vdupq_n_u32(pair), (Register)vdupq_n_u32(pair));
  }
  CK_INLINE Lanes dot(Lanes sum, Pairs a, Pairs b) {
    const Pairs words = (Pairs)sum;
    const float32x4_t low = vbfdotq_f32((float32x4_t)lower(words), (bfloat16x8_t)lower(a), (bfloat16x8_t)lower(b));
    const float32x4_t high = vbfdotq_f32((float32x4_t)upper(words), (bfloat16x8_t)upper(a), (bfloat16x8_t)upper(b));
    return (Lanes)joined((Register)low, (Register)high);
  }
  CK_INLINE Pairs narrowed(Lanes low, Lanes high) {
    return joined((Register)narrowed(low), (Register)narrowed(high));
  }
  CK_INLINE void storeNarrowed(bfloat16 *to, Lanes lanes) {
    const bfloat16x8_t narrow = narrowed(lanes);
    memcpy(to, &narrow, sizeof narrow);
  }

  CK_INLINE Pairs interleaved(Pairs halves) { return interleaved((Halves)lower(halves), (Halves)upper(halves)); }
  CK_INLINE Pairs interleaved(Lanes low, Lanes high) {
    return interleaved((Halves)narrowed(low), (Halves)narrowed(high));
  }
  CK_INLINE Pairs pairOf(const bfloat16 *first, const bfloat16 *second) {
    return interleaved(loadHalves(first), second ? loadHalves(second) : Halves{});
  }
  /// In the blocked layout the next pixel is 16 elements further.
  CK_INLINE Pairs pairOfNeighbours(const bfloat16 *at) { return pairOf(at, at + 16); }
  CK_INLINE void storeNeighbours(bfloat16 *to, Lanes first, Lanes second) {
    storeNarrowed(to, first);
    storeNarrowed(to + 16, second);
  }
  CK_INLINE void finishStreams() {}

  CK_INLINE Pairs loadPairs(const bfloat16 *from, int64_t elements) {
    if (elements >= 2 * lanes) return loadPairs(from);
    Pairs pairs{};
    memcpy(&pairs, from, sizeof(bfloat16) * (size_t)elements);
    return pairs;
  }
  using PairVector<8>::loadPairs;

  CK_INLINE void transposePairs(Pairs (&rows)[8]) {
    Lanes words[8];
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) words[i] = (Lanes)rows[i];
    transpose(words);
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) rows[i] = (Pairs)words[i];
  }

private:
  /// One register.
  typedef uint32_t Register __attribute__((vector_size(16)));

  CK_INLINE Register lower(Pairs pairs) { return __builtin_shufflevector(pairs, pairs, 0, 1, 2, 3); }
  CK_INLINE Register upper(Pairs pairs) { return __builtin_shufflevector(pairs, pairs, 4, 5, 6, 7); }
  CK_INLINE Pairs joined(Register low, Register high) {
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
  }
  CK_INLINE bfloat16x8_t narrowed(Lanes lanes) {
    const Pairs words = (Pairs)lanes;
    return vcvtq_high_bf16_f32(vcvtq_low_bf16_f32((float32x4_t)lower(words)), (float32x4_t)upper(words));
  }
  CK_INLINE Pairs interleaved(Halves first, Halves second) {
    const uint16x8_t a = (uint16x8_t)first, b = (uint16x8_t)second;
    return joined((Register)vzip1q_u16(a, b), (Register)vzip2q_u16(a, b));
  }
};
#endif

}  // namespace
