// The loops that define a convolution: what the fast kernels are compared with, and where a reader may begin.
#include "Winograd.hpp"

using namespace ck;

namespace {

/// The element of a feature map, blocked or in NHWC, at a pixel and a channel.
struct Map {
  int64_t height, width;
  MapStrides strides;

  Map(int64_t height, int64_t width, int64_t channels, bool blocked)
    : height(height), width(width), strides({height, width}, channels, blocked) {}

  bool contains(int64_t row, int64_t column) const {
    return row >= 0 && row < height && column >= 0 && column < width;
  }
  int64_t at(int64_t picture, int64_t row, int64_t column, int64_t channel) const {
    return strides.offset(picture, channel) + (row * width + column) * strides.pixel;
  }
};

struct Maps {
  Map x, y;

  Maps(const ck_convolution &c, bool blocked)
    : x(c.height, c.width, c.in_channels, blocked), y(c.out_height, c.out_width, c.out_channels, blocked) {}
};

/// Calls `body(x, y)` with the offsets of every pair of pixels that tap (r, s) joins, in the first of their channels.
template <class Body>
void forEachPair(const ck_convolution &c, const Maps &maps, int64_t r, int64_t s, Body body) {
  for (int64_t picture = 0; picture < c.images; picture++)
    for (int64_t row = 0; row < c.out_height; row++)
      for (int64_t column = 0; column < c.out_width; column++) {
        const int64_t above = row * c.stride - c.padding + r, left = column * c.stride - c.padding + s;
        if (maps.x.contains(above, left)) body(picture, above, left, row, column);
      }
}

}  // namespace

void ck_naive_convolution(
  ck_convolution c, bool is_gradient, bool blocked, const float *source, const float *w, ck_epilogue epilogue,
  float *result) {
  const Maps maps(c, blocked);
  const Map &to = is_gradient ? maps.x : maps.y;
  const int64_t channels = is_gradient ? c.in_channels : c.out_channels, taps = c.size * c.size;
  double *sums = new double[c.images * to.height * to.width * channels]();
  for (int64_t out = 0; out < c.out_channels; out++)
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t in = 0; in < c.in_channels; in++) {
        const double weight = w[(out * taps + tap) * c.in_channels + in];
        forEachPair(
          c, maps, tap / c.size, tap % c.size,
          [&](int64_t picture, int64_t above, int64_t left, int64_t row, int64_t column) {
            const int64_t x = maps.x.at(picture, above, left, in), y = maps.y.at(picture, row, column, out);
            if (is_gradient) sums[x] += weight * source[y];
            else sums[y] += weight * source[x];
          });
      }
  for (int64_t picture = 0; picture < c.images; picture++)
    for (int64_t row = 0; row < to.height; row++)
      for (int64_t column = 0; column < to.width; column++)
        for (int64_t channel = 0; channel < channels; channel++) {
          const int64_t at = to.at(picture, row, column, channel);
          double sum = sums[at];
          if (epilogue.bias) sum += epilogue.bias[channel];
          if (epilogue.residual) sum += ((const float *)epilogue.residual)[at];
          result[at] = epilogue.relu && sum < 0 ? 0 : (float)sum;
        }
  delete[] sums;
}

void ck_naive_weight_gradient(ck_convolution c, bool blocked, const float *x, const float *dy, float *dw) {
  const Maps maps(c, blocked);
  const int64_t taps = c.size * c.size;
  for (int64_t out = 0; out < c.out_channels; out++)
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t in = 0; in < c.in_channels; in++) {
        double sum = 0;
        forEachPair(
          c, maps, tap / c.size, tap % c.size,
          [&](int64_t picture, int64_t above, int64_t left, int64_t row, int64_t column) {
            sum += (double)x[maps.x.at(picture, above, left, in)] * dy[maps.y.at(picture, row, column, out)];
          });
        dw[(out * taps + tap) * c.in_channels + in] = (float)sum;
      }
}
