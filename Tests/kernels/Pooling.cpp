// Max and average pooling, forward and backward. Operands are few small multiples of a quarter, so that windows have equal
// elements, of which the first one counts, and that sums are exact in both types.
#include <math.h>

#include "Check.hpp"
#include "Layouts.hpp"

namespace check {

namespace {

struct Example {
  int64_t images, height, width, size, stride, padding;

  ck_pooling geometry() const {
    const auto out = [&](int64_t length) { return (length + 2 * padding - size) / stride + 1; };
    return {images, height, width, out(height), out(width), size, stride, padding};
  }
};

// The stem's 3×3 windows with stride 2 on maps of even size have loops of their own, up to 256 windows in a row.
const Example examples[] = {
  {3, 8, 6, 3, 2, 1}, {2, 7, 9, 3, 2, 1},  {2, 6, 6, 2, 2, 0},   {1, 1, 1, 3, 2, 1}, {2, 5, 5, 3, 1, 1},
  {1, 2, 2, 3, 2, 1}, {2, 11, 8, 5, 3, 2}, {1, 2, 512, 3, 2, 1}, {1, 2, 516, 3, 2, 1},
};

struct Channels {
  int64_t count;
  bool blocked;
};
const Channels channels[] = {{16, false}, {35, false}, {5, false}, {16, true}, {48, true}};

void setQuarters(Array &array) {
  for (int64_t i = 0; i < array.count(); i++) array.set(i, roundf(random() * 6) / 4);
}

/// y, and the gradient that goes to the first greatest element of each window.
struct MaxPool {
  Twin y, dx;

  MaxPool(const ck_pooling &p, const ck_layout &in, const ck_layout &out, const Array &x, const Array &dy)
    : y((size_t)count(out)), dx((size_t)count(in)) {
    for (int64_t n = 0; n < p.images; n++)
      for (int64_t row = 0; row < p.out_height; row++)
        for (int64_t column = 0; column < p.out_width; column++)
          for (int64_t c = 0; c < in.channels; c++) {
            const int64_t to = at(out, (n * p.out_height + row) * p.out_width + column, c);
            int64_t greatest = -1;
            for (int64_t r = row * p.stride - p.padding; r < row * p.stride - p.padding + p.size; r++)
              for (int64_t q = column * p.stride - p.padding; q < column * p.stride - p.padding + p.size; q++) {
                if (r < 0 || r >= p.height || q < 0 || q >= p.width) continue;
                const int64_t from = at(in, (n * p.height + r) * p.width + q, c);
                if (greatest < 0 || x[from] > x[greatest]) greatest = from;
              }
            y[(size_t)to] = x[greatest];
            dx[(size_t)greatest] += dy[to];
          }
  }
};

void compareMax(Report &report, const Example &example, const Channels &c, ck_type type) {
  const ck_pooling p = example.geometry();
  const Feature before{p.images, p.height * p.width, c.count, c.blocked};
  const Feature after{p.images, p.out_height * p.out_width, c.count, c.blocked};
  const ck_layout in = before.layout(type), out = after.layout(type);
  Array x(count(in), type), dy(count(out), type);
  setQuarters(x);
  setQuarters(dy);
  const MaxPool expected(p, in, out, x, dy);
  withTeams([&](int threads) {
    const std::string window = text(
      ", %lld×%lld, size %lld, stride %lld", (long long)p.height, (long long)p.width, (long long)p.size,
      (long long)p.stride);
    const std::string what = describe(in, threads) + window;
    Array y(count(out), type), dx(count(in), type);
    ck_max_pool(in, p, x.data(), y.data());
    report.compare("ck_max_pool", what, y, expected.y, exactly);
    ck_max_pool_gradient(in, p, dy.data(), x.data(), dx.data());
    report.compare("ck_max_pool_gradient", what, dx, expected.dx, exactly);
  });
}

void compareAverage(Report &report, const Feature &feature, ck_type type) {
  const ck_layout l = feature.layout(type);
  const Array x = Array::random(count(l), type), dy = Array::random(feature.images * l.channels);
  Twin y((size_t)dy.count()), dx((size_t)count(l));
  for (int64_t row = 0; row < l.rows; row++)
    for (int64_t c = 0; c < l.channels; c++) {
      const int64_t mean = row / l.pixels * l.channels + c;
      y[(size_t)mean] += x[at(l, row, c)] / (double)l.pixels;
      dx[(size_t)at(l, row, c)] = dy[mean] / (double)l.pixels;
    }
  withTeams([&](int threads) {
    Array found(dy.count()), gradient(count(l), type);
    ck_average_pool(l, x.data(), found.floats());
    report.compare("ck_average_pool", describe(l, threads), found, y, tolerance);
    ck_average_pool_gradient(l, dy.floats(), gradient.data());
    report.compare("ck_average_pool_gradient", describe(l, threads), gradient, dx, toleranceFor(type));
  });
}

}  // namespace

void comparePooling(Report &report) {
  const Feature averaged[] = {
    {3, 5, 7, false}, {4, 49, 24, false}, {2, 1, 16, false}, {3, 9, 16, true}, {9, 49, 48, true}};
  for (ck_type type : {ck_float32, ck_bfloat16}) {
    for (const Example &example : examples)
      for (const Channels &c : channels) compareMax(report, example, c, type);
    for (const Feature &feature : averaged) compareAverage(report, feature, type);
  }
}

}  // namespace check
