// Convolutions in bfloat16 by the matrix unit of x86-64 (AMX).
//
// Where ck_has_amx() is false, every function here that computes or packs, or tells bytes of workspace, ends the process with a
// message. Sums are float32. Weights are float32 in the order [out][row][column][in], and so are their gradients. Activations are
// blocked, with channels in multiples of 16; kernel sizes are 7 at most.
#pragma once
#include "CKernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The bytes of weights that ck_pack_amx packs.
int64_t ck_amx_weights_bytes(ck_convolution convolution);
/// The bytes of workspace that ck_amx_convolution needs with `threads` threads.
int64_t ck_amx_bytes(ck_convolution convolution, int threads);
/// Rounds weights to bfloat16 and packs them for ck_amx_convolution, for the convolution itself or for the gradient of its
/// input. `packed` begins at a multiple of 64 bytes.
void ck_pack_amx(ck_convolution convolution, bool is_gradient, const float *w, void *packed);
/// y from x, or dx from dy.
void ck_amx_convolution(
  ck_convolution convolution, bool is_gradient, const void *source, const void *packed, void *result,
  void *workspace);
/// The bytes of workspace that ck_amx_weight_gradient needs with `threads` threads.
int64_t ck_amx_weight_gradient_bytes(ck_convolution convolution, int threads);
/// dw from x and dy by the matrix unit. The bits do not depend on the number of threads.
void ck_amx_weight_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace);

#ifdef __cplusplus
}
#endif
