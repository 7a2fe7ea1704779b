// The scan for AVX-512 with VNNI, whose `vpdpbusd` multiplies four pairs of bytes and adds the products to 32 bits.
#include "Codes.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#define CK_VNNI __attribute__((target("arch=x86-64-v4,avx512vnni")))

namespace {

/// A lane is a row, so that nothing is added across lanes. `tile` blocks share each query's bytes, and `queries` queries
/// each block's: a load per product and not two.
template <int tile, int queries>
CK_VNNI void scanTile(
  const uint8_t *codes, const int8_t *q, int64_t groups, int32_t *products, int64_t queryStride) {
  __m512i sums[tile][queries];
  for (int t = 0; t < tile; t++)
    for (int query = 0; query < queries; query++) sums[t][query] = _mm512_setzero_si512();
  for (int64_t group = 0; group < groups; group++) {
    __m512i rows[tile];
    for (int t = 0; t < tile; t++) {
      const uint8_t *line = codes + (t * groups + group) * 64;
      rows[t] = _mm512_load_si512(line);
      // Alone, a core keeps too few cache lines on their way: the hardware prefetcher stops at the end of each page.
      if (queries == 1) _mm_prefetch((const char *)line + 4096, _MM_HINT_T0);
    }
    for (int query = 0; query < queries; query++) {
      const __m512i b = _mm512_set1_epi32(((const int32_t *)(q + query * groups * 4))[group]);
      for (int t = 0; t < tile; t++) sums[t][query] = _mm512_dpbusd_epi32(sums[t][query], rows[t], b);
    }
  }
  for (int t = 0; t < tile; t++)
    for (int query = 0; query < queries; query++)
      _mm512_storeu_si512(products + query * queryStride + t * ck::rowsPerBlock, sums[t][query]);
}

template <int tile>
CK_VNNI void scanBlocks(const ck::Scan &s, int64_t block) {
  const uint8_t *codes = s.codes + block * s.groups * 64;
  const int64_t stride = s.blocks * ck::rowsPerBlock;
  int64_t query = 0;
  const auto q = [&] { return s.queries + query * s.groups * 4; };
  const auto products = [&] { return s.products + query * stride + block * ck::rowsPerBlock; };
  for (; query + 6 <= s.count; query += 6)
    scanTile<tile, 6>(codes, q(), s.groups, products(), stride);
  for (; query + 2 <= s.count; query += 2)
    scanTile<tile, 2>(codes, q(), s.groups, products(), stride);
  for (; query < s.count; query++)
    scanTile<tile, 1>(codes, q(), s.groups, products(), stride);
}

CK_VNNI void scan(const ck::Scan &s) {
  int64_t block = 0;
  for (; block + 4 <= s.blocks; block += 4) scanBlocks<4>(s, block);
  for (; block < s.blocks; block++) scanBlocks<1>(s, block);
}

}  // namespace

constexpr ck::SearchTasks ck::searchForVNNI = {scan, 127};
#endif
