// Operations on the rows of float32 matrices: the public functions. The loops are in RowTasks.hpp.
#include "Tasks.hpp"

using namespace ck;

static void forEachRow(Task task, Rows arguments) {
  runOnTeam(task, arguments, arguments.rows * arguments.columns);
}

void ck_add_bias(int64_t rows, int64_t columns, const float *x, const float *bias, float *y) {
  forEachRow(tasks().addBias, {rows, columns, x, bias, y, 0});
}

void ck_sum_rows(int64_t rows, int64_t columns, const float *x, float *y) {
  forEachRow(tasks().sumRows, {rows, columns, x, nullptr, y, 0});
}

void ck_sum_columns(int64_t rows, int64_t columns, const float *x, float *y) {
  forEachRow(tasks().sumColumns, {rows, columns, x, nullptr, y, 0});
}

void ck_repeat_columns(int64_t rows, int64_t columns, const float *x, float *y) {
  for (int64_t row = 0; row < rows; row++)
    for (int64_t c = 0; c < columns; c++) y[row * columns + c] = x[row];
}

void ck_repeat_rows(int64_t rows, int64_t columns, const float *x, float *y) {
  for (int64_t row = 0; row < rows; row++)
    memcpy(y + row * columns, x, sizeof(float) * (size_t)columns);
}

void ck_zero_diagonal(int64_t rows, const float *x, float *y) {
  if (y != x) memcpy(y, x, sizeof(float) * (size_t)(rows * rows));
  for (int64_t row = 0; row < rows; row++) y[row * rows + row] = 0;
}

void ck_log_sum_exp(
  int64_t rows, int64_t columns, bool excluding_diagonal, const float *x, float *y) {
  LogSumExp arguments{rows, columns, excluding_diagonal, nullptr, x, nullptr, y};
  runOnTeam(tasks().logSumExp, arguments, rows * columns);
}

void ck_log_sum_exp_gradient(
  int64_t rows, int64_t columns, bool excluding_diagonal, const float *dy, const float *x,
  const float *y, float *dx) {
  LogSumExp arguments{rows, columns, excluding_diagonal, dy, x, y, dx};
  runOnTeam(tasks().logSumExpGradient, arguments, rows * columns);
}

void ck_l2_normalize(int64_t rows, int64_t columns, float epsilon, const float *x, float *y) {
  forEachRow(tasks().l2Normalize, {rows, columns, x, nullptr, y, epsilon});
}

void ck_l2_normalize_gradient(
  int64_t rows, int64_t columns, float epsilon, const float *dy, const float *x, float *dx) {
  forEachRow(tasks().l2NormalizeGradient, {rows, columns, dy, x, dx, epsilon});
}
