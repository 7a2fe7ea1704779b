// The scan for x86-64-v3: AVX2, which multiplies bytes in pairs.
#include "Codes.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

namespace {

/// One block's rows are in two registers of eight. `vpmaddubsw` adds two products to sixteen bits and saturates, which
/// codes of queries up to 63 cannot reach: 2 · 255 · 63 < 2¹⁵.
template <int queries>
__attribute__((target("arch=x86-64-v3"))) void scanTile(
  const uint8_t *codes, const int8_t *q, int64_t groups, int32_t *products, int64_t queryStride) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[queries][2];
  for (int query = 0; query < queries; query++)
    sums[query][0] = sums[query][1] = _mm256_setzero_si256();
  for (int64_t group = 0; group < groups; group++) {
    const __m256i low = _mm256_loadu_si256((const __m256i *)(codes + group * 64));
    const __m256i high = _mm256_loadu_si256((const __m256i *)(codes + group * 64 + 32));
    for (int query = 0; query < queries; query++) {
      const __m256i b = _mm256_set1_epi32(((const int32_t *)(q + query * groups * 4))[group]);
      sums[query][0] = _mm256_add_epi32(
        sums[query][0], _mm256_madd_epi16(_mm256_maddubs_epi16(low, b), ones));
      sums[query][1] = _mm256_add_epi32(
        sums[query][1], _mm256_madd_epi16(_mm256_maddubs_epi16(high, b), ones));
    }
  }
  for (int query = 0; query < queries; query++) {
    _mm256_storeu_si256((__m256i *)(products + query * queryStride), sums[query][0]);
    _mm256_storeu_si256((__m256i *)(products + query * queryStride + 8), sums[query][1]);
  }
}

void scan(const ck::Scan &s) {
  const int64_t stride = s.blocks * ck::rowsPerBlock;
  for (int64_t block = 0; block < s.blocks; block++) {
    const uint8_t *codes = s.codes + block * s.groups * 64;
    int64_t query = 0;
    const auto q = [&] { return s.queries + query * s.groups * 4; };
    const auto products = [&] { return s.products + query * stride + block * ck::rowsPerBlock; };
    for (; query + 4 <= s.count; query += 4) scanTile<4>(codes, q(), s.groups, products(), stride);
    for (; query < s.count; query++) scanTile<1>(codes, q(), s.groups, products(), stride);
  }
}

}  // namespace

constexpr ck::SearchTasks ck::searchForAVX2 = {scan, 63};
#endif
