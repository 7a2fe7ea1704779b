// Elementwise operations in both types. The basic ones are rounded once, so that every bit is known.
#include <math.h>

#include "Check.hpp"

namespace check {

namespace {

const int64_t counts[] = {1, 15, 16, 17, 47, 1000, 20011};

struct Operation {
  ck_elementwise_kind kind;
  const char *name;
  bool isExact, isPositive;
  double (*twin)(float a, float b);
};

const Operation operations[ck_elementwise_count] = {
  {ck_add, "add", true, false, [](float a, float b) -> double { return a + b; }},
  {ck_subtract, "subtract", true, false, [](float a, float b) -> double { return a - b; }},
  {ck_multiply, "multiply", true, false, [](float a, float b) -> double { return a * b; }},
  {ck_divide, "divide", true, false, [](float a, float b) -> double { return a / b; }},
  {ck_relu_gradient, "ReLU's gradient", true, false, [](float a, float b) -> double { return b > 0 ? a : 0; }},
  {ck_relu, "ReLU", true, false, [](float a, float) -> double { return a > 0 ? a : 0; }},
  {ck_square_root, "square root", true, true, [](float a, float) -> double { return sqrtf(a); }},
  {ck_exponential, "exponential", false, false, [](float a, float) { return exp((double)a); }},
  {ck_logarithm, "logarithm", false, true, [](float a, float) { return log((double)a); }},
};

void compareOperation(Report &report, const Operation &operation, ck_type type, int64_t count) {
  Array a = Array::random(count, type);
  const Array b = Array::random(count, type);
  Twin expected;
  for (int64_t i = 0; i < count; i++) {
    a.set(i, operation.isPositive ? fabsf(a[i]) * 4 + 0.25f : a[i] * 8);
    expected.push_back(operation.twin(a[i], b[i]));
  }
  withTeams([&](int threads) {
    Array y(count, type);
    ck_elementwise(
      operation.kind, type, count, a.data(), operation.kind >= ck_relu ? nullptr : b.data(), y.data());
    report.compare(
      "ck_elementwise", text("%s, %s, %lld elements, %d threads", operation.name, name(type), (long long)count, threads), y,
      expected, operation.isExact ? exactly : toleranceFor(type));
  });
}

/// Where the exponential function overflows, is subnormal or is told no number.
void compareExtremes(Report &report) {
  const float extremes[] = {
    INFINITY, -INFINITY, NAN, 0, -0.0f, 1, 1e-30f, 88.72283f, 88.73f, 1e30f, -87.34f, -100, -103.9f, -104, -1e30f};
  for (float x : extremes) {
    Array a(1), y(1);
    a.set(0, x);
    ck_elementwise(ck_exponential, ck_float32, 1, a.data(), nullptr, y.data());
    // A subnormal result has few digits: two of the smallest steps between numbers are allowed for it.
    const double expected = exp((double)x);
    const bool isSubnormal = expected < 1.17e-38;
    const std::string what = text("exponential of %g", x);
    if (report.isSelfTest && isSubnormal) y.set(0, 1e-3);
    if (isSubnormal) report.expect("ck_elementwise", what, fabs(y[0] - expected) <= 2.9e-45);
    else report.compare("ck_elementwise", what, y, {expected}, tolerance);
  }
  // Rounding to bfloat16: ties to even, and a number that is none stays so. No subnormal number: the instruction of x86-64
  // takes it for 0, our loops do not.
  const float halves[] = {1.00390625f, 1.01171875f, 1.003907f, -1.00390625f, 3.4e38f, INFINITY, NAN};
  for (float x : halves) {
    Array y(16, ck_bfloat16);
    ck_fill(ck_bfloat16, 16, x, y.data());
    report.compare("ck_fill", text("%g in bfloat16", x), y, Twin(16, x), exactly);
  }
}

void compareAffine(Report &report, ck_type type, int64_t count) {
  const Array x = Array::random(count, type);
  const float factor = 0.7f, term = -0.3f;
  Twin scaled, shifted;
  for (int64_t i = 0; i < count; i++) {
    scaled.push_back(x[i] * factor);
    shifted.push_back(x[i] + term);
  }
  double total = 0;
  for (int64_t i = 0; i < count; i++) total += x[i];
  withTeams([&](int threads) {
    const std::string what = text("%s, %lld elements, %d threads", name(type), (long long)count, threads);
    Array y(count, type), z(count, type), constant(count, type), mean(1);
    ck_scale(type, count, x.data(), factor, y.data());
    report.compare("ck_scale", what, y, scaled, exactly);
    ck_add_scalar(type, count, x.data(), term, z.data());
    report.compare("ck_add_scalar", what, z, shifted, exactly);
    ck_fill(type, count, term, constant.data());
    report.compare("ck_fill", what, constant, Twin((size_t)count, term), exactly);
    mean.set(0, ck_mean(count, type, x.data()));
    report.compare("ck_mean", what, mean, {total / (double)count}, tolerance);
  });
}

}  // namespace

void compareElementwise(Report &report) {
  for (ck_type type : {ck_float32, ck_bfloat16})
    for (int64_t count : counts) {
      for (const Operation &operation : operations) compareOperation(report, operation, type, count);
      compareAffine(report, type, count);
    }
  compareExtremes(report);
}

}  // namespace check
