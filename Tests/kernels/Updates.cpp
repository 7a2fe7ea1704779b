// Moving averages and the steps of optimizers.
#include <math.h>

#include "Check.hpp"

namespace check {

namespace {

const int64_t counts[] = {1, 15, 16, 17, 1000, 20011};

void compareAverages(Report &report, int64_t count) {
  const Array a = Array::random(count), b = Array::random(count);
  const float tau = 0.99f, rate = 0.1f, correction = 1.25f;
  Twin interpolated, running;
  for (int64_t i = 0; i < count; i++) {
    interpolated.push_back((double)tau * a[i] + (1 - (double)tau) * b[i]);
    running.push_back(a[i] + (double)rate * ((double)correction * b[i] - a[i]));
  }
  withTeams([&](int threads) {
    const std::string what = text("%lld elements, %d threads", (long long)count, threads);
    Array y = a.copy(), z(count);
    ck_interpolate(count, y.floats(), b.floats(), tau, y.floats());
    report.compare("ck_interpolate", what, y, interpolated, tolerance);
    ck_running_average(count, a.floats(), b.floats(), rate, correction, z.floats());
    report.compare("ck_running_average", what, z, running, tolerance);
  });
}

/// The operands of a step: a parameter, two slots, up to three gradients.
struct Operands {
  Array parameter, first, second, gradients[3];

  explicit Operands(int64_t count)
    : parameter(Array::random(count)), first(Array::random(count)), second(Array::random(count)),
      gradients{Array::random(count), Array::random(count), Array::random(count)} {
    for (int64_t i = 0; i < count; i++) second.set(i, fabsf(second[i]));
  }
  double gradient(int64_t i, int64_t gradientCount) const {
    double sum = 0;
    for (int64_t k = 0; k < gradientCount; k++) sum += gradients[k][i];
    return sum;
  }
};

/// SGD where `trust` is negative, else LARS.
void compareMomentum(Report &report, int64_t count, int64_t gradientCount, float trust) {
  const Operands o(count);
  const float *const gradients[] = {o.gradients[0].floats(), o.gradients[1].floats(), o.gradients[2].floats()};
  const float rate = 0.3f, decay = 0.02f, momentum = 0.9f;
  const auto decayed = [&](int64_t i) { return o.gradient(i, gradientCount) + (double)decay * o.parameter[i]; };
  double p = 0, g = 0;
  for (int64_t i = 0; i < count; i++) {
    p += pow(o.parameter[i], 2);
    g += pow(decayed(i), 2);
  }
  const double ratio = trust >= 0 ? trust * sqrt(p) / sqrt(g) : 1;
  Twin parameter, velocity;
  for (int64_t i = 0; i < count; i++) {
    velocity.push_back((double)momentum * o.first[i] + ratio * decayed(i));
    parameter.push_back(o.parameter[i] - (double)rate * velocity.back());
  }
  withTeams([&](int threads) {
    const std::string what = text(
      "%s, %lld elements, %lld gradients, %d threads", trust < 0 ? "SGD" : "LARS", (long long)count,
      (long long)gradientCount, threads);
    Array newParameter = o.parameter.copy(), newVelocity = o.first.copy();
    Array workspace((ck_workspace_bytes(1, threads) + 3) / 4);
    ck_optimizer_update(
      count, newParameter.floats(), newVelocity.floats(), gradients, gradientCount, rate, decay, momentum, trust,
      newParameter.floats(), newVelocity.floats(), workspace.data());
    report.compare("ck_optimizer_update", "parameter, " + what, newParameter, parameter, tolerance);
    report.compare("ck_optimizer_update", "velocity, " + what, newVelocity, velocity, tolerance);
    report.expectIntact("ck_workspace_bytes", what, workspace);
  });
}

void compareAdamW(Report &report, int64_t count, int64_t gradientCount) {
  const Operands o(count);
  const float *const gradients[] = {o.gradients[0].floats(), o.gradients[1].floats(), o.gradients[2].floats()};
  const ck_adamw rule{0.9f, 0.1f, 0.999f, 0.001f, 1e-8f, 0.05f};
  const float rate = 0.01f, firstCorrection = 3.69f, secondCorrection = 333.6f;
  const float *const scalars[] = {&rate, &firstCorrection, &secondCorrection};
  Twin parameter, first, second;
  for (int64_t i = 0; i < count; i++) {
    const double g = o.gradient(i, gradientCount);
    first.push_back((double)rule.first_decay * o.first[i] + rule.first_share * g);
    second.push_back((double)rule.second_decay * o.second[i] + rule.second_share * g * g);
    const double root = sqrt(second.back() * secondCorrection) + rule.epsilon;
    const double move = first.back() * firstCorrection / root + (double)rule.weight_decay * o.parameter[i];
    parameter.push_back(o.parameter[i] - rate * move);
  }
  withTeams([&](int threads) {
    const std::string what =
      text("%lld elements, %lld gradients, %d threads", (long long)count, (long long)gradientCount, threads);
    Array newParameter = o.parameter.copy(), newFirst = o.first.copy(), newSecond = o.second.copy();
    ck_adamw_update(
      count, newParameter.floats(), newFirst.floats(), newSecond.floats(), gradients, gradientCount, rule, scalars,
      newParameter.floats(), newFirst.floats(), newSecond.floats());
    report.compare("ck_adamw_update", "parameter, " + what, newParameter, parameter, tolerance);
    report.compare("ck_adamw_update", "first moment, " + what, newFirst, first, tolerance);
    report.compare("ck_adamw_update", "second moment, " + what, newSecond, second, tolerance);
  });
}

}  // namespace

void compareUpdates(Report &report) {
  for (int64_t count : counts) {
    compareAverages(report, count);
    for (int64_t gradientCount : {1, 3}) {
      compareMomentum(report, count, gradientCount, -1);
      compareMomentum(report, count, gradientCount, 0.001f);
      compareAdamW(report, count, gradientCount);
    }
  }
}

}  // namespace check
