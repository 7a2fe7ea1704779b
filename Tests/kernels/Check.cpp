#include "Check.hpp"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

namespace check {

// MARK: Numbers

float random() {
  static uint64_t state = 5;
  state = state * 6364136223846793005 + 1442695040888963407;
  return (float)((double)(state >> 40) / (1 << 23) - 1);
}

float rounded(double value, ck_type type) {
  const float single = (float)value;
  if (type == ck_float32 || !isfinite(single)) return single;
  uint32_t word;
  memcpy(&word, &single, 4);
  const uint32_t rest = word & 0xFFFF, half = 0x8000;
  word -= rest;
  if (rest > half || (rest == half && (word & 0x10000))) word += 0x10000;
  float result;
  memcpy(&result, &word, 4);
  return result;
}

// MARK: Array

Array::Array(int64_t count, ck_type type)
  : elements(count), elementType(type), memory((size_t)(byteCount() + 2 * guard + 64), 0xFF) {}

Array Array::random(int64_t count, ck_type type) {
  Array array(count, type);
  for (int64_t i = 0; i < count; i++) array.set(i, check::random());
  return array;
}

Array Array::copy() const {
  Array array(elements, elementType);
  memcpy(array.data(), data(), (size_t)byteCount());
  return array;
}

float Array::operator[](int64_t i) const {
  if (elementType == ck_float32) return floats()[i];
  const uint32_t word = (uint32_t)((const uint16_t *)data())[i] << 16;
  float value;
  memcpy(&value, &word, 4);
  return value;
}

void Array::set(int64_t i, double value) {
  const float single = rounded(value, elementType);
  uint32_t word;
  memcpy(&word, &single, 4);
  if (elementType == ck_float32) floats()[i] = single;
  else ((uint16_t *)data())[i] = (uint16_t)(word >> 16);
}

bool Array::isIntact() const {
  for (int64_t i = 0; i < guard; i++)
    if (bytes()[i] != 0xFF || bytes()[guard + byteCount() + i] != 0xFF) return false;
  return true;
}

// MARK: Report

namespace {

/// The squared error over the square of the result; infinity where one of both is not finite and the other is something else.
double normalizedError(const std::vector<float> &found, const std::vector<float> &expected) {
  double error = 0, square = 0;
  for (size_t i = 0; i < found.size(); i++) {
    const double value = found[i], want = expected[i];
    if (isfinite(value) && isfinite(want)) {
      error += (value - want) * (value - want);
      square += want * want;
    } else if (isnan(want) ? !isnan(value) : value != want) {
      return INFINITY;
    }
  }
  return error / fmax(square, 1e-30);
}

/// Changes the element in the middle by a hundredth of the greatest, or, as bfloat16 has few digits, by as much as it.
void perturb(std::vector<float> &values, ck_type type, double allowed) {
  float greatest = 1e-3f;
  for (float value : values)
    if (isfinite(value)) greatest = fmaxf(greatest, fabsf(value));
  float &middle = values[values.size() / 2];
  middle = isfinite(middle) ? middle + greatest * (type == ck_float32 && allowed <= tolerance ? 0.01f : 1) : 0;
}

}  // namespace

void Report::compare(
  const char *kernel, const std::string &what, const Array &found, const Twin &expected, double allowed) {
  std::vector<float> values, wanted;
  for (int64_t i = 0; i < found.count(); i++) values.push_back(found[i]);
  for (double value : expected) wanted.push_back(rounded(value, found.type()));
  if (isSelfTest) perturb(values, found.type(), allowed);
  const bool isWhole = values.size() == wanted.size() && found.isIntact();
  add(kernel, what, isWhole ? normalizedError(values, wanted) : INFINITY, allowed);
}

void Report::expectIntact(const char *subject, const std::string &what, Array &workspace) {
  if (isSelfTest) workspace.spoil();
  expect(subject, what, workspace.isIntact());
}

void Report::expect(const char *subject, const std::string &what, bool holds) {
  add(subject, what, holds ? 0 : INFINITY, exactly);
}

void Report::add(const char *subject, const std::string &what, double error, double allowed) {
  if (!lines.count(subject)) order.push_back(subject);
  Line &line = lines[subject];
  const bool failed = !(error <= allowed);
  line.count++;
  line.failures += failed;
  if (failed && !isSelfTest && line.failures <= 5)
    printf("  FAILED %s: %s: error %.2g, allowed %.2g\n", subject, what.c_str(), error, allowed);
  if (!failed && isSelfTest) printf("  NOT NOTICED %s: %s: error %.2g, allowed %.2g\n", subject, what.c_str(), error, allowed);
  if (line.least < 0 || error < line.least) line.least = error;
  // The worst of a kernel whose types have tolerances of their own is the one nearest to its tolerance.
  const auto share = [](double e, double a) { return e == 0 ? 0 : a == 0 ? INFINITY : e / a; };
  if (line.worst >= 0 && share(error, allowed) <= share(line.worst, line.allowed)) return;
  line.worst = error;
  line.allowed = allowed;
  line.where = what;
}

int Report::finish() const {
  int count = 0, failures = 0;
  for (const std::string &subject : order) {
    const Line &line = lines.at(subject);
    count += line.count;
    failures += line.failures;
    if (isSelfTest) {
      printf("%-30s %5d of %5d wrong results noticed\n", subject.c_str(), line.failures, line.count);
      continue;
    }
    printf(
      "%-30s %5d compared, worst error %-8.2g allowed %-6.2g %s\n", subject.c_str(), line.count, line.worst,
      line.allowed, line.worst > 0 ? line.where.c_str() : "");
  }
  if (isSelfTest) {
    printf("self-test: %d of %d wrong results noticed.\n", failures, count);
    return failures == count ? 1 : 2;
  }
  printf("%s: %d comparisons, %d failed.\n", failures ? "FAILED" : "passed", count, failures);
  return failures ? 1 : 0;
}

std::string text(const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  return line;
}

}  // namespace check
