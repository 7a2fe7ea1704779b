// The convolutions in bfloat16: the public functions, each of which calls this processor's kernel or ends the process.
#include "Kernels.hpp"

#include "../AMX/Kernels.hpp"

namespace {

/// The kernels of this processor. Where it has none, the process ends with a message: the lowering asks ck_has_bfloat16()
/// first.
const ck::BFloat16Kernels &kernels(const char *kernel) {
  if (!ck_has_bfloat16()) ck::trapForLack(kernel);
#if defined(__x86_64__)
  if (!ck_has_amx()) return ck::bfloat16ForAVX512;
  static const ck::BFloat16Kernels withMatrixUnit = ck::withMatrixUnit(ck::bfloat16ForAVX512);
  return withMatrixUnit;
#elif defined(__aarch64__)
  return ck::bfloat16ForNEON;
#else
  ck::trapForLack(kernel);
#endif
}

}  // namespace

// MARK: Small feature maps

int64_t ck_packed_weights_bytes(ck_convolution c) { return 2 * c.in_channels * c.out_channels * c.size * c.size; }

void ck_pack_weights(
  ck_convolution convolution, bool is_gradient, const float *w, ck_weight_order order, void *packed) {
  kernels(__func__).packWeights(convolution, is_gradient, w, order, packed);
}

void ck_small_convolution(
  ck_convolution convolution, bool is_gradient, const void *source, const void *packed, void *result) {
  kernels(__func__).smallConvolution(convolution, is_gradient, source, packed, result);
}

int64_t ck_small_weight_gradient_bytes(ck_convolution c) {
  const int64_t pictures = (c.images + 1) / 2 * 2;
  return 2 * pictures * (c.in_channels * c.height * c.width + c.out_channels * c.out_height * c.out_width);
}

void ck_small_weight_gradient(ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace) {
  kernels(__func__).smallWeightGradient(convolution, x, dy, dw, workspace);
}

// MARK: Kernel size 1

int64_t ck_pointwise_gradient_bytes(ck_convolution convolution, int threads) {
  return kernels(__func__).pointwiseGradientBytes(convolution, threads);
}

void ck_pointwise_gradient(ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace) {
  kernels(__func__).pointwiseGradient(convolution, x, dy, dw, workspace);
}

// MARK: Winograd's filtering

int64_t ck_winograd_filter_bytes(ck_convolution c) { return 2 * (c.stride == 1 ? 16 : 25) * c.in_channels * c.out_channels; }

int64_t ck_winograd_bytes(ck_convolution convolution, int threads) {
  return kernels(__func__).winogradBytes(convolution, threads);
}

void ck_pack_winograd(ck_convolution convolution, bool is_gradient, const float *w, void *packed) {
  kernels(__func__).packWinograd(convolution, is_gradient, w, packed);
}

void ck_winograd(
  ck_convolution convolution, bool is_gradient, const void *source, const void *packed, void *result,
  void *workspace) {
  kernels(__func__).winograd(convolution, is_gradient, source, packed, result, workspace);
}

void ck_winograd_channels_last(
  ck_convolution convolution, const void *source, const void *packed, ck_epilogue epilogue, void *result,
  void *workspace) {
  kernels(__func__).winogradChannelsLast(convolution, source, packed, epilogue, result, workspace);
}

int64_t ck_winograd_gradient_bytes(ck_convolution convolution, int threads) {
  return kernels(__func__).winogradGradientBytes(convolution, threads);
}

void ck_winograd_gradient(ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace) {
  kernels(__func__).winogradGradient(convolution, x, dy, dw, workspace);
}

// MARK: Few channels

int64_t ck_few_channels_filter_bytes(ck_convolution convolution) {
  return kernels(__func__).fewChannelsFilterBytes(convolution);
}

int64_t ck_few_channels_bytes(ck_convolution convolution, int threads) {
  return kernels(__func__).fewChannelsBytes(convolution, threads);
}

void ck_pack_few_channels(ck_convolution convolution, const float *w, void *packed) {
  kernels(__func__).packFewChannels(convolution, w, packed);
}

void ck_few_channels(
  ck_convolution convolution, const void *x, const void *packed, bool blocked, ck_epilogue epilogue, void *y,
  void *workspace) {
  kernels(__func__).fewChannels(convolution, x, packed, blocked, epilogue, y, workspace);
}

int64_t ck_few_channels_gradient_bytes(ck_convolution convolution, int threads) {
  return kernels(__func__).fewChannelsGradientBytes(convolution, threads);
}

void ck_few_channels_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace) {
  kernels(__func__).fewChannelsGradient(convolution, x, dy, dw, workspace);
}
