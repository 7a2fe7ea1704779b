// Vectorised loops and convolutions for what oneDNN has no primitive for, or a slower one.
//
// Every function runs on the calling thread and on the OpenMP team that oneDNN uses, and gives the same bits for the same
// number of threads on the same processor. Pointers are to whole values, whose sizes follow from the arguments.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Processor and threads

/// The families of processors that loops are compiled for. On x86-64 each one includes those before it; arm64 has the first
/// and the last.
typedef enum {
  ck_any_processor = 0,
  ck_avx2 = 1,
  ck_avx512 = 2,
  ck_avx512_bf16 = 3,
  /// x86-64 with a matrix unit for bfloat16 (AMX), which the system lets this process use.
  ck_amx = 4,
  /// arm64 that multiplies bfloat16 (FEAT_BF16). Without it an arm64 is any processor, but has the kernels of float32.
  ck_neon_bf16 = 5
} ck_processor;

/// The family that this process chooses kernels for: the processor's own, or the limit if that is lower.
ck_processor ck_processor_family(void);
/// Makes the process treat the processor as one of a lower family, to test that family's kernels. Does not limit oneDNN.
/// To be called before any other function.
void ck_limit_processor(ck_processor family);

/// Whether the processor has AVX-512, with which the blocked layout pays.
bool ck_has_avx512(void);
/// Whether the processor multiplies bfloat16.
bool ck_has_bfloat16(void);
/// Whether the processor multiplies tiles of bfloat16 (AMX).
bool ck_has_amx(void);

/// The threads that functions called from this thread use. They are also oneDNN's.
void ck_set_threads(int threads);

/// The bytes of workspace that a reduction over `channels` needs with `threads` threads.
int64_t ck_workspace_bytes(int64_t channels, int threads);

// MARK: Layouts

/// How the elements of a value are stored.
typedef enum { ck_float32 = 0, ck_bfloat16 = 1 } ck_type;

/// An activation as `rows` of `channels`. A row is one pixel of one picture, or one row of a matrix.
///
/// Not blocked: each row's channels are adjacent (NHWC). Blocked: a picture has `pixels` rows, and consists of blocks of 16
/// channels, each with all its pixels (nChw16c); `channels` is then a multiple of 16.
typedef struct {
  int64_t rows, channels, pixels;
  bool blocked;
  ck_type type;
} ck_layout;

// MARK: Batch normalisation

/// Batch normalisation by the batch's own statistics: the mean and the biased variance of each channel over all rows, and
/// y as of ck_normalize with them. y may be x or residual.
void ck_batch_normalize(
  ck_layout layout, const void *x, const float *scale, const float *offset, float epsilon,
  const void *residual, bool relu, float *mean, float *variance, void *y, void *workspace);

/// y = scale·(x − mean)/√(variance + epsilon) + offset (+ residual unless NULL), then ReLU if `relu`. y may be x or
/// residual.
void ck_normalize(
  ck_layout layout, const void *x, const float *scale, const float *offset, const float *mean,
  const float *variance, float epsilon, const void *residual, bool relu, void *y);

/// The gradient of ck_batch_normalize. dz is dy (+ other unless NULL), and 0 where y ≤ 0 if `relu`. dresidual (unless NULL)
/// is dz and may be dy, other or y. dx may be x, and without dresidual also dy, other or y.
void ck_normalize_gradient(
  ck_layout layout, const void *dy, const void *other, const void *x, const void *y,
  const float *scale, const float *mean, const float *variance, float epsilon, bool relu, void *dx,
  float *dscale, float *doffset, void *dresidual, void *workspace);

// MARK: Pooling

/// A pooling: its kernel size, stride and padding, and the feature maps before and after it.
typedef struct {
  int64_t images, height, width, out_height, out_width, size, stride, padding;
} ck_pooling;

/// The greatest element of each window. The layouts' rows follow from `pooling`.
void ck_max_pool(ck_layout layout, ck_pooling pooling, const void *x, void *y);
/// The gradient of ck_max_pool: each window's goes to its first greatest element in row-major order.
void ck_max_pool_gradient(
  ck_layout layout, ck_pooling pooling, const void *dy, const void *x, void *dx);
/// The mean of each feature map: y is [images, channels].
void ck_average_pool(ck_layout layout, const void *x, float *y);
/// The gradient of ck_average_pool: each row of dy spread evenly over its picture's pixels.
void ck_average_pool_gradient(ck_layout layout, const float *dy, void *dx);

// MARK: Convolutions

/// A square convolution: its kernel size (7 at most), stride and padding, and the feature maps before and after it.
typedef struct {
  int64_t images, in_channels, out_channels, height, width, out_height, out_width, size, stride,
    padding;
} ck_convolution;

/// What a kernel does to each sum of a convolution before it writes it, in this order.
typedef struct {
  /// Added: one per result channel.
  const float *bias;
  /// Added unless NULL. It has the result's type and layout, and may be the result itself.
  const void *residual;
  /// ReLU.
  bool relu;
} ck_epilogue;

/// Whether this processor has a kernel by Winograd's minimal filtering for a convolution in a type: ck_winograd for
/// bfloat16, ck_winograd_float32 for float32. The kernels compute what they exist for, whether they are fast there or not.
bool ck_has_winograd(ck_convolution convolution, ck_type type);
/// The tiles with which such a kernel is expected to be faster than one without filtering, and exact enough: their outputs
/// in each dimension, or 0 where it is expected to be slower. A function of the geometry; the thresholds were measured.
int ck_winograd_tile(ck_convolution convolution, ck_type type);

// MARK: Convolutions in float32
//
// For processors with AVX2 and FMA or with AVX-512, and for arm64; on others every function that computes or packs here
// ends the process with a message. By Winograd's minimal filtering, for kernel size 3, stride 1, padding 1, channels in
// multiples of 16; a convolution of another kind ends the process too. `tile` is 4 (36 multiplications instead of 144) or
// 2 (16 instead of 36); ck_winograd_tile tells which. Weights are in the order [out][row][column][in], and so are
// their gradients. Activations are blocked or in NHWC.

/// The bytes of transformed filters that ck_pack_winograd_float32 packs.
int64_t ck_winograd_float32_filter_bytes(ck_convolution convolution, int tile);
/// The bytes of workspace that ck_winograd_float32 needs with `threads` threads.
int64_t ck_winograd_float32_bytes(ck_convolution convolution, int tile, int threads);
/// Transforms weights for ck_winograd_float32, for the convolution itself or for the gradient of its input. `packed` begins
/// at a multiple of 64 bytes.
void ck_pack_winograd_float32(
  ck_convolution convolution, int tile, bool is_gradient, const float *w, float *packed);
/// y from x, or dx from dy. The epilogue's bias may be NULL.
void ck_winograd_float32(
  ck_convolution convolution, int tile, bool is_gradient, bool blocked, const float *source,
  const float *packed, ck_epilogue epilogue, float *result, void *workspace);

/// The bytes of workspace that ck_winograd_gradient_float32 needs with `threads` threads.
int64_t ck_winograd_gradient_float32_bytes(ck_convolution convolution, int tile, int threads);
/// dw from x and dy.
void ck_winograd_gradient_float32(
  ck_convolution convolution, int tile, bool blocked, const float *x, const float *dy, float *dw,
  void *workspace);

/// The naive twin of ck_winograd_float32: the loops that define a convolution, on one thread and with sums in double
/// precision, for any geometry and any number of channels (blocked: multiples of 16). `w` is not packed.
void ck_naive_convolution(
  ck_convolution convolution, bool is_gradient, bool blocked, const float *source, const float *w,
  ck_epilogue epilogue, float *result);
/// The naive twin of ck_winograd_gradient_float32.
void ck_naive_weight_gradient(
  ck_convolution convolution, bool blocked, const float *x, const float *dy, float *dw);

// MARK: Convolutions in bfloat16
//
// For processors that multiply bfloat16: x86-64-v4 and arm64 with instructions for it. On others every function here that
// computes or packs, or tells bytes that depend on the processor, ends the process with a message. Sums are float32. Weights are float32 in the order [out][row][column][in], and so are their gradients.
// Activations are blocked unless the function says otherwise, with channels in multiples of 16.

/// What a convolution is computed for.
typedef enum { ck_result_y, ck_result_dx, ck_result_y_with_bias, ck_result_dw } ck_convolution_result;
/// The kernels, each of which computes some results.
typedef enum {
  ck_kernel_none,
  /// ck_winograd, with a bias ck_winograd_channels_last, for dw ck_winograd_gradient.
  ck_kernel_winograd,
  /// ck_small_convolution, for dw ck_small_weight_gradient.
  ck_kernel_small_maps,
  /// ck_few_channels, for dw ck_few_channels_gradient.
  ck_kernel_few_channels,
  /// ck_pointwise_gradient.
  ck_kernel_pointwise,
  /// ck_amx_convolution, for dw ck_amx_weight_gradient.
  ck_kernel_amx
} ck_kernel;
/// The kernel that is expected to be faster than oneDNN's for a convolution, or ck_kernel_none where oneDNN's is. A function
/// of the geometry and of whether the processor has AMX; the thresholds were measured. Whether it has any of the kernels is
/// ck_has_bfloat16's answer.
ck_kernel ck_bfloat16_kernel(ck_convolution convolution, ck_convolution_result result, bool has_amx);

/// The bytes of workspace that ck_small_weight_gradient needs.
int64_t ck_small_weight_gradient_bytes(ck_convolution convolution);
/// dw from x and dy. Fast where feature maps are small.
void ck_small_weight_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace);

/// The bytes of weights that ck_pack_weights packs.
int64_t ck_packed_weights_bytes(ck_convolution convolution);
/// The orders that weights are packed in.
typedef enum {
  /// For ck_small_convolution. It depends on the processor.
  ck_order_of_small_convolution,
  /// For oneDNN, by blocks of 16 channels: OIhw8i16o2i, or IOhw8o16i2o for the gradient of the input.
  ck_order_of_onednn
} ck_weight_order;
/// Rounds weights to bfloat16 and packs them, for the convolution itself or for the gradient of its input. `packed`
/// begins at a multiple of 64 bytes.
void ck_pack_weights(
  ck_convolution convolution, bool is_gradient, const float *w, ck_weight_order order, void *packed);
/// y from x, or dx from dy. Fast where feature maps are small.
void ck_small_convolution(
  ck_convolution convolution, bool is_gradient, const void *source, const void *packed, void *result);

/// The bytes of transformed filters that ck_pack_winograd packs.
int64_t ck_winograd_filter_bytes(ck_convolution convolution);
/// The bytes of workspace that ck_winograd needs with `threads` threads.
int64_t ck_winograd_bytes(ck_convolution convolution, int threads);
/// Transforms weights for ck_winograd, for the convolution itself or for the gradient of its input. `packed` begins at a
/// multiple of 64 bytes.
void ck_pack_winograd(ck_convolution convolution, bool is_gradient, const float *w, void *packed);
/// y from x, or dx from dy, by Winograd's minimal filtering: 16 multiplications instead of 36 with stride 1, 25 with
/// stride 2. For kernel size 3, stride 1 or 2, padding 1, channels in multiples of 32.
void ck_winograd(
  ck_convolution convolution, bool is_gradient, const void *source, const void *packed,
  void *result, void *workspace);

/// y from x as of ck_winograd, but in NHWC and with an epilogue, whose bias is not NULL.
void ck_winograd_channels_last(
  ck_convolution convolution, const void *source, const void *packed, ck_epilogue epilogue,
  void *result, void *workspace);

/// The bytes of workspace that ck_winograd_gradient needs with `threads` threads.
int64_t ck_winograd_gradient_bytes(ck_convolution convolution, int threads);
/// dw from x and dy for a convolution that ck_winograd computes, with stride 1.
void ck_winograd_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace);

/// The bytes of workspace that ck_pointwise_gradient needs with `threads` threads.
int64_t ck_pointwise_gradient_bytes(ck_convolution convolution, int threads);
/// dw from x and dy for kernel size 1 without padding.
void ck_pointwise_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace);

/// The bytes of filters that ck_pack_few_channels packs.
int64_t ck_few_channels_filter_bytes(ck_convolution convolution);
/// The bytes of workspace that ck_few_channels needs with `threads` threads.
int64_t ck_few_channels_bytes(ck_convolution convolution, int threads);
/// Transforms weights for ck_few_channels.
void ck_pack_few_channels(ck_convolution convolution, const float *w, void *packed);
/// y, blocked or in NHWC, from x in NHWC. x may have any number of channels; those of y are a multiple of 32. The
/// epilogue's bias may be NULL.
void ck_few_channels(
  ck_convolution convolution, const void *x, const void *packed, bool blocked, ck_epilogue epilogue,
  void *y, void *workspace);

/// The bytes of workspace that ck_few_channels_gradient needs with `threads` threads.
int64_t ck_few_channels_gradient_bytes(ck_convolution convolution, int threads);
/// dw from x in NHWC and dy, blocked, for a convolution that ck_few_channels computes.
void ck_few_channels_gradient(
  ck_convolution convolution, const void *x, const void *dy, float *dw, void *workspace);

// MARK: Elementwise operations

/// Those from ck_relu on have one operand.
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
} ck_elementwise_kind;
/// How many kinds there are.
enum { ck_elementwise_count = ck_logarithm + 1 };
/// `count` elements of a, and of b where the kind has two operands. y may be an operand.
void ck_elementwise(
  ck_elementwise_kind kind, ck_type type, int64_t count, const void *a, const void *b, void *y);
/// y = factor·x.
void ck_scale(ck_type type, int64_t count, const void *x, float factor, void *y);
/// y = x + term.
void ck_add_scalar(ck_type type, int64_t count, const void *x, float term, void *y);
/// y = value at every position.
void ck_fill(ck_type type, int64_t count, float value, void *y);
/// The mean of all elements.
float ck_mean(int64_t count, ck_type type, const void *x);

// MARK: Matrices, row by row, in float32

/// y = x + bias in every row.
void ck_add_bias(int64_t rows, int64_t columns, const float *x, const float *bias, float *y);
/// The sum over rows.
void ck_sum_rows(int64_t rows, int64_t columns, const float *x, float *y);
/// The sum of each row.
void ck_sum_columns(int64_t rows, int64_t columns, const float *x, float *y);
/// Each element repeated `columns` times.
void ck_repeat_columns(int64_t rows, int64_t columns, const float *x, float *y);
/// The row x in each of `rows` rows.
void ck_repeat_rows(int64_t rows, int64_t columns, const float *x, float *y);
/// A square matrix with 0 on its diagonal. y may be x.
void ck_zero_diagonal(int64_t rows, const float *x, float *y);
/// log Σ exp of each row, without its element on the diagonal if excluding_diagonal; then there are two columns at least.
void ck_log_sum_exp(
  int64_t rows, int64_t columns, bool excluding_diagonal, const float *x, float *y);
/// The gradient of ck_log_sum_exp, whose result is y: dx = dy·exp(x − y) in each row. dx may be x.
void ck_log_sum_exp_gradient(
  int64_t rows, int64_t columns, bool excluding_diagonal, const float *dy, const float *x,
  const float *y, float *dx);
/// Rows divided by the greater of their norm and epsilon.
void ck_l2_normalize(int64_t rows, int64_t columns, float epsilon, const float *x, float *y);
/// The gradient of ck_l2_normalize.
void ck_l2_normalize_gradient(
  int64_t rows, int64_t columns, float epsilon, const float *dy, const float *x, float *dx);

// MARK: Updates

/// y = tau·a + (1 − tau)·b. y may be a.
void ck_interpolate(int64_t count, const float *a, const float *b, float tau, float *y);
/// y = a + rate·(correction·b − a). y may be a.
void ck_running_average(
  int64_t count, const float *a, const float *b, float rate, float correction, float *y);

/// One step of LARS (trust ≥ 0) or SGD (trust < 0) along the sum of `gradient_count` ≥ 1 gradients, which are added in
/// their order; see OptimizerRule. The results may be the operands. Workspace as for one channel.
void ck_optimizer_update(
  int64_t count, const float *parameter, const float *velocity, const float *const *gradients,
  int64_t gradient_count, float rate, float weight_decay, float momentum, float trust,
  float *new_parameter, float *new_velocity, void *workspace);

/// AdamW's constants. What is derived from them, such as 1 − β₂, comes in rounded once.
typedef struct {
  /// Decays of the moments and the new gradient's share in them: β₁, 1 − β₁, β₂, 1 − β₂.
  float first_decay, first_share, second_decay, second_share;
  float epsilon, weight_decay;
} ck_adamw;
/// One step of AdamW along the sum of `gradient_count` ≥ 1 gradients; see OptimizerRule. `scalars` are pointers to the
/// rate, and to 1 / (1 − β₁ᵗ) and 1 / (1 − β₂ᵗ) of step t. The results may be the operands.
void ck_adamw_update(
  int64_t count, const float *parameter, const float *first, const float *second,
  const float *const *gradients, int64_t gradient_count, ck_adamw constants,
  const float *const *scalars, float *new_parameter, float *new_first, float *new_second);

// MARK: Search
//
// A vector of length 1 at most as codes of eight bits: x ≈ scale·(code − 128), and the norm of what that leaves out. With
// them the inner product of a query and every row is known within a bound, which is enough to leave out all rows but a few.
// Codes of sixteen rows are interleaved by groups of four components, [block][group][row][4]; a code that stands for no
// component is 128. These functions run on the calling thread alone.

/// A query as codes: its scale, the norms of what the codes leave out and of the query itself, the sum of its codes.
typedef struct {
  float scale, error, norm;
  int32_t sum;
} ck_query;

/// The bytes of the codes of some rows, whole blocks of 16.
int64_t ck_code_bytes(int64_t rows, int64_t dimension);
/// Codes of vectors [rows, dimension], whose norms are 1 at most, with the scales and errors of each row.
void ck_encode_rows(
  const float *vectors, int64_t rows, int64_t dimension, uint8_t *codes, float *scales, float *errors);
/// Codes of a query: as many as components, rounded up to a multiple of 4. How fine they are depends on the processor.
void ck_encode_query(const float *query, int64_t dimension, int8_t *codes, ck_query *encoded);
/// The products [count, 16·blocks] of the codes of `count` queries with those of `blocks` blocks, which begin at a multiple
/// of 64 bytes.
void ck_scan_codes(
  const uint8_t *codes, int64_t blocks, int64_t dimension, const int8_t *queries, int64_t count,
  int32_t *products);
/// The naive twin of ck_scan_codes.
void ck_naive_scan_codes(
  const uint8_t *codes, int64_t blocks, int64_t dimension, const int8_t *queries, int64_t count,
  int32_t *products);
/// Writes the rows whose inner product with a query may reach `threshold` to `found`, which has room for all, and returns
/// how many there are. `products` are of one query.
int64_t ck_find_above(
  const int32_t *products, int64_t rows, const float *scales, const float *errors, ck_query query,
  float threshold, int32_t *found);

// Numbers in float16 (IEEE 754 binary16), for vectors that take half the room. These functions run on the calling thread alone.

/// The float32 of each float16: exact. A signalling NaN becomes a quiet one.
void ck_float32_from_float16(const uint16_t *from, int64_t count, float *to);
/// The float16 nearest to each float32, ties to even; infinity from 65,520 on.
void ck_float16_from_float32(const float *from, int64_t count, uint16_t *to);
/// The inner product of a query with a vector in float16 that is scaled to length 1; 0 for a vector of zeros. Sums are in double
/// precision and in a fixed order, and products are exact in it, so that the bits are the same on every processor.
double ck_product_float16(const uint16_t *vector, const float *query, int64_t count);
/// The naive twins of the three.
void ck_naive_float32_from_float16(const uint16_t *from, int64_t count, float *to);
void ck_naive_float16_from_float32(const float *from, int64_t count, uint16_t *to);
double ck_naive_product_float16(const uint16_t *vector, const float *query, int64_t count);

#ifdef __cplusplus
}
#endif

#include "AMX.h"
