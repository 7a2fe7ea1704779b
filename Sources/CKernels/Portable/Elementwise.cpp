// Elementwise operations: the public functions. The loops are in ElementwiseTasks.hpp.
#include "Tasks.hpp"

using namespace ck;

void ck_elementwise(
  ck_elementwise_kind kind, ck_type type, int64_t count, const void *a, const void *b, void *y) {
  Elementwise arguments{count, a, b, y};
  runOnTeam(tasks().of(type).elementwise[kind], arguments, count);
}

static void affine(ck_type type, Affine arguments) {
  runOnTeam(tasks().of(type).affine, arguments, arguments.count);
}

void ck_scale(ck_type type, int64_t count, const void *x, float factor, void *y) {
  affine(type, {count, x, nullptr, y, factor, 0, 0});
}

void ck_fill(ck_type type, int64_t count, float value, void *y) {
  affine(type, {count, nullptr, nullptr, y, 0, 0, value});
}

void ck_interpolate(int64_t count, const float *a, const float *b, float tau, float *y) {
  affine(ck_float32, {count, a, b, y, tau, 1 - tau, 0});
}

void ck_running_average(
  int64_t count, const float *a, const float *b, float rate, float correction, float *y) {
  affine(ck_float32, {count, a, b, y, 1 - rate, rate * correction, 0});
}

void ck_add_scalar(ck_type type, int64_t count, const void *x, float term, void *y) {
  AddScalar arguments{count, x, y, term};
  runOnTeam(tasks().of(type).addScalar, arguments, count);
}

float ck_mean(int64_t count, ck_type type, const void *x) {
  double total = 0;
  for (int64_t i = 0; i < count; i++)
    total += type == ck_float32 ? ((const float *)x)[i] : widened(((const bfloat16 *)x)[i]);
  return (float)(total / (double)count);
}
