// Flat loops and averages: the public functions. The loops are in ElementwiseTasks.hpp.
#include "Tasks.hpp"

using namespace ck;

void ck_elementwise(
  ck_binary kind, ck_type type, int64_t count, const void *a, const void *b, void *y) {
  Flat f{count, a, b, nullptr, y, nullptr, 0, 0, 0, 0};
  // In the order of ck_binary.
  static const Task bodies[][2] = {
    {add32Task, add16Task},
    {subtract32Task, subtract16Task},
    {multiply32Task, multiply16Task},
    {divide32Task, divide16Task},
    {reluGradient32Task, reluGradient16Task},
    {relu32Task, relu16Task},
    {squareRoot32Task, squareRoot16Task},
    {exponential32Task, exponential16Task},
    {logarithm32Task, logarithm16Task}};
  parallel(count, bodies[kind][type], f);
}

void ck_scale(ck_type type, int64_t count, const void *x, float factor, void *y) {
  Flat f{count, x, nullptr, nullptr, y, nullptr, factor, 0, 0, 0};
  parallel(count, type == ck_float32 ? affine32Task : affine16Task, f);
}

void ck_add_scalar(ck_type type, int64_t count, const void *x, float term, void *y) {
  Flat f{count, x, nullptr, nullptr, y, nullptr, term, 0, 0, 0};
  parallel(count, type == ck_float32 ? addScalar32Task : addScalar16Task, f);
}

void ck_fill(ck_type type, int64_t count, float value, void *y) {
  Flat f{count, nullptr, nullptr, nullptr, y, nullptr, 0, 0, value, 0};
  parallel(count, type == ck_float32 ? affine32Task : affine16Task, f);
}

void ck_convert(int64_t count, ck_type from, const void *x, ck_type to, void *y) {
  Flat f{count, x, nullptr, nullptr, y, nullptr, 1, 0, 0, 0};
  const Task bodies[2][2] = {{affine32Task, narrowingTask}, {wideningTask, affine16Task}};
  parallel(count, bodies[from][to], f);
}

void ck_add_bias(
  int64_t rows, int64_t columns, ck_type type, const void *x, const float *bias, void *y) {
  Matrix m{rows, columns, x, bias, y, 0, nullptr};
  parallel(rows * columns, type == ck_float32 ? addBias32Task : addBias16Task, m);
}

void ck_sum_rows(
  int64_t rows, int64_t columns, ck_type type, const void *x, float *y, void *workspace) {
  Matrix m{rows, columns, x, nullptr, y, 0, (double *)workspace};
  parallel(rows * columns, type == ck_float32 ? sumRows32Task : sumRows16Task, m);
}

void ck_sum_columns(int64_t rows, int64_t columns, const float *x, float *y) {
  Matrix m{rows, columns, x, nullptr, y, 0, nullptr};
  parallel(rows * columns, sumColumnsTaskTask, m);
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
  int64_t rows, int64_t columns, int excluding_diagonal, const float *x, float *y) {
  LogSumExp l{rows, columns, excluding_diagonal, nullptr, x, nullptr, y};
  parallel(rows * columns, logSumExpTask, l);
}

void ck_log_sum_exp_gradient(
  int64_t rows, int64_t columns, int excluding_diagonal, const float *dy, const float *x,
  const float *y, float *dx) {
  LogSumExp l{rows, columns, excluding_diagonal, dy, x, y, dx};
  parallel(rows * columns, logSumExpGradientTask, l);
}

float ck_mean(int64_t count, ck_type type, const void *x) {
  double total = 0;
  for (int64_t i = 0; i < count; i++)
    total += type == ck_float32 ? ((const float *)x)[i] : widened(((const bfloat16 *)x)[i]);
  return (float)(total / (double)count);
}

void ck_l2_normalize(int64_t rows, int64_t columns, float epsilon, const float *x, float *y) {
  Matrix m{rows, columns, x, nullptr, y, epsilon, nullptr};
  parallel(rows * columns, l2NormalizeTaskTask, m);
}

void ck_l2_normalize_gradient(
  int64_t rows, int64_t columns, float epsilon, const float *dy, const float *x, float *dx) {
  Matrix m{rows, columns, dy, x, dx, epsilon, nullptr};
  parallel(rows * columns, l2NormalizeGradientTaskTask, m);
}

void ck_interpolate(int64_t count, const float *a, const float *b, float tau, float *y) {
  Flat f{count, a, b, nullptr, y, nullptr, tau, 1 - tau, 0, 0};
  parallel(count, affine32Task, f);
}

void ck_running_average(
  int64_t count, const float *a, const float *b, float rate, float correction, float *y) {
  Flat f{count, a, b, nullptr, y, nullptr, 1 - rate, rate * correction, 0, 0};
  parallel(count, affine32Task, f);
}
