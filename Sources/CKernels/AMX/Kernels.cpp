// The convolutions by the matrix unit: the public functions, each of which calls a kernel or ends the process.
#include "Kernels.hpp"

namespace {

/// The kernels. Where the processor has none, the process ends with a message: the lowering asks ck_has_amx() first.
const ck::AMXKernels &kernels(const char *kernel) {
  if (!ck_has_amx()) ck::trapForLack(kernel, "AMX");
#if defined(__x86_64__)
  return ck::amxKernels;
#else
  ck::trapForLack(kernel, "AMX");
#endif
}

}  // namespace

int64_t ck_amx_weights_bytes(ck_convolution c) {
  const auto padded = [](int64_t channels) { return (channels + 31) / 32 * 32; };
  const int64_t forward = padded(c.in_channels) * c.out_channels, backward = padded(c.out_channels) * c.in_channels;
  return 2 * c.size * c.size * (forward > backward ? forward : backward);
}

int64_t ck_amx_bytes(ck_convolution convolution, int threads) { return kernels(__func__).bytes(convolution, threads); }

void ck_pack_amx(ck_convolution convolution, bool is_gradient, const float *w, void *packed) {
  kernels(__func__).pack(convolution, is_gradient, w, packed);
}

void ck_amx_convolution(
  ck_convolution convolution, bool is_gradient, const void *source, const void *packed, void *result,
  void *workspace) {
  kernels(__func__).convolution(convolution, is_gradient, source, packed, result, workspace);
}

int64_t ck_amx_weight_gradient_bytes(ck_convolution convolution, int threads) {
  return kernels(__func__).weightGradientBytes(convolution, threads);
}

void ck_amx_weight_gradient(ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace) {
  kernels(__func__).weightGradient(convolution, x, dy, dw, workspace);
}
