// Which kernel of bfloat16 is expected to be faster than oneDNN's, from the geometry alone.
#include "Kernels.hpp"

namespace {

// Up to where a kernel is faster than oneDNN's, or than another one, as measured on two cores of a Zen 5.

/// Pixels of an output feature map for which products tap by tap pay: for y and dx, for dw, for dw with a stride.
const int64_t smallMapForData = 64, smallMapForWeights = 256, smallMapForStrided = 784;
/// Elements of the sums of outer products that each thread keeps, where products tap by tap are an alternative.
const int64_t outerSums = 1 << 20;
/// Kernel sizes and channels for which rows of windows are multiplied. A 3×3 kernel would gain a thousandth of an update and
/// lose exactness.
const int64_t leastSizeForFewChannels = 5, mostSizeForFewChannels = 7, mostFewChannels = 15;
/// The largest kernel that products tap by tap have room for.
const int64_t mostSizeForSmallMaps = 7;

int64_t outputPixels(const ck_convolution &c) { return c.out_height * c.out_width; }

bool hasFewChannels(const ck_convolution &c) {
  return c.size >= leastSizeForFewChannels && c.size <= mostSizeForFewChannels && c.in_channels <= mostFewChannels
    && c.out_channels % 32 == 0;
}

bool savesByWinograd(const ck_convolution &c) { return ck_winograd_tile(c, ck_bfloat16) > 0; }

bool isSmall(const ck_convolution &c, int64_t most) {
  return c.size <= mostSizeForSmallMaps && outputPixels(c) <= most;
}

ck_kernel forData(const ck_convolution &c) {
  if (savesByWinograd(c)) return ck_kernel_winograd;
  return isSmall(c, smallMapForData) ? ck_kernel_small_maps : ck_kernel_none;
}

ck_kernel forWeights(const ck_convolution &c) {
  if (hasFewChannels(c)) return ck_kernel_few_channels;
  const bool small = isSmall(c, c.stride == 1 ? smallMapForWeights : smallMapForStrided);
  const int64_t sums = 16 * c.in_channels * c.out_channels;
  if (c.stride == 1 && savesByWinograd(c) && (!small || sums <= outerSums)) return ck_kernel_winograd;
  if (c.size == 1 && c.padding == 0 && outputPixels(c) > smallMapForData) return ck_kernel_pointwise;
  return small ? ck_kernel_small_maps : ck_kernel_none;
}

/// Whether our kernels for the matrix unit are expected to be the fastest, as measured on two cores of an Emerald Rapids. It
/// multiplies so fast that Winograd's filtering saves nothing: its transforms alone take longer than the products without it.
/// A product of dw sums over 32 pictures, half of which would be zeros where there are only 16.
bool suitsAMX(const ck_convolution &c, ck_convolution_result result) {
  if (result == ck_result_dw && c.images <= 16) return false;
  return c.size <= mostSizeForSmallMaps && c.in_channels % 16 == 0 && c.out_channels % 16 == 0;
}

}  // namespace

ck_kernel ck_bfloat16_kernel(ck_convolution c, ck_convolution_result result, bool has_amx) {
  if (has_amx && result != ck_result_y_with_bias && suitsAMX(c, result)) return ck_kernel_amx;
  switch (result) {
  case ck_result_y: return hasFewChannels(c) ? ck_kernel_few_channels : forData(c);
  case ck_result_dx: return forData(c);
  case ck_result_y_with_bias:
    // The layout is NHWC then, for which oneDNN has kernels of its own for the matrix unit.
    if (has_amx) return ck_kernel_none;
    return hasFewChannels(c) ? ck_kernel_few_channels : savesByWinograd(c) ? ck_kernel_winograd : ck_kernel_none;
  case ck_result_dw: return forWeights(c);
  }
  return ck_kernel_none;
}
