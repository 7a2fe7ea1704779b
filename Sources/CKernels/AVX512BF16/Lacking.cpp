// The convolutions in bfloat16 on platforms that no kernel is written for: each ends the process. The lowering asks
// ck_has_bfloat16() and never calls them there.
#include "../Processor.hpp"

#if !defined(__x86_64__)
#define CK_LACKS(result, kernel, ...) \
  result kernel(__VA_ARGS__) { ck::trapForLack(#kernel); }

CK_LACKS(void, ck_small_weight_gradient, ck_convolution, const void *, const void *, float *, void *)
CK_LACKS(void, ck_pack_weights, ck_convolution, bool, const float *, int, void *)
CK_LACKS(void, ck_small_convolution, ck_convolution, bool, const void *, const void *, void *)
CK_LACKS(int64_t, ck_winograd_bytes, ck_convolution, int)
CK_LACKS(void, ck_pack_winograd, ck_convolution, bool, const float *, void *)
CK_LACKS(void, ck_winograd, ck_convolution, bool, const void *, const void *, void *, void *)
CK_LACKS(
  void, ck_winograd_channels_last, ck_convolution, const void *, const void *, ck_epilogue, void *, void *)
CK_LACKS(int64_t, ck_winograd_gradient_bytes, ck_convolution, int)
CK_LACKS(void, ck_winograd_gradient, ck_convolution, const void *, const void *, float *, void *)
CK_LACKS(int64_t, ck_pointwise_gradient_bytes, ck_convolution, int)
CK_LACKS(void, ck_pointwise_gradient, ck_convolution, const void *, const void *, float *, void *)
CK_LACKS(int64_t, ck_few_channels_filter_bytes, ck_convolution)
CK_LACKS(int64_t, ck_few_channels_bytes, ck_convolution, int)
CK_LACKS(void, ck_pack_few_channels, ck_convolution, const float *, void *)
CK_LACKS(
  void, ck_few_channels, ck_convolution, const void *, const void *, bool, ck_epilogue, void *, void *)
CK_LACKS(int64_t, ck_few_channels_gradient_bytes, ck_convolution, int)
CK_LACKS(void, ck_few_channels_gradient, ck_convolution, const void *, const void *, float *, void *)
#endif
