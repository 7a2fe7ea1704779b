// Batch normalisation, forward and backward, in both layouts and types.
#include <math.h>

#include "Check.hpp"
#include "Layouts.hpp"

namespace check {

namespace {

const float epsilon = 1e-5f;

// With one, two and three threads, 1, 3 and 5 blocks of 16 channels are shared out both as blocks and as rows.
const Feature features[] = {
  {3, 5, 7, false},    {2, 49, 24, false}, {1, 1, 16, false}, {16, 100, 33, false},
  {3, 9, 16, true},    {1, 1, 16, true},   {4, 49, 48, true}, {5, 70, 80, true},
};

struct Operands {
  ck_layout layout;
  Array x, residual, dy, other, y, scale, offset;

  explicit Operands(const ck_layout &l)
    : layout(l), x(Array::random(count(l), l.type)), residual(Array::random(count(l), l.type)),
      dy(Array::random(count(l), l.type)), other(Array::random(count(l), l.type)), y(Array::random(count(l), l.type)),
      scale(Array::random(l.channels)), offset(Array::random(l.channels)) {
    // A mean that is large beside the deviation: digits are lost where it is not subtracted first.
    for (int64_t i = 0; i < x.count(); i++) x.set(i, x[i] + 3);
  }
};

struct Statistics {
  Twin mean, variance;

  explicit Statistics(const Operands &o) {
    const ck_layout &l = o.layout;
    for (int64_t c = 0; c < l.channels; c++) {
      double sum = 0, squares = 0;
      for (int64_t row = 0; row < l.rows; row++) sum += o.x[at(l, row, c)];
      mean.push_back(sum / (double)l.rows);
      for (int64_t row = 0; row < l.rows; row++) squares += pow(o.x[at(l, row, c)] - mean[(size_t)c], 2);
      variance.push_back(squares / (double)l.rows);
    }
  }
  static Array array(const Twin &twin) {
    Array array((int64_t)twin.size());
    for (size_t i = 0; i < twin.size(); i++) array.set((int64_t)i, twin[i]);
    return array;
  }
};

void compareForward(Report &report, const Operands &o, const Statistics &s, bool hasResidual, bool relu) {
  const ck_layout &l = o.layout;
  Twin expected((size_t)count(l));
  forEachElement(l, [&](int64_t i, int64_t c) {
    const double factor = o.scale[c] / sqrt(s.variance[(size_t)c] + epsilon);
    double y = (o.x[i] - s.mean[(size_t)c]) * factor + o.offset[c];
    if (hasResidual) y += o.residual[i];
    expected[(size_t)i] = relu && y < 0 ? 0 : y;
  });
  const void *residual = hasResidual ? o.residual.data() : nullptr;
  withTeams([&](int threads) {
    const std::string what = describe(l, threads) + (hasResidual ? ", residual" : "") + (relu ? ", ReLU" : "");
    Array mean(l.channels), variance(l.channels), y(count(l), l.type);
    Array workspace((ck_workspace_bytes(l.channels, threads) + 3) / 4);
    ck_batch_normalize(
      l, o.x.data(), o.scale.floats(), o.offset.floats(), epsilon, residual, relu, mean.floats(), variance.floats(),
      y.data(), workspace.data());
    report.compare("ck_batch_normalize", what, y, expected, toleranceFor(l.type));
    report.compare("ck_batch_normalize", "mean, " + what, mean, s.mean, tolerance);
    report.compare("ck_batch_normalize", "variance, " + what, variance, s.variance, tolerance);
    report.expectIntact("ck_workspace_bytes", what, workspace);

    Array inPlace = o.x.copy();  // y may be x.
    const Array givenMean = Statistics::array(s.mean), givenVariance = Statistics::array(s.variance);
    ck_normalize(
      l, inPlace.data(), o.scale.floats(), o.offset.floats(), givenMean.floats(), givenVariance.floats(), epsilon,
      residual, relu, inPlace.data());
    report.compare("ck_normalize", what, inPlace, expected, toleranceFor(l.type));
  });
}

/// The gradient's twin: dz, its sums, and dx.
struct Gradient {
  Twin dz, dx, dscale, doffset;

  Gradient(const Operands &o, const Statistics &s, bool hasOther, bool hasResidual, bool relu)
    : dz((size_t)count(o.layout)), dx(dz), dscale((size_t)o.layout.channels), doffset(dscale) {
    const ck_layout &l = o.layout;
    const auto normalized = [&](int64_t i, int64_t c) {
      return (o.x[i] - s.mean[(size_t)c]) / sqrt(s.variance[(size_t)c] + epsilon);
    };
    forEachElement(l, [&](int64_t i, int64_t c) {
      const double z = o.dy[i] + (hasOther ? (double)o.other[i] : 0);
      dz[(size_t)i] = relu && !(o.y[i] > 0) ? 0 : z;
      doffset[(size_t)c] += dz[(size_t)i];
      dscale[(size_t)c] += dz[(size_t)i] * normalized(i, c);
    });
    forEachElement(l, [&](int64_t i, int64_t c) {
      const double sums = doffset[(size_t)c] + normalized(i, c) * dscale[(size_t)c];
      // Where dz is a result, dx is computed from it as it was written.
      const double z = hasResidual ? rounded(dz[(size_t)i], l.type) : dz[(size_t)i];
      dx[(size_t)i] = o.scale[c] / sqrt(s.variance[(size_t)c] + epsilon) * (z - sums / (double)l.rows);
    });
  }
};

void compareGradient(Report &report, const Operands &o, const Statistics &s, int variant) {
  const bool hasOther = variant & 1, hasResidual = variant & 2, relu = variant & 4;
  const ck_layout &l = o.layout;
  const Gradient expected(o, s, hasOther, hasResidual, relu);
  const Array mean = Statistics::array(s.mean), variance = Statistics::array(s.variance);
  withTeams([&](int threads) {
    const std::string what = describe(l, threads) + (hasOther ? ", two gradients" : "")
      + (hasResidual ? ", residual" : "") + (relu ? ", ReLU" : "");
    Array dx(count(l), l.type), dresidual(count(l), l.type), dscale(l.channels), doffset(l.channels);
    Array workspace((ck_workspace_bytes(l.channels, threads) + 3) / 4);
    ck_normalize_gradient(
      l, o.dy.data(), hasOther ? o.other.data() : nullptr, o.x.data(), o.y.data(), o.scale.floats(), mean.floats(),
      variance.floats(), epsilon, relu, dx.data(), dscale.floats(), doffset.floats(),
      hasResidual ? dresidual.data() : nullptr, workspace.data());
    const char *kernel = "ck_normalize_gradient";
    // The gradient of one row's normalised value is 0, and what is left of it are digits of the statistics.
    if (l.rows > 1) report.compare(kernel, "dx, " + what, dx, expected.dx, toleranceFor(l.type));
    if (l.rows > 1) report.compare(kernel, "dscale, " + what, dscale, expected.dscale, tolerance);
    report.compare(kernel, "doffset, " + what, doffset, expected.doffset, tolerance);
    if (hasResidual) report.compare(kernel, "dresidual, " + what, dresidual, expected.dz, toleranceFor(l.type));
    report.expectIntact("ck_workspace_bytes", what, workspace);
  });
}

}  // namespace

void compareNormalization(Report &report) {
  for (const Feature &feature : features)
    for (ck_type type : {ck_float32, ck_bfloat16}) {
      const Operands o(feature.layout(type));
      const Statistics s(o);
      for (int variant = 0; variant < 4; variant++) compareForward(report, o, s, variant & 1, variant & 2);
      for (int variant = 0; variant < 8; variant++) compareGradient(report, o, s, variant);
    }
}

}  // namespace check
