// Vectors in float16 (IEEE 754 binary16) and back. Every float16 is a float32: the way back is exact on every processor. The way
// there rounds to nearest, ties to even, as F16C, AVX-512 and NEON do.
#include "../Processor.hpp"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

float widened(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t exponent = half >> 10 & 31, fraction = half & 0x3FF;
  uint32_t bits;
  if (exponent == 31) {
    // A signalling NaN becomes a quiet one, as the instructions make it.
    bits = 0x7F800000 | fraction << 13 | (fraction ? 0x400000 : 0);
  } else if (exponent > 0) {
    bits = (exponent + 112) << 23 | fraction << 13;
  } else if (fraction > 0) {
    // Below the normal range of float16, and well inside that of float32.
    const int shift = __builtin_clz(fraction) - 21;
    bits = (uint32_t)(113 - shift) << 23 | (fraction << shift & 0x3FF) << 13;
  } else {
    bits = 0;
  }
  bits |= sign;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

uint16_t narrowed(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  const uint32_t size = bits & 0x7FFFFFFF;
  if (size > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (size >> 13 & 0x3FF));
  // 65,520 and more round to infinity.
  if (size >= 0x477FF000) return (uint16_t)(sign | 0x7C00);
  if (size < 0x38800000) {
    // Below 2⁻¹⁴ the unit is 2⁻²⁴. 2⁻²⁵ itself is a tie, and the even neighbour is 0.
    if (size <= 0x33000000) return sign;
    const int shift = 126 - (int)(size >> 23);
    const uint32_t fraction = (size & 0x7FFFFF) | 0x800000;
    const uint32_t kept = fraction >> shift, rest = fraction & ((1u << shift) - 1), half = 1u << (shift - 1);
    return (uint16_t)(sign | (kept + (rest > half || (rest == half && (kept & 1)))));
  }
  // A fraction that rounds up to the next power of two carries into the exponent, as it must.
  return (uint16_t)(sign | ((size - 0x38000000 + 0xFFF + (size >> 13 & 1)) >> 13));
}

#if defined(__x86_64__)
__attribute__((target("arch=x86-64-v4"))) int64_t widen512(const uint16_t *from, int64_t count, float *to) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    _mm512_storeu_ps(to + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(from + i))));
  return i;
}

__attribute__((target("arch=x86-64-v4"))) int64_t narrow512(const float *from, int64_t count, uint16_t *to) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    _mm256_storeu_si256(
      (__m256i *)(to + i), _mm512_cvtps_ph(_mm512_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
  return i;
}

__attribute__((target("arch=x86-64-v3"))) int64_t widen256(const uint16_t *from, int64_t count, float *to) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + i))));
  return i;
}

__attribute__((target("arch=x86-64-v3"))) int64_t narrow256(const float *from, int64_t count, uint16_t *to) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128((__m128i *)(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
  return i;
}
#endif

}  // namespace

void ck_naive_float32_from_float16(const uint16_t *from, int64_t count, float *to) {
  for (int64_t i = 0; i < count; i++) to[i] = widened(from[i]);
}

void ck_naive_float16_from_float32(const float *from, int64_t count, uint16_t *to) {
  for (int64_t i = 0; i < count; i++) to[i] = narrowed(from[i]);
}

void ck_float32_from_float16(const uint16_t *from, int64_t count, float *to) {
  int64_t done = 0;
#if defined(__x86_64__)
  const ck_processor family = ck_processor_family();
  if (family >= ck_avx512) {
    done = widen512(from, count, to);
  } else if (family >= ck_avx2) {
    done = widen256(from, count, to);
  }
#elif defined(__aarch64__)
  for (; done < count; done++) {
    __fp16 half;
    memcpy(&half, from + done, sizeof half);
    to[done] = half;
  }
#endif
  ck_naive_float32_from_float16(from + done, count - done, to + done);
}

void ck_float16_from_float32(const float *from, int64_t count, uint16_t *to) {
  int64_t done = 0;
#if defined(__x86_64__)
  const ck_processor family = ck_processor_family();
  if (family >= ck_avx512) {
    done = narrow512(from, count, to);
  } else if (family >= ck_avx2) {
    done = narrow256(from, count, to);
  }
#elif defined(__aarch64__)
  for (; done < count; done++) {
    const __fp16 half = (__fp16)from[done];
    memcpy(to + done, &half, sizeof half);
  }
#endif
  ck_naive_float16_from_float32(from + done, count - done, to + done);
}

double ck_naive_product_float16(const uint16_t *vector, const float *query, int64_t count) {
  double product = 0, square = 0;
  for (int64_t i = 0; i < count; i++) {
    const double x = widened(vector[i]);
    product += x * query[i];
    square += x * x;
  }
  return square > 0 ? product / sqrt(square) : 0;
}

double ck_product_float16(const uint16_t *vector, const float *query, int64_t count) {
  // Eight sums side by side, which any processor's registers can hold. A product of two float32 has 48 bits and is exact, so
  // that it makes no difference whether the compiler multiplies and adds in one instruction.
  const int lanes = 8, piece = 256;
  double products[lanes] = {}, squares[lanes] = {};
  float wide[piece];
  const auto add = [&](int lane, float value, float asked) {
    const double x = value;
    products[lane] += x * asked;
    squares[lane] += x * x;
  };
  for (int64_t first = 0; first < count; first += piece) {
    const int64_t length = count - first < piece ? count - first : piece;
    ck_float32_from_float16(vector + first, length, wide);
    int64_t i = 0;
    for (; i + lanes <= length; i += lanes)
      for (int lane = 0; lane < lanes; lane++) add(lane, wide[i + lane], query[first + i + lane]);
    for (int lane = 0; i < length; i++, lane++) add(lane, wide[i], query[first + i]);
  }
  double product = 0, square = 0;
  for (int lane = 0; lane < lanes; lane++) {
    product += products[lane];
    square += squares[lane];
  }
  return square > 0 ? product / sqrt(square) : 0;
}
