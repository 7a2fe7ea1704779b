// The scan in plain loops: the naive twin of the others, and what processors without kernels of their own run.
#include "Codes.hpp"

namespace {

void scan(const ck::Scan &s) {
  for (int64_t query = 0; query < s.count; query++) {
    const int8_t *q = s.queries + query * s.groups * 4;
    for (int64_t block = 0; block < s.blocks; block++) {
      const uint8_t *codes = s.codes + block * s.groups * 64;
      int32_t sums[ck::rowsPerBlock] = {};
      for (int64_t group = 0; group < s.groups; group++)
        for (int64_t row = 0; row < ck::rowsPerBlock; row++)
          for (int64_t i = 0; i < 4; i++)
            sums[row] += (int32_t)codes[(group * ck::rowsPerBlock + row) * 4 + i] * q[group * 4 + i];
      int32_t *products = s.products + (query * s.blocks + block) * ck::rowsPerBlock;
      for (int64_t row = 0; row < ck::rowsPerBlock; row++) products[row] = sums[row];
    }
  }
}

}  // namespace

constexpr ck::SearchTasks ck::searchPortable = {scan, 127};
