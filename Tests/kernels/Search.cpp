// The search in codes of eight bits.
#include <math.h>
#include <string.h>

#include "Check.hpp"

namespace check {

namespace {

/// Bytes at a multiple of 64, as codes have to begin.
struct Bytes {
  explicit Bytes(size_t count) : memory(count + 64) {}
  uint8_t *data() { return memory.data() + (64 - (uintptr_t)memory.data() % 64) % 64; }
  std::vector<uint8_t> memory;
};

Array asArray(const std::vector<int32_t> &values) {
  Array array((int64_t)values.size());
  for (size_t i = 0; i < values.size(); i++) array.set((int64_t)i, values[i]);
  return array;
}

void compareSearch(Report &report, int64_t rows, int64_t dimension, int64_t queries) {
  const std::string what =
    text("%lld × %lld, %lld queries", (long long)rows, (long long)dimension, (long long)queries);
  const Array vectors = Array::random(rows * dimension), asked = Array::random(queries * dimension);
  // Vectors of length 1, as the functions ask for.
  Array unit(rows * dimension);
  for (int64_t r = 0; r < rows; r++) {
    double square = 0;
    for (int64_t i = 0; i < dimension; i++) square += (double)vectors[r * dimension + i] * vectors[r * dimension + i];
    for (int64_t i = 0; i < dimension; i++) unit.set(r * dimension + i, vectors[r * dimension + i] / sqrt(square));
  }
  const int64_t blocks = (rows + 15) / 16, padded = (dimension + 3) / 4 * 4;
  report.compare(
    "ck_code_bytes", what, asArray({(int32_t)ck_code_bytes(rows, dimension)}), {(double)(blocks * 16 * padded)}, exactly);
  Bytes codes((size_t)ck_code_bytes(rows, dimension));
  Array scales(rows), errors(rows);
  ck_encode_rows(unit.floats(), rows, dimension, codes.data(), scales.floats(), errors.floats());
  // What the codes leave out, from the codes themselves.
  Twin left;
  for (int64_t r = 0; r < rows; r++) {
    double square = 0;
    for (int64_t i = 0; i < dimension; i++) {
      const uint8_t code = codes.data()[r / 16 * padded * 16 + i / 4 * 64 + r % 16 * 4 + i % 4];
      const double rest = unit[r * dimension + i] - (double)scales[r] * ((int)code - 128);
      square += rest * rest;
    }
    left.push_back(sqrt(square));
  }
  report.compare("ck_encode_rows", what, errors, left, tolerance);
  std::vector<int8_t> queryCodes((size_t)(queries * padded));
  std::vector<ck_query> encoded((size_t)queries);
  Array queryErrors(queries);
  Twin queryLeft;
  for (int64_t q = 0; q < queries; q++) {
    ck_encode_query(asked.floats() + q * dimension, dimension, queryCodes.data() + q * padded, &encoded[(size_t)q]);
    double square = 0;
    for (int64_t i = 0; i < dimension; i++) {
      const double rest = asked[q * dimension + i] - (double)encoded[(size_t)q].scale * queryCodes[(size_t)(q * padded + i)];
      square += rest * rest;
    }
    queryErrors.set(q, encoded[(size_t)q].error);
    queryLeft.push_back(sqrt(square));
  }
  report.compare("ck_encode_query", what, queryErrors, queryLeft, tolerance);
  std::vector<int32_t> found((size_t)(queries * blocks * 16)), naive(found.size());
  ck_scan_codes(codes.data(), blocks, dimension, queryCodes.data(), queries, found.data());
  ck_naive_scan_codes(codes.data(), blocks, dimension, queryCodes.data(), queries, naive.data());
  report.compare("ck_scan_codes", what, asArray(found), Twin(naive.begin(), naive.end()), exactly);
  // Products and rows that are left out wrongly, or kept although they are far from the threshold.
  int32_t products = 0, leftOut = 0, kept = 0;
  for (int64_t q = 0; q < queries; q++) {
    std::vector<int32_t> above((size_t)rows);
    const float threshold = 0.1f * encoded[(size_t)q].norm;
    const int64_t count = ck_find_above(
      found.data() + q * blocks * 16, rows, scales.floats(), errors.floats(), encoded[(size_t)q], threshold, above.data());
    for (int64_t r = 0, next = 0; r < rows; r++) {
      double product = 0;
      for (int64_t i = 0; i < dimension; i++) product += (double)unit[r * dimension + i] * asked[q * dimension + i];
      const bool isFound = next < count && above[(size_t)next] == r;
      next += isFound;
      products++;
      leftOut += product >= threshold && !isFound;
      kept += product < threshold - 0.2f * encoded[(size_t)q].norm && isFound;
    }
  }
  report.compare("ck_find_above", what, asArray({products, leftOut, kept}), {(double)(rows * queries), 0, 0}, exactly);
}

/// The halves of numbers' bits, which an array of float32 holds exactly.
Array halves(const std::vector<float> &values) {
  std::vector<int32_t> parts;
  for (const float value : values) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    parts.push_back((int32_t)(bits >> 16));
    parts.push_back((int32_t)(bits & 0xFFFF));
  }
  return asArray(parts);
}

Twin twin(const Array &values) {
  Twin result;
  for (int64_t i = 0; i < values.count(); i++) result.push_back(values[i]);
  return result;
}

/// Every float16 there is, and each float32 that is one, the middle between two, or next to either.
void compareFloat16(Report &report) {
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); i++) all[i] = (uint16_t)i;
  std::vector<float> wide(all.size()), naiveWide(all.size());
  ck_float32_from_float16(all.data(), (int64_t)all.size(), wide.data());
  ck_naive_float32_from_float16(all.data(), (int64_t)all.size(), naiveWide.data());
  report.compare("ck_float32_from_float16", "all", halves(wide), twin(halves(naiveWide)), exactly);
  std::vector<float> numbers;
  for (size_t i = 0; i + 1 < all.size(); i++) {
    const float one = naiveWide[i], next = naiveWide[i + 1];
    const float middle = (float)(((double)one + (double)next) / 2);
    for (const float value : {one, middle, nextafterf(middle, -1e30f), nextafterf(middle, 1e30f)})
      numbers.push_back(value);
  }
  for (const float value : {65519.0f, 65520.0f, -65520.0f, 1e30f, -1e-30f, (float)INFINITY, 0x1p-25f, 0x1.8p-25f})
    numbers.push_back(value);
  std::vector<uint16_t> narrow(numbers.size()), naiveNarrow(numbers.size());
  ck_float16_from_float32(numbers.data(), (int64_t)numbers.size(), narrow.data());
  ck_naive_float16_from_float32(numbers.data(), (int64_t)numbers.size(), naiveNarrow.data());
  Array products(5);
  Twin naiveProducts;
  int64_t place = 0;
  for (const int64_t count : {0, 1, 7, 512, 1030}) {
    const Array vector = Array::random(count), query = Array::random(count);
    std::vector<uint16_t> stored((size_t)count);
    ck_naive_float16_from_float32(vector.floats(), count, stored.data());
    products.set(place++, ck_product_float16(stored.data(), query.floats(), count));
    naiveProducts.push_back(ck_naive_product_float16(stored.data(), query.floats(), count));
  }
  report.compare("ck_product_float16", "0 to 1,030 components", products, naiveProducts, tolerance);
  const std::vector<int32_t> found(narrow.begin(), narrow.end());
  report.compare(
    "ck_float16_from_float32", "around all", asArray(found), Twin(naiveNarrow.begin(), naiveNarrow.end()), exactly);
}

}  // namespace

void compareSearches(Report &report) {
  compareFloat16(report);
  compareSearch(report, 1, 1, 1);
  compareSearch(report, 17, 3, 2);
  compareSearch(report, 200, 512, 7);
  compareSearch(report, 33, 1030, 13);
  compareSearch(report, 64, 64, 64);
}

}  // namespace check
