// Search in codes of eight bits: the public functions, the codes of vectors and of queries.
#include "../Processor.hpp"

#include <math.h>

#include "Codes.hpp"

using namespace ck;

namespace {

const SearchTasks &tasks() {
#if defined(__x86_64__)
  const ck_processor family = ck_processor_family();
  if (family >= ck_avx512 && __builtin_cpu_supports("avx512vnni")) return searchForVNNI;
  if (family >= ck_avx2) return searchForAVX2;
#endif
  return searchPortable;
}

/// The codes of a vector with integers in −limit…limit, and the norm of what they leave out, never too small.
template <class Write>
void encode(const float *x, int64_t dimension, int limit, float *scale, float *error, Write write) {
  float greatest = 0;
  for (int64_t i = 0; i < dimension; i++) greatest = fmaxf(greatest, fabsf(x[i]));
  const float s = greatest / (float)limit;
  const float inverse = s > 0 ? 1 / s : 0;
  double left = 0;
  for (int64_t i = 0; i < dimension; i++) {
    float code = rintf(x[i] * inverse);
    code = fminf(fmaxf(code, (float)-limit), (float)limit);
    write(i, (int)code);
    const double rest = (double)x[i] - (double)s * code;
    left += rest * rest;
  }
  *scale = s;
  *error = (float)(sqrt(left) * (1 + 1e-6));
}

}  // namespace

int64_t ck_code_bytes(int64_t rows, int64_t dimension) {
  return (rows + rowsPerBlock - 1) / rowsPerBlock * rowsPerBlock * ((dimension + 3) / 4 * 4);
}

void ck_encode_rows(
  const float *vectors, int64_t rows, int64_t dimension, uint8_t *codes, float *scales, float *errors) {
  const int64_t groups = (dimension + 3) / 4;
  for (int64_t row = 0; row < (rows + rowsPerBlock - 1) / rowsPerBlock * rowsPerBlock; row++) {
    uint8_t *block = codes + row / rowsPerBlock * groups * 64 + row % rowsPerBlock * 4;
    // What no component fills counts as 0.
    for (int64_t i = 0; i < groups * 4; i++) block[i / 4 * 64 + i % 4] = 128;
    if (row < rows)
      encode(vectors + row * dimension, dimension, 127, &scales[row], &errors[row], [=](int64_t i, int code) {
        block[i / 4 * 64 + i % 4] = (uint8_t)(code + 128);
      });
  }
}

void ck_encode_query(const float *query, int64_t dimension, int8_t *codes, ck_query *encoded) {
  const int64_t padded = (dimension + 3) / 4 * 4;
  for (int64_t i = dimension; i < padded; i++) codes[i] = 0;
  encode(query, dimension, tasks().limit, &encoded->scale, &encoded->error, [=](int64_t i, int code) {
    codes[i] = (int8_t)code;
  });
  double square = 0;
  int32_t sum = 0;
  for (int64_t i = 0; i < dimension; i++) {
    square += (double)query[i] * query[i];
    sum += codes[i];
  }
  encoded->norm = (float)(sqrt(square) * (1 + 1e-6));
  encoded->sum = sum;
}

void ck_scan_codes(
  const uint8_t *codes, int64_t blocks, int64_t dimension, const int8_t *queries, int64_t count,
  int32_t *products) {
  tasks().scan({codes, queries, (dimension + 3) / 4, blocks, count, products});
}

void ck_naive_scan_codes(
  const uint8_t *codes, int64_t blocks, int64_t dimension, const int8_t *queries, int64_t count,
  int32_t *products) {
  searchPortable.scan({codes, queries, (dimension + 3) / 4, blocks, count, products});
}

int64_t ck_find_above(
  const int32_t *products, int64_t rows, const float *scales, const float *errors, ck_query query,
  float threshold, int32_t *found) {
  // q·x = t·s·(b·c) + e·(s·c) + q·r with the codes b and c and their rests e and r. The last two are at most
  // |e|·(|x| + |r|) + |q|·|r|, with |x| ≤ 1; the factor is for the rounding of this computation itself.
  const float perError = (query.error + query.norm) * 1.00001f;
  const float slack = query.error * 1.00001f + 1e-6f;
  int64_t count = 0;
  for (int64_t row = 0; row < rows; row++) {
    const float about = query.scale * scales[row] * (float)(products[row] - 128 * query.sum);
    const float most = about + (slack + perError * errors[row]);
    // Without a branch: most rows fail, and which do not cannot be foreseen.
    found[count] = (int32_t)row;
    count += most >= threshold;
  }
  return count;
}
