// The vector policy: a vector of float32 lanes, for kernels that are written once and compiled for each family of processors.
//
// A kernel takes the type as a template parameter. It is written in the compiler's vector extensions, so what decides about
// the instructions is the processor that the file is compiled for: `Vector<16>` is one register of AVX-512, `Vector<8>` one
// of AVX2, `Vector<4>` one of NEON. On a processor with narrower registers a wide vector is right too, but takes several.
#pragma once
#include <stdint.h>
#include <string.h>

// Everything here is inlined, so no vector that is wider than the registers of the base processor is passed
// in a call, whose two sides could disagree on how.
#pragma clang diagnostic ignored "-Wpsabi"

namespace {

#define CK_ALWAYS_INLINE inline __attribute__((always_inline))
#define CK_INLINE static CK_ALWAYS_INLINE

/// The numbers of lanes, for the compiler's shuffles.
template <class Number, Number... lane>
struct Order {};

template <int count>
struct Vector {
  static constexpr int lanes = count;
  typedef float Lanes __attribute__((vector_size(4 * count)));
  typedef int32_t Mask __attribute__((vector_size(4 * count)));

  CK_INLINE Lanes zero() { return Lanes{}; }
  CK_INLINE Lanes broadcast(float value) { return repeated(Lanes{value}, __make_integer_seq<Order, int, count>()); }
  CK_INLINE Lanes load(const float *from) {
    Lanes lanes;
    memcpy(&lanes, from, sizeof lanes);
    return lanes;
  }
  CK_INLINE void store(float *to, Lanes lanes) { memcpy(to, &lanes, sizeof lanes); }
  /// A store past the caches, for lines so far apart that an ordinary store would wait for each to be read first.
  CK_INLINE void stream(float *to, Lanes lanes) {
    if constexpr (count == 16) __builtin_nontemporal_store(lanes, (Lanes *)to);
    else store(to, lanes);
  }
  /// a · b + c, rounded once.
  CK_INLINE Lanes fma(Lanes a, Lanes b, Lanes c) { return __builtin_elementwise_fma(a, b, c); }
  /// The greater of both; the second one where either is NaN.
  CK_INLINE Lanes maximum(Lanes a, Lanes b) { return a > b ? a : b; }

  /// Transposes a square matrix, whose rows are vectors: in step d it exchanges the blocks of d × d beside the diagonal.
  CK_INLINE void transpose(Lanes (&rows)[count]) {
    exchange<1>(rows);
    exchange<2>(rows);
    if constexpr (count > 4) exchange<4>(rows);
    if constexpr (count > 8) exchange<8>(rows);
  }

private:
  template <int... lane>
  CK_INLINE Lanes repeated(Lanes first, Order<int, lane...>) {
    return __builtin_shufflevector(first, first, (lane * 0)...);
  }
  template <int distance>
  CK_INLINE void exchange(Lanes (&rows)[count]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) {
      if (i & distance) continue;
      const Lanes a = rows[i], b = rows[i + distance];
      rows[i] = lower<distance>(a, b, __make_integer_seq<Order, int, count>());
      rows[i + distance] = upper<distance>(a, b, __make_integer_seq<Order, int, count>());
    }
  }
  template <int distance, int... lane>
  CK_INLINE Lanes lower(Lanes a, Lanes b, Order<int, lane...>) {
    return __builtin_shufflevector(a, b, (lane & distance ? count + lane - distance : lane)...);
  }
  template <int distance, int... lane>
  CK_INLINE Lanes upper(Lanes a, Lanes b, Order<int, lane...>) {
    return __builtin_shufflevector(a, b, (lane & distance ? count + lane : lane + distance)...);
  }
};

}  // namespace
