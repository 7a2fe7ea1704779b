// Operations on the rows of float32 matrices.
#include <math.h>

#include "Check.hpp"

namespace check {

namespace {

struct Matrix {
  int64_t rows, columns;
  size_t at(int64_t row, int64_t column) const { return (size_t)(row * columns + column); }
  size_t count() const { return (size_t)(rows * columns); }
};

const Matrix matrices[] = {{1, 1}, {3, 5}, {7, 16}, {5, 33}, {33, 5}, {17, 17}, {130, 257}};

template <class Body>
void forEachElement(const Matrix &m, Body body) {
  for (int64_t row = 0; row < m.rows; row++)
    for (int64_t column = 0; column < m.columns; column++) body(row, column);
}

std::string describe(const Matrix &m, int threads) {
  return text("%lld × %lld, %d threads", (long long)m.rows, (long long)m.columns, threads);
}

void compareSums(Report &report, const Matrix &m) {
  const Array x = Array::random((int64_t)m.count()), bias = Array::random(m.columns), column = Array::random(m.rows);
  Twin biased(m.count()), rows((size_t)m.columns), columns((size_t)m.rows), repeatedColumns(biased), repeatedRows(biased);
  forEachElement(m, [&](int64_t r, int64_t c) {
    const float value = x[(int64_t)m.at(r, c)];
    biased[m.at(r, c)] = value + bias[c];
    rows[(size_t)c] += value;
    columns[(size_t)r] += value;
    repeatedColumns[m.at(r, c)] = column[r];
    repeatedRows[m.at(r, c)] = bias[c];
  });
  withTeams([&](int threads) {
    const std::string what = describe(m, threads);
    Array y((int64_t)m.count()), ofRows(m.columns), ofColumns(m.rows), ofColumn((int64_t)m.count()), ofRow((int64_t)m.count());
    ck_add_bias(m.rows, m.columns, x.floats(), bias.floats(), y.floats());
    report.compare("ck_add_bias", what, y, biased, exactly);
    ck_sum_rows(m.rows, m.columns, x.floats(), ofRows.floats());
    report.compare("ck_sum_rows", what, ofRows, rows, tolerance);
    ck_sum_columns(m.rows, m.columns, x.floats(), ofColumns.floats());
    report.compare("ck_sum_columns", what, ofColumns, columns, tolerance);
    ck_repeat_columns(m.rows, m.columns, column.floats(), ofColumn.floats());
    report.compare("ck_repeat_columns", what, ofColumn, repeatedColumns, exactly);
    ck_repeat_rows(m.rows, m.columns, bias.floats(), ofRow.floats());
    report.compare("ck_repeat_rows", what, ofRow, repeatedRows, exactly);
  });
}

void compareZeroDiagonal(Report &report, int64_t side) {
  const Matrix m{side, side};
  Array x = Array::random(side * side);
  Array y(side * side);
  Twin expected(m.count());
  forEachElement(m, [&](int64_t r, int64_t c) { expected[m.at(r, c)] = r == c ? 0 : x[(int64_t)m.at(r, c)]; });
  ck_zero_diagonal(side, x.floats(), y.floats());
  report.compare("ck_zero_diagonal", describe(m, 1), y, expected, exactly);
  ck_zero_diagonal(side, x.floats(), x.floats());
  report.compare("ck_zero_diagonal", describe(m, 1) + ", in place", x, expected, exactly);
}

void compareLogSumExp(Report &report, const Matrix &m, bool excludingDiagonal) {
  Array x = Array::random((int64_t)m.count());
  // Exponentials of these overflow float32 unless the greatest is taken out.
  for (int64_t i = 0; i < x.count(); i++) x.set(i, x[i] * 20 + 100);
  const Array dy = Array::random(m.rows);
  Twin expected, gradient(m.count());
  Array given(m.rows);
  for (int64_t r = 0; r < m.rows; r++) {
    double total = 0;
    const auto isIn = [&](int64_t c) { return !excludingDiagonal || c != r; };
    for (int64_t c = 0; c < m.columns; c++) total += isIn(c) ? exp((double)x[(int64_t)m.at(r, c)]) : 0;
    expected.push_back(log(total));
    given.set(r, expected.back());
    for (int64_t c = 0; c < m.columns; c++)
      gradient[m.at(r, c)] = isIn(c) ? dy[r] * exp((double)x[(int64_t)m.at(r, c)] - given[r]) : 0;
  }
  withTeams([&](int threads) {
    const std::string what = describe(m, threads) + (excludingDiagonal ? ", without the diagonal" : "");
    Array y(m.rows);
    ck_log_sum_exp(m.rows, m.columns, excludingDiagonal, x.floats(), y.floats());
    report.compare("ck_log_sum_exp", what, y, expected, tolerance);
    Array inPlace = x.copy();
    ck_log_sum_exp_gradient(
      m.rows, m.columns, excludingDiagonal, dy.floats(), inPlace.floats(), given.floats(), inPlace.floats());
    report.compare("ck_log_sum_exp_gradient", what, inPlace, gradient, tolerance);
  });
}

void compareL2(Report &report, const Matrix &m) {
  const float epsilon = 1e-3f;
  Array x = Array::random((int64_t)m.count());
  const Array dy = Array::random((int64_t)m.count());
  // In the last row epsilon takes the norm's place.
  for (int64_t c = 0; c < m.columns && m.rows > 1; c++) x.set((int64_t)m.at(m.rows - 1, c), 0);
  Twin y(m.count()), dx(m.count());
  for (int64_t r = 0; r < m.rows; r++) {
    double square = 0, product = 0;
    for (int64_t c = 0; c < m.columns; c++) {
      const double value = x[(int64_t)m.at(r, c)];
      square += value * value;
      product += value * dy[(int64_t)m.at(r, c)];
    }
    const bool isConstant = sqrt(square) <= epsilon;
    const double norm = isConstant ? epsilon : sqrt(square), along = isConstant ? 0 : product / square;
    for (int64_t c = 0; c < m.columns; c++) {
      y[m.at(r, c)] = x[(int64_t)m.at(r, c)] / norm;
      dx[m.at(r, c)] = (dy[(int64_t)m.at(r, c)] - x[(int64_t)m.at(r, c)] * along) / norm;
    }
  }
  withTeams([&](int threads) {
    Array found((int64_t)m.count()), gradient((int64_t)m.count());
    ck_l2_normalize(m.rows, m.columns, epsilon, x.floats(), found.floats());
    report.compare("ck_l2_normalize", describe(m, threads), found, y, tolerance);
    ck_l2_normalize_gradient(m.rows, m.columns, epsilon, dy.floats(), x.floats(), gradient.floats());
    // The gradient of a row of one number is 0, and what is left of it are digits of the quotient.
    if (m.columns > 1) report.compare("ck_l2_normalize_gradient", describe(m, threads), gradient, dx, tolerance);
  });
}

}  // namespace

void compareRows(Report &report) {
  for (const Matrix &m : matrices) {
    compareSums(report, m);
    compareLogSumExp(report, m, false);
    if (m.columns > 1) compareLogSumExp(report, m, true);
    compareL2(report, m);
  }
  for (int64_t side : {1, 5, 33}) compareZeroDiagonal(report, side);
}

}  // namespace check
