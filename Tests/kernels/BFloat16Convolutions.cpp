// The convolutions in bfloat16, at shapes that the chooser would not give them: maps of one pixel, odd sizes, tiles that are
// not whole, fewer pictures than a tile has rows.
#include <stdio.h>

#include "Check.hpp"
#include "Layouts.hpp"

namespace check {

namespace {

struct Example {
  int64_t images, in, out, height, width, size, stride, padding;

  ck_convolution geometry() const {
    const auto length = [&](int64_t side) { return (side + 2 * padding - size) / stride + 1; };
    return {images, in, out, height, width, length(height), length(width), size, stride, padding};
  }
  std::string text(const char *result, const char *layout, int threads) const {
    return check::text(
      "%s, %s, %d threads, %lld of %lld×%lld, %lld to %lld channels, size %lld, stride %lld", result, layout, threads,
      (long long)images, (long long)height, (long long)width, (long long)in, (long long)out, (long long)size,
      (long long)stride);
  }
};

const Example ofSmallMaps[] = {
  {1, 16, 16, 1, 1, 1, 1, 0}, {3, 16, 48, 2, 2, 3, 1, 1}, {9, 48, 16, 4, 3, 3, 2, 1}, {17, 64, 80, 5, 4, 3, 1, 1},
  {8, 32, 32, 7, 7, 7, 2, 3}, {5, 112, 64, 6, 6, 1, 2, 0}, {2, 80, 48, 3, 3, 5, 1, 2},
};
// The last three are cut into several chunks, with maps whose pixels divide into pairs and with others.
const Example ofSize1[] = {
  {1, 16, 16, 1, 1, 1, 1, 0},   {3, 16, 48, 4, 4, 1, 1, 0},   {5, 48, 16, 5, 7, 1, 1, 0},  {7, 64, 128, 8, 8, 1, 2, 0},
  {2, 128, 64, 9, 9, 1, 2, 0},  {3, 80, 256, 10, 6, 1, 1, 0}, {4, 32, 32, 28, 28, 1, 1, 0}, {9, 32, 48, 15, 9, 1, 1, 0},
};
const Example ofWinograd[] = {
  {1, 32, 32, 1, 1, 3, 1, 1}, {3, 32, 64, 3, 5, 3, 1, 1}, {5, 64, 32, 8, 8, 3, 1, 1}, {1, 96, 128, 7, 9, 3, 1, 1},
  {3, 32, 64, 8, 8, 3, 2, 1}, {2, 64, 32, 7, 9, 3, 2, 1}, {9, 32, 32, 12, 11, 3, 2, 1}, {9, 32, 32, 12, 11, 3, 1, 1},
};
// Bands of rows, more pictures than a group has, and channels that are no whole tiles.
const Example ofAMX[] = {
  {1, 16, 16, 1, 1, 1, 1, 0},   {3, 16, 48, 2, 2, 3, 1, 1},   {33, 48, 16, 4, 3, 3, 2, 1}, {17, 64, 80, 5, 4, 3, 1, 1},
  {8, 32, 32, 7, 7, 7, 2, 3},   {40, 112, 64, 6, 6, 1, 2, 0}, {2, 80, 48, 3, 3, 5, 1, 2},  {5, 160, 32, 40, 41, 3, 1, 1},
  {3, 96, 48, 56, 30, 3, 2, 1}, {70, 32, 32, 9, 5, 3, 1, 1},  {2, 256, 64, 50, 50, 1, 1, 0},
};
const Example ofFewChannels[] = {
  {1, 1, 32, 7, 7, 7, 1, 3},   {3, 3, 64, 16, 16, 7, 2, 3}, {2, 3, 32, 15, 29, 7, 2, 3}, {2, 4, 96, 16, 16, 5, 1, 2},
  {3, 15, 32, 9, 12, 5, 2, 2}, {2, 2, 32, 11, 5, 3, 1, 1},  {2, 3, 32, 20, 20, 6, 2, 2},
};

/// Winograd's kernels round sums of inputs and of weights to bfloat16 before they multiply. That of the Swift tests.
const double filteredTolerance = 1e-4;

/// Random numbers that bfloat16 has, as float32.
Array exact(int64_t count) {
  Array array(count);
  for (int64_t i = 0; i < count; i++) array.set(i, rounded(random(), ck_bfloat16));
  return array;
}

/// The operands of one example. Maps are in NHWC.
struct Operands {
  ck_convolution c;
  Array x, dy, w, bias;

  explicit Operands(const Example &e)
    : c(e.geometry()), x(exact(e.images * e.height * e.width * e.in)),
      dy(exact(e.images * c.out_height * c.out_width * e.out)), w(exact(e.size * e.size * e.in * e.out)),
      bias(Array::random(e.out)) {}

  Feature mapsOfX(bool blocked) const { return {c.images, c.height * c.width, c.in_channels, blocked}; }
  Feature mapsOfY(bool blocked) const { return {c.images, c.out_height * c.out_width, c.out_channels, blocked}; }
};

/// Calls `body(i, j)` with an element's place in NHWC and in a layout.
template <class Body>
void forEachPlace(const Feature &feature, Body body) {
  const ck_layout to = feature.layout(ck_bfloat16);
  ck_layout from = to;
  from.blocked = false;
  for (int64_t row = 0; row < to.rows; row++)
    for (int64_t channel = 0; channel < to.channels; channel++) body(at(from, row, channel), at(to, row, channel));
}

Array stored(const Array &maps, const Feature &feature) {
  Array array(maps.count(), ck_bfloat16);
  forEachPlace(feature, [&](int64_t i, int64_t j) { array.set(j, maps[i]); });
  return array;
}

Twin inLayout(const Array &maps, const Feature &feature) {
  Twin twin((size_t)maps.count());
  forEachPlace(feature, [&](int64_t i, int64_t j) { twin[(size_t)j] = maps[i]; });
  return twin;
}

Twin values(const Array &array) {
  Twin twin;
  for (int64_t i = 0; i < array.count(); i++) twin.push_back(array[i]);
  return twin;
}

/// y, or dx if `isGradient`, by the loop that defines it. `feature` is its layout.
Twin naive(const Operands &o, bool isGradient, const ck_epilogue &epilogue, const Feature &feature) {
  Array result(isGradient ? o.x.count() : o.dy.count());
  ck_naive_convolution(
    o.c, isGradient, false, isGradient ? o.dy.floats() : o.x.floats(), o.w.floats(), epilogue, result.floats());
  return inLayout(result, feature);
}

/// dw by the loop that defines it.
Twin naiveWeights(const Operands &o) {
  Array dw(o.w.count());
  ck_naive_weight_gradient(o.c, false, o.x.floats(), o.dy.floats(), dw.floats());
  return values(dw);
}

const ck_epilogue nothing{nullptr, nullptr, false};

/// The functions of a kernel for y and dx whose weights are packed beforehand, with the names that are reported.
struct DataKernel {
  const char *name;
  decltype(&ck_winograd) convolve;
  decltype(&ck_pack_winograd) pack;
  const char *packedBytesName;
  decltype(&ck_winograd_filter_bytes) packedBytes;
  const char *workspaceBytesName;
  decltype(&ck_winograd_bytes) workspaceBytes;
};

/// Compares y and dx in the blocked layout.
void compareData(
  Report &report, const Example &e, const Operands &o, const Array &x, const Array &dy, const DataKernel &kernel,
  double allowed) {
  for (bool isGradient : {false, true}) {
    const Twin twin = naive(o, isGradient, nothing, isGradient ? o.mapsOfX(true) : o.mapsOfY(true));
    withTeams([&](int threads) {
      const std::string what = e.text(isGradient ? "dx" : "y", "blocked", threads);
      Array packed(kernel.packedBytes(o.c) / 2, ck_bfloat16), found((int64_t)twin.size(), ck_bfloat16);
      Array workspace(kernel.workspaceBytes(o.c, threads) / 2, ck_bfloat16);
      kernel.pack(o.c, isGradient, o.w.floats(), packed.data());
      kernel.convolve(
        o.c, isGradient, isGradient ? dy.data() : x.data(), packed.data(), found.data(), workspace.data());
      report.compare(kernel.name, what, found, twin, allowed);
      report.expectIntact(kernel.packedBytesName, what, packed);
      report.expectIntact(kernel.workspaceBytesName, what, workspace);
    });
  }
}

/// Compares dw of a kernel whose workspace depends on the threads.
void compareWeights(
  Report &report, const Example &e, const Operands &o, const Array &x, const Array &dy, const char *name,
  decltype(&ck_winograd_gradient) gradient, const char *bytesName, decltype(&ck_winograd_gradient_bytes) bytes,
  double allowed) {
  const Twin dw = naiveWeights(o);
  withTeams([&](int threads) {
    const std::string what = e.text("dw", "blocked", threads);
    Array workspace(bytes(o.c, threads) / 2, ck_bfloat16), found(o.w.count());
    gradient(o.c, x.data(), dy.data(), found.floats(), workspace.data());
    report.compare(name, what, found, dw, allowed);
    report.expectIntact(bytesName, what, workspace);
  });
}

// MARK: Small maps

/// Weights in oneDNN's order: [block of result channels][block of source channels][tap][pair][result channel][2].
Twin blocks(const Operands &o, bool isGradient) {
  const int64_t taps = o.c.size * o.c.size, in = o.c.in_channels;
  const int64_t source = isGradient ? o.c.out_channels : in, result = isGradient ? in : o.c.out_channels;
  Twin packed((size_t)o.w.count());
  for (int64_t r = 0; r < result; r++)
    for (int64_t s = 0; s < source; s++)
      for (int64_t tap = 0; tap < taps; tap++) {
        const int64_t block = (r / 16 * (source / 16) + s / 16) * taps + tap;
        const int64_t place = block * 256 + s % 16 / 2 * 32 + r % 16 * 2 + s % 2;
        packed[(size_t)place] = o.w[((isGradient ? s : r) * taps + tap) * in + (isGradient ? r : s)];
      }
  return packed;
}

void compareSmallMaps(Report &report, const Example &e) {
  const Operands o(e);
  const Array x = stored(o.x, o.mapsOfX(true)), dy = stored(o.dy, o.mapsOfY(true));
  const Twin dw = naiveWeights(o);
  for (bool isGradient : {false, true}) {
    const char *kind = isGradient ? "dx" : "y";
    const Twin twin = naive(o, isGradient, nothing, isGradient ? o.mapsOfX(true) : o.mapsOfY(true));
    const Twin packedTwin = blocks(o, isGradient);
    withTeams([&](int threads) {
      const std::string what = e.text(kind, "blocked", threads);
      Array packed(ck_packed_weights_bytes(o.c) / 2, ck_bfloat16), found((int64_t)twin.size(), ck_bfloat16);
      ck_pack_weights(o.c, isGradient, o.w.floats(), ck_order_of_onednn, packed.data());
      report.compare("ck_pack_weights", what, packed, packedTwin, exactly);
      ck_pack_weights(o.c, isGradient, o.w.floats(), ck_order_of_small_convolution, packed.data());
      ck_small_convolution(o.c, isGradient, isGradient ? dy.data() : x.data(), packed.data(), found.data());
      report.compare("ck_small_convolution", what, found, twin, bfloat16Tolerance);
      report.expectIntact("ck_packed_weights_bytes", what, packed);
    });
  }
  withTeams([&](int threads) {
    const std::string what = e.text("dw", "blocked", threads);
    Array workspace(ck_small_weight_gradient_bytes(o.c) / 2, ck_bfloat16), found(o.w.count());
    ck_small_weight_gradient(o.c, x.data(), dy.data(), found.floats(), workspace.data());
    report.compare("ck_small_weight_gradient", what, found, dw, tolerance);
    report.expectIntact("ck_small_weight_gradient_bytes", what, workspace);
  });
}

void compareSize1(Report &report, const Example &e) {
  const Operands o(e);
  const Array x = stored(o.x, o.mapsOfX(true)), dy = stored(o.dy, o.mapsOfY(true));
  compareWeights(
    report, e, o, x, dy, "ck_pointwise_gradient", ck_pointwise_gradient, "ck_pointwise_gradient_bytes", ck_pointwise_gradient_bytes,
    tolerance);
}

// MARK: The matrix unit

void compareAMX(Report &report, const Example &e) {
  const Operands o(e);
  const Array x = stored(o.x, o.mapsOfX(true)), dy = stored(o.dy, o.mapsOfY(true));
  compareData(
    report, e, o, x, dy, {"ck_amx_convolution", ck_amx_convolution, ck_pack_amx, "ck_amx_weights_bytes", ck_amx_weights_bytes, "ck_amx_bytes", ck_amx_bytes},
    bfloat16Tolerance);
  compareWeights(
    report, e, o, x, dy, "ck_amx_weight_gradient", ck_amx_weight_gradient, "ck_amx_weight_gradient_bytes", ck_amx_weight_gradient_bytes,
    tolerance);
}

// MARK: Winograd's filtering

void compareWinograd(Report &report, const Example &e) {
  const Operands o(e);
  const Array x = stored(o.x, o.mapsOfX(true)), dy = stored(o.dy, o.mapsOfY(true));
  compareData(
    report, e, o, x, dy, {"ck_winograd", ck_winograd, ck_pack_winograd, "ck_winograd_filter_bytes", ck_winograd_filter_bytes, "ck_winograd_bytes", ck_winograd_bytes},
    filteredTolerance);
  // In NHWC and with an epilogue, whose residual is dy.
  const Array pictures = stored(o.x, o.mapsOfX(false)), residual = stored(o.dy, o.mapsOfY(false));
  for (bool hasResidual : {false, true}) {
    const Twin twin = naive(
      o, false, {o.bias.floats(), hasResidual ? o.dy.data() : nullptr, hasResidual}, o.mapsOfY(false));
    const ck_epilogue epilogue{o.bias.floats(), hasResidual ? residual.data() : nullptr, hasResidual};
    withTeams([&](int threads) {
      const std::string what = e.text(hasResidual ? "y with epilogue" : "y with bias", "NHWC", threads);
      Array packed(ck_winograd_filter_bytes(o.c) / 2, ck_bfloat16), found((int64_t)twin.size(), ck_bfloat16);
      Array workspace(ck_winograd_bytes(o.c, threads) / 2, ck_bfloat16);
      ck_pack_winograd(o.c, false, o.w.floats(), packed.data());
      ck_winograd_channels_last(o.c, pictures.data(), packed.data(), epilogue, found.data(), workspace.data());
      report.compare("ck_winograd_channels_last", what, found, twin, filteredTolerance);
      report.expectIntact("ck_winograd_bytes", what, workspace);
    });
  }
  if (e.stride != 1) return;
  compareWeights(
    report, e, o, x, dy, "ck_winograd_gradient", ck_winograd_gradient, "ck_winograd_gradient_bytes", ck_winograd_gradient_bytes,
    filteredTolerance);
}

// MARK: Few channels

void compareFewChannels(Report &report, const Example &e) {
  const Operands o(e);
  const Array x = stored(o.x, o.mapsOfX(false));
  for (bool blocked : {true, false}) {
    const Feature maps = o.mapsOfY(blocked);
    const Array residual = stored(o.dy, maps);
    for (bool hasEpilogue : {false, true}) {
      const Twin twin = naive(
        o, false, hasEpilogue ? ck_epilogue{o.bias.floats(), o.dy.data(), true} : nothing, maps);
      const ck_epilogue epilogue = hasEpilogue ? ck_epilogue{o.bias.floats(), residual.data(), true} : nothing;
      withTeams([&](int threads) {
        const std::string what =
          e.text(hasEpilogue ? "y with epilogue" : "y", blocked ? "blocked" : "NHWC", threads);
        Array packed(ck_few_channels_filter_bytes(o.c) / 2, ck_bfloat16), found((int64_t)twin.size(), ck_bfloat16);
        Array workspace(ck_few_channels_bytes(o.c, threads) / 2, ck_bfloat16);
        ck_pack_few_channels(o.c, o.w.floats(), packed.data());
        ck_few_channels(o.c, x.data(), packed.data(), blocked, epilogue, found.data(), workspace.data());
        report.compare("ck_few_channels", what, found, twin, filteredTolerance);
        report.expectIntact("ck_few_channels_filter_bytes", what, packed);
        report.expectIntact("ck_few_channels_bytes", what, workspace);
      });
    }
  }
  const Array dy = stored(o.dy, o.mapsOfY(true));
  compareWeights(
    report, e, o, x, dy, "ck_few_channels_gradient", ck_few_channels_gradient, "ck_few_channels_gradient_bytes", ck_few_channels_gradient_bytes,
    filteredTolerance);
}

}  // namespace

void compareBFloat16Convolutions(Report &report) {
  if (!ck_has_bfloat16()) {
    printf("SKIPPED: this processor does not multiply bfloat16, so its convolutions are not compared.\n");
    return;
  }
  for (const Example &e : ofSmallMaps) compareSmallMaps(report, e);
  for (const Example &e : ofSize1) compareSize1(report, e);
  for (const Example &e : ofWinograd) compareWinograd(report, e);
  if (ck_has_amx()) {
    for (const Example &e : ofAMX) compareAMX(report, e);
  } else {
    printf("SKIPPED: this processor has no AMX, so its convolutions are not compared.\n");
  }
  for (const Example &e : ofFewChannels) compareFewChannels(report, e);
}

}  // namespace check
