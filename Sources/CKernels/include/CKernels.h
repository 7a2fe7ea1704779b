// Vectorised loops for what oneDNN has no primitive for. Every function runs on the calling thread and on
// the OpenMP team that oneDNN uses, is compiled for several processors and dispatched at load time, and
// gives the same bits for the same number of threads.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How the elements of an activation tensor are stored.
typedef enum { ck_float32 = 0, ck_bfloat16 = 1 } ck_type;

/// An activation as `rows` of `channels`, where a row is one pixel of one picture (or one row of a matrix).
/// blocked = 0: each row's channels lie together. blocked = 1: pictures of `pixels` rows, and within a
/// picture blocks of 16 channels, each block holding all its pixels; `channels` is a multiple of 16.
typedef struct {
  int64_t rows, channels, pixels;
  int32_t blocked;
  ck_type type;
} ck_layout;

/// The threads that functions called from this thread use; also oneDNN's.
void ck_set_threads(int threads);

/// What the processor can do: AVX-512 (the blocked layout pays), multiplication of bfloat16.
int ck_has_avx512(void);
int ck_has_bfloat16(void);

/// The bytes of workspace that a reduction over `channels` needs with `threads` threads.
int64_t ck_workspace_bytes(int64_t channels, int threads);

/// Normalisation by the batch's own statistics: the mean and biased variance of each channel over all rows,
/// and y as of ck_normalize with them. y may be x or residual.
void ck_batch_normalize(
  ck_layout layout, const void *x, const float *scale, const float *offset, float epsilon,
  const void *residual, int relu, float *mean, float *variance, void *y, void *workspace);

/// y = scale·(x − mean)/√(variance + epsilon) + offset (+ residual unless NULL), rectified if relu. y may be x
/// or residual.
void ck_normalize(
  ck_layout layout, const void *x, const float *scale, const float *offset, const float *mean,
  const float *variance, float epsilon, const void *residual, int relu, void *y);

/// The gradient of normalisation by the batch's own statistics: dz is dy (+ other unless NULL), gated by y > 0 if
/// relu. dresidual (unless NULL) is dz and may be dy, other or y; dx may be x, and without dresidual those.
void ck_normalize_gradient(
  ck_layout layout, const void *dy, const void *other, const void *x, const void *y,
  const float *scale, const float *mean, const float *variance, float epsilon, int relu, void *dx,
  float *dscale, float *doffset, void *dresidual, void *workspace);

/// A pooling window and the planes it moves over.
typedef struct {
  int64_t images, height, width, out_height, out_width, size, stride, padding;
} ck_pooling;

/// The greatest element of each window. The layouts' rows are derived from `pooling`.
void ck_max_pool(ck_layout layout, ck_pooling pooling, const void *x, void *y);
/// The gradient of ck_max_pool: to the first greatest element of each window in row-major order.
void ck_max_pool_gradient(
  ck_layout layout, ck_pooling pooling, const void *dy, const void *x, void *dx);
/// The mean of each plane: one row of channels a picture.
void ck_average_pool(ck_layout layout, const void *x, float *y);
/// Each row of `dy` spread evenly over its picture's pixels.
void ck_average_pool_gradient(ck_layout layout, const float *dy, void *dx);

/// A square convolution and the planes that it moves over. Channels are multiples of 16;
/// the size is 7 at most.
typedef struct {
  int64_t images, in_channels, out_channels, height, width, out_height, out_width, size, stride,
    padding;
} ck_convolution;

/// The bytes of workspace that ck_weight_gradient needs.
int64_t ck_weight_gradient_bytes(ck_convolution convolution);
/// dw [out][row][column][in] in float32 from x and dy in bfloat16 and the blocked layout. For processors
/// that multiply bfloat16, and fast where planes are small.
void ck_weight_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace);

/// The bytes of weights that ck_pack_weights packs.
int64_t ck_packed_weights_bytes(ck_convolution convolution);
/// Weights [out][row][column][in] in float32 in bfloat16, for the convolution itself or for the gradient of its input,
/// with `tile` result channels side by side: 32 as ck_small_convolution wants them, 16 as oneDNN does
/// (OIhw8i16o2i, IOhw8o16i2o). What is packed begins at a multiple of 64 bytes.
void ck_pack_weights(
  ck_convolution convolution, int is_gradient, const float *w, int tile, void *packed);
/// y from x, or dx from dy, in bfloat16 and the blocked layout. For processors that multiply bfloat16, and
/// fast where planes are small.
void ck_small_convolution(
  ck_convolution convolution, int is_gradient, const void *source, const void *packed, void *result);

/// The bytes of transformed filters that ck_pack_winograd packs.
int64_t ck_winograd_filter_bytes(ck_convolution convolution);
/// The bytes of workspace that ck_winograd needs with `threads` threads.
int64_t ck_winograd_bytes(ck_convolution convolution, int threads);
/// Weights [out][row][column][in] in float32 as ck_winograd wants them, for the convolution itself or for the
/// gradient of its input. What is packed begins at a multiple of 64 bytes.
void ck_pack_winograd(ck_convolution convolution, int is_gradient, const float *w, void *packed);
/// y from x, or dx from dy, in bfloat16 and the blocked layout, with 16 multiplications in place of 36, or 25 with
/// stride 2: for windows of 3×3, stride 1 or 2, padding 1, channels in multiples of 32. For processors that multiply
/// bfloat16.
void ck_winograd(
  ck_convolution convolution, int is_gradient, const void *source, const void *packed,
  void *result, void *workspace);

/// What is done to each result of a convolution before it is rounded and written.
typedef struct {
  /// One a result channel, added.
  const float *bias;
  /// In the result's type and layout, added after it unless NULL; may be the result itself.
  const void *residual;
  /// Then writes 0 for what is negative.
  int32_t relu;
} ck_epilogue;
/// y from x as of ck_winograd, but in channels last and with an epilogue.
void ck_winograd_channels_last(
  ck_convolution convolution, const void *source, const void *packed, ck_epilogue epilogue,
  void *result, void *workspace);

/// The bytes of workspace that ck_winograd_gradient needs with `threads` threads.
int64_t ck_winograd_gradient_bytes(ck_convolution convolution, int threads);
/// dw [out][row][column][in] in float32 of a convolution that ck_winograd computes, with stride 1.
void ck_winograd_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace);

/// The bytes of workspace that ck_pointwise_gradient needs with `threads` threads.
int64_t ck_pointwise_gradient_bytes(ck_convolution convolution, int threads);
/// dw [out][in] in float32 from x and dy in bfloat16 and the blocked layout, for windows of one pixel
/// without padding. For processors that multiply bfloat16.
void ck_pointwise_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace);

/// The bytes of filters that ck_pack_few_channels packs.
int64_t ck_few_channels_filter_bytes(ck_convolution convolution);
/// The bytes of workspace that ck_few_channels needs with `threads` threads.
int64_t ck_few_channels_bytes(ck_convolution convolution, int threads);
/// Weights [out][row][column][in] in float32 as ck_few_channels wants them.
void ck_pack_few_channels(ck_convolution convolution, const float *w, void *packed);
/// y in bfloat16, blocked or in channels last, from x in channels last, which may have any number of channels; those
/// of y are a multiple of 32. The epilogue's bias may be NULL. For processors that multiply bfloat16.
void ck_few_channels(
  ck_convolution convolution, const void *x, const void *packed, int blocked, ck_epilogue epilogue,
  void *y, void *workspace);

/// The bytes of workspace that ck_few_channels_gradient needs with `threads` threads.
int64_t ck_few_channels_gradient_bytes(ck_convolution convolution, int threads);
/// dw [out][row][column][in] in float32 of a convolution that ck_few_channels computes, whose y is blocked.
void ck_few_channels_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace);

/// Flat element-by-element operations over `count` elements; the result may be an operand.
/// From ck_relu on there is one operand; the second is not read.
typedef enum {
  ck_add,
  ck_subtract,
  ck_multiply,
  ck_divide,
  ck_relu_gradient,
  ck_relu,
  ck_square_root,
  ck_exponential,
  ck_logarithm
} ck_binary;
void ck_elementwise(ck_binary kind, ck_type type, int64_t count, const void *a, const void *b, void *y);
/// y = factor·x.
void ck_scale(ck_type type, int64_t count, const void *x, float factor, void *y);
/// y = x + term.
void ck_add_scalar(ck_type type, int64_t count, const void *x, float term, void *y);
/// y = value in every place.
void ck_fill(ck_type type, int64_t count, float value, void *y);
/// Copies and converts between types.
void ck_convert(int64_t count, ck_type from, const void *x, ck_type to, void *y);

/// y = x + bias in every row.
void ck_add_bias(int64_t rows, int64_t columns, ck_type type, const void *x, const float *bias, void *y);
/// The sum over rows.
void ck_sum_rows(
  int64_t rows, int64_t columns, ck_type type, const void *x, float *y, void *workspace);
/// The sum of each row.
void ck_sum_columns(int64_t rows, int64_t columns, const float *x, float *y);
/// Each element repeated `columns` times.
void ck_repeat_columns(int64_t rows, int64_t columns, const float *x, float *y);
/// The row x in each of `rows` rows.
void ck_repeat_rows(int64_t rows, int64_t columns, const float *x, float *y);
/// A square matrix with 0 on its diagonal; y may be x.
void ck_zero_diagonal(int64_t rows, const float *x, float *y);
/// log Σ exp of each row, without its element on the diagonal if excluding_diagonal; then there are two columns at least.
/// The greatest element is taken out of the sum, so that nothing overflows.
void ck_log_sum_exp(
  int64_t rows, int64_t columns, int excluding_diagonal, const float *x, float *y);
/// The gradient of ck_log_sum_exp, whose result is y: dx = dy·exp(x − y) in each row. dx may be x.
void ck_log_sum_exp_gradient(
  int64_t rows, int64_t columns, int excluding_diagonal, const float *dy, const float *x,
  const float *y, float *dx);
/// The mean of all elements.
float ck_mean(int64_t count, ck_type type, const void *x);
/// Rows divided by the greater of their norm and epsilon.
void ck_l2_normalize(int64_t rows, int64_t columns, float epsilon, const float *x, float *y);
/// The gradient of ck_l2_normalize.
void ck_l2_normalize_gradient(
  int64_t rows, int64_t columns, float epsilon, const float *dy, const float *x, float *dx);

/// y = tau·a + (1 − tau)·b; y may be a.
void ck_interpolate(int64_t count, const float *a, const float *b, float tau, float *y);
/// y = a + rate·(correction·b − a); y may be a.
void ck_running_average(
  int64_t count, const float *a, const float *b, float rate, float correction, float *y);

/// One step of LARS (trust ≥ 0) or SGD (trust < 0) along the sum of `gradient_count` ≥ 1 gradients, which are added in
/// their order; see OptimizerRule. The results may be the operands. Workspace as for one channel.
void ck_optimizer_update(
  int64_t count, const float *parameter, const float *velocity, const float *const *gradients,
  int64_t gradient_count, float rate, float weight_decay, float momentum, float trust,
  float *new_parameter, float *new_velocity, void *workspace);

/// AdamW's constants. What is derived of them, such as 1 − β₂, comes in rounded once.
typedef struct {
  /// Decays of the moments and the new gradient's share in them: β₁, 1 − β₁, β₂, 1 − β₂.
  float first_decay, first_share, second_decay, second_share;
  float epsilon, weight_decay;
} ck_adamw;
/// One step of AdamW along the sum of `gradient_count` ≥ 1 gradients; see OptimizerRule. scalars: where the rate, and
/// 1 / (1 − β₁ᵗ) and 1 / (1 − β₂ᵗ) of step t, are. The results may be the operands.
void ck_adamw_update(
  int64_t count, const float *parameter, const float *first, const float *second,
  const float *const *gradients, int64_t gradient_count, ck_adamw constants,
  const float *const *scalars, float *new_parameter, float *new_first, float *new_second);

#ifdef __cplusplus
}
#endif
