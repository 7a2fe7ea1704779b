// The 3×3 convolutions in float32 by Winograd's filtering, at the shapes of Tests/EngineTests/WinogradTests.swift. The chooser
// would give them few of these: feature maps of one pixel, one row, odd sizes, many channels on small maps.
#include "Check.hpp"

namespace check {

namespace {

struct Example {
  int64_t images, in, out, height, width;

  ck_convolution geometry() const { return {images, in, out, height, width, height, width, 3, 1, 1}; }
};

const Example examples[] = {
  {1, 16, 16, 1, 1},   {3, 16, 48, 1, 1},   {1, 16, 16, 2, 2},   {5, 32, 16, 3, 3},  {2, 48, 80, 7, 5},
  {1, 64, 64, 1, 9},   {3, 16, 32, 9, 1},   {2, 32, 32, 8, 8},   {1, 112, 16, 4, 6}, {7, 16, 16, 13, 11},
  {2, 256, 176, 4, 4}, {40, 16, 16, 5, 6},
};
/// Gradients of weights that are summed in several chunks of tiles: by the team together, and by each thread.
const Example inChunks[] = {{130, 16, 4096, 1, 1}, {200, 16, 32, 9, 9}};

/// The operands of one example.
struct Operands {
  Array x, dy, w, bias, residual;

  explicit Operands(const Example &e)
    : x(Array::random(e.images * e.height * e.width * e.in)), dy(Array::random(e.images * e.height * e.width * e.out)),
      w(Array::random(9 * e.in * e.out)), bias(Array::random(e.out)),
      residual(Array::random(e.images * e.height * e.width * e.out)) {}
};

Twin values(const Array &array) {
  Twin twin;
  for (int64_t i = 0; i < array.count(); i++) twin.push_back(array[i]);
  return twin;
}

/// y without and with an epilogue, or dx.
void compareConvolution(
  Report &report, const Example &e, const Operands &o, bool isGradient, bool blocked, const ck_epilogue &epilogue) {
  const ck_convolution c = e.geometry();
  const Array &source = isGradient ? o.dy : o.x;
  const int64_t count = isGradient ? o.x.count() : o.dy.count();
  Array naive(count);
  ck_naive_convolution(c, isGradient, blocked, source.floats(), o.w.floats(), epilogue, naive.floats());
  const Twin expected = values(naive);
  const char *kind = isGradient ? "dx" : epilogue.relu ? "y with epilogue" : "y";
  for (int tile = 2; tile <= 4; tile += 2)
    withTeams([&](int threads) {
      Array packed(ck_winograd_float32_filter_bytes(c, tile) / 4);
      Array workspace((ck_winograd_float32_bytes(c, tile, threads) + 3) / 4), found(count);
      ck_pack_winograd_float32(c, tile, isGradient, o.w.floats(), packed.floats());
      ck_winograd_float32(
        c, tile, isGradient, blocked, source.floats(), packed.floats(), epilogue, found.floats(), workspace.data());
      const std::string what = text(
        "%s, tile %d, %s, %d threads, %lld of %lld×%lld, %lld to %lld channels", kind, tile,
        blocked ? "blocked" : "NHWC", threads, (long long)e.images, (long long)e.height, (long long)e.width,
        (long long)e.in, (long long)e.out);
      report.compare("ck_winograd_float32", what, found, expected, convolutionTolerance);
      report.expectIntact("ck_winograd_float32_filter_bytes", what, packed);
      report.expectIntact("ck_winograd_float32_bytes", what, workspace);
    });
}

void compareWeightGradient(Report &report, const Example &e, const Operands &o, bool blocked) {
  const ck_convolution c = e.geometry();
  Array naive(o.w.count());
  ck_naive_weight_gradient(c, blocked, o.x.floats(), o.dy.floats(), naive.floats());
  const Twin expected = values(naive);
  for (int tile = 2; tile <= 4; tile += 2)
    withTeams([&](int threads) {
      Array workspace((ck_winograd_gradient_float32_bytes(c, tile, threads) + 3) / 4), found(o.w.count());
      ck_winograd_gradient_float32(
        c, tile, blocked, o.x.floats(), o.dy.floats(), found.floats(), workspace.data());
      const std::string what = text(
        "dw, tile %d, %s, %d threads, %lld of %lld×%lld, %lld to %lld channels", tile, blocked ? "blocked" : "NHWC",
        threads, (long long)e.images, (long long)e.height, (long long)e.width, (long long)e.in, (long long)e.out);
      report.compare("ck_winograd_gradient_float32", what, found, expected, convolutionTolerance);
      report.expectIntact("ck_winograd_gradient_float32_bytes", what, workspace);
    });
}

}  // namespace

void compareConvolutions(Report &report) {
  if (!ck_has_winograd(examples[0].geometry(), ck_float32)) {
    report.expect("ck_winograd_float32", "this processor has none", false);
    return;
  }
  for (const Example &e : examples) {
    const Operands o(e);
    for (bool blocked : {false, true}) {
      compareConvolution(report, e, o, false, blocked, {nullptr, nullptr, false});
      compareConvolution(report, e, o, false, blocked, {o.bias.floats(), o.residual.data(), true});
      compareConvolution(report, e, o, true, blocked, {nullptr, nullptr, false});
      compareWeightGradient(report, e, o, blocked);
    }
  }
  for (const Example &e : inChunks) {
    const Operands o(e);
    for (bool blocked : {false, true}) compareWeightGradient(report, e, o, blocked);
  }
}

}  // namespace check
