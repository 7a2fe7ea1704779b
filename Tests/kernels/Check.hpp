// What the comparisons of kernels with their naive twins share: operands, results that notice what is written beside
// them, the measure of errors, and the report.
#pragma once
#include <stdint.h>

#include <map>
#include <string>
#include <vector>

#include "CKernels.h"

namespace check {

/// Elements in either type at a multiple of 64 bytes, full of NaN until they are set. Before and after them lies memory that
/// is full of NaN too: a kernel that reads there spoils its result, and one that writes there is noticed.
class Array {
public:
  explicit Array(int64_t count, ck_type type = ck_float32);
  /// From random numbers in −1 … 1, rounded to the type.
  static Array random(int64_t count, ck_type type = ck_float32);

  int64_t count() const { return elements; }
  ck_type type() const { return elementType; }
  float operator[](int64_t i) const;
  void set(int64_t i, double value);
  void *data() { return bytes() + guard; }
  float *floats() { return (float *)data(); }
  const void *data() const { return bytes() + guard; }
  const float *floats() const { return (const float *)data(); }
  /// Whether nothing was written before or after the elements.
  bool isIntact() const;
  /// Writes one byte after them.
  void spoil() { bytes()[guard + byteCount()] = 0; }

private:
  static constexpr int64_t guard = 256;
  int64_t elements;
  ck_type elementType;
  std::vector<uint8_t> memory;

  int64_t byteCount() const { return elements * (elementType == ck_float32 ? 4 : 2); }
  int64_t shift() const { return (64 - (int64_t)((uintptr_t)memory.data() % 64)) % 64; }
  uint8_t *bytes() { return memory.data() + shift(); }
  const uint8_t *bytes() const { return memory.data() + shift(); }
  Array(const Array &) = delete;

public:
  Array(Array &&) = default;
  /// The same elements in memory of its own, for a kernel that works in place.
  Array copy() const;
};

/// A random number in −1 … 1, the same in every run.
float random();
/// A number rounded to a type: to nearest, ties to even.
float rounded(double value, ck_type type);
/// A result as its twin computes it.
typedef std::vector<double> Twin;

/// The squared error over the square of the result: that of the Swift tests, with their tolerances.
const double tolerance = 1e-10, convolutionTolerance = 1e-11;
/// For results that are rounded to bfloat16 from sums that differ in their last digits: a tenth of what the Swift tests allow.
const double bfloat16Tolerance = 1e-5;
/// For results that are the same number by definition.
const double exactly = 0;

inline double toleranceFor(ck_type type) { return type == ck_float32 ? tolerance : bfloat16Tolerance; }
inline const char *name(ck_type type) { return type == ck_float32 ? "float32" : "bfloat16"; }

class Report {
public:
  /// With `isSelfTest` one element of each result is changed before it is compared, and every comparison has to fail.
  explicit Report(bool isSelfTest) : isSelfTest(isSelfTest) {}

  const bool isSelfTest;

  /// Compares a kernel's result with its twin's. `what` tells shape, layout, type and threads.
  void compare(
    const char *kernel, const std::string &what, const Array &found, const Twin &expected, double allowed);
  /// Looks whether a kernel wrote beside its workspace.
  void expectIntact(const char *subject, const std::string &what, Array &workspace);
  /// Notes whether something else holds that was to hold.
  void expect(const char *subject, const std::string &what, bool holds);
  /// Prints a line for each kernel and the verdict. Returns the exit status: 0 if all held, 1 if some did not; in a self-test
  /// 1 if none held, as it must be, and 2 if one did.
  int finish() const;

private:
  struct Line {
    double worst = -1, least = -1, allowed = 0;
    int count = 0, failures = 0;
    std::string where;
  };
  std::vector<std::string> order;
  std::map<std::string, Line> lines;

  void add(const char *subject, const std::string &what, double error, double allowed);
};

/// Calls `body` for teams of one, two and three threads.
template <class Body>
void withTeams(Body body) {
  for (int threads = 1; threads <= 3; threads++) {
    ck_set_threads(threads);
    body(threads);
  }
}

/// A text from parts as of printf.
std::string text(const char *format, ...) __attribute__((format(printf, 1, 2)));

void compareConvolutions(Report &);
void compareBFloat16Convolutions(Report &);
void compareNormalization(Report &);
void comparePooling(Report &);
void compareElementwise(Report &);
void compareRows(Report &);
void compareUpdates(Report &);
void compareSearches(Report &);
/// Asks the processor's family, and calls what this processor lacks, each in a process of its own. On arm64 it has to be one
/// with bfloat16 or one without.
void compareProcessor(Report &, bool withBFloat16);

}  // namespace check
