// Antialiased resampling, in floats and in fixed point.
#include "loops.h"
#include <math.h>
#include <string.h>

typedef float floats4 __attribute__((vector_size(16), aligned(4)));

// MARK: Weights

typedef struct {
  int *first;     // the first input of each output
  int *count;     // how many inputs it takes
  float *weights; // `taps` per output
  int taps;
} axis;

INLINE double cubic(double x) {
  const double a = -0.5;
  if (x < 0) x = -x;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

INLINE double triangle(double x) {
  if (x < 0) x = -x;
  return x < 1 ? 1 - x : 0;
}

INLINE double filter_support(int filter) { return filter == BYOL_BICUBIC ? 2 : 1; }

// The most inputs that one output takes. Never more than there are, which bounds the tables by the input's size: a
// reduction of 16384 to 1 would otherwise ask for four times as many weights as there are pixels.
static int axis_taps(int in, int out, int filter) {
  double scale = (double)in / out;
  if (scale < 1) scale = 1;
  int taps = (int)ceil(filter_support(filter) * scale) * 2 + 1;
  return taps < in ? taps : in;
}

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

// The table of `count` outputs and one row of weights in double precision.
static size_t axis_bytes(int in, int out, int count) {
  size_t taps = (size_t)axis_taps(in, out, BYOL_BICUBIC);
  return aligned(2 * (size_t)count * sizeof(int)) +
         aligned((size_t)count * taps * sizeof(float)) + aligned(taps * sizeof(double));
}

static void *take(char **memory, size_t bytes) {
  void *block = *memory;
  *memory += aligned(bytes);
  return block;
}

// The inputs that output `i` of `out` takes, from `*low` on and before `*high`, as Pillow chooses them.
static void input_range(int in, int out, int filter, int i, int *low, int *high) {
  double scale = (double)in / out, wide = scale < 1 ? 1 : scale;
  double support = filter_support(filter) * wide, centre = (i + 0.5) * scale;
  *low = (int)(centre - support + 0.5);
  *high = (int)(centre + support + 0.5);
  if (*low < 0) *low = 0;
  if (*high > in) *high = in;
}

// One output's weights in double precision, normalised, as Pillow computes them.
static void weigh(int in, int out, int filter, int i, int *first, int *count, double *weights) {
  double scale = (double)in / out, wide = scale < 1 ? 1 : scale;
  double centre = (i + 0.5) * scale, step = 1 / wide;
  int low, high;
  input_range(in, out, filter, i, &low, &high);
  double sum = 0;
  for (int k = 0; k < high - low; k++) {
    double x = (k + low - centre + 0.5) * step;
    weights[k] = filter == BYOL_BICUBIC ? cubic(x) : triangle(x);
    sum += weights[k];
  }
  for (int k = 0; k < high - low; k++)
    if (sum != 0) weights[k] /= sum;
  *first = low;
  *count = high - low;
}

// Fills the table of the outputs `start ..< start + outputs` of `out`. Inputs are counted from the first one that any of
// them takes, which is `*low`. `fixed` stores integers of 22 fractional bits in place of floats.
static axis make_axis(int in, int out, int start, int outputs, int filter, int fixed, int *low,
                      char **memory) {
  axis a;
  int high;
  input_range(in, out, filter, start, low, &high);
  a.taps = axis_taps(in, out, filter);
  a.first = take(memory, 2 * (size_t)outputs * sizeof(int));
  a.count = a.first + outputs;
  a.weights = take(memory, (size_t)outputs * (size_t)a.taps * sizeof(float));
  double *row = take(memory, (size_t)a.taps * sizeof(double));
  for (int i = 0; i < outputs; i++) {
    // The weights are those of the whole picture: cutting it out afterwards would give the same bits.
    weigh(in, out, filter, start + i, &a.first[i], &a.count[i], row);
    a.first[i] -= *low;
    float *weights = a.weights + (size_t)i * (size_t)a.taps;
    for (int k = 0; k < a.count[i]; k++) {
      int32_t whole = (int32_t)(row[k] < 0 ? row[k] * (1 << 22) - 0.5 : row[k] * (1 << 22) + 0.5);
      if (fixed) memcpy(&weights[k], &whole, sizeof whole);
      else weights[k] = (float)row[k];
    }
  }
  return a;
}

// How many inputs the outputs `start ..< start + outputs` take, from the first to the last.
static int inputs_of(int in, int out, int start, int outputs, int filter) {
  int low, high, other;
  input_range(in, out, filter, start, &low, &other);
  input_range(in, out, filter, start + outputs - 1, &other, &high);
  return high - low;
}

// Bytes from one row to the next between the two passes in fixed point.
static size_t middle_pitch(int out_width, int channels) {
  return aligned((size_t)out_width * (size_t)channels + 1);
}

size_t byol_resample_planes_scratch(int width, int height, int channels, int out_width,
                                    int out_height) {
  return axis_bytes(width, out_width, out_width) + axis_bytes(height, out_height, out_height) +
         aligned(((size_t)width * (size_t)channels + 32) * sizeof(float)) + 256;
}

size_t byol_resample_bytes_scratch(int width, int height, int channels, int out_width,
                                   int out_height, byol_window part, int filter) {
  int columns = inputs_of(width, out_width, part.x, part.width, filter);
  int rows = inputs_of(height, out_height, part.y, part.height, filter);
  return axis_bytes(width, out_width, part.width) + axis_bytes(height, out_height, part.height) +
         aligned((size_t)columns * 16) + middle_pitch(part.width, channels) * (size_t)rows + 256;
}

// MARK: To float planes

// One output row before the horizontal pass: a weighted sum of `count` rows of bytes.
INLINE void blend_rows(const uint8_t *rows, size_t stride, int length, const float *weights,
                       int count, float *out) {
  for (int x = 0; x < length; x++) out[x] = weights[0] * (float)rows[x];
  for (int k = 1; k < count; k++) {
    const uint8_t *row = rows + (size_t)k * stride;
    float w = weights[k];
    for (int x = 0; x < length; x++) out[x] += w * (float)row[x];
  }
}

// One output row of `few` (four at most) planes, `plane` floats apart; up to three floats past the input are read.
INLINE void blend_columns(const float *row, const axis *across, int channels, int few, float *out,
                          int out_width, size_t plane, int flip) {
  for (int x = 0; x < out_width; x++) {
    const float *from = row + (size_t)across->first[x] * (size_t)channels;
    const float *weights = across->weights + (size_t)x * (size_t)across->taps;
    floats4 sum = {0, 0, 0, 0};
    for (int k = 0; k < across->count[x]; k++, from += channels)
      sum += *(const floats4 *)from * weights[k];
    float *to = out + (flip ? out_width - 1 - x : x);
    for (int c = 0; c < few; c++) to[(size_t)c * plane] = unit(sum[c] * (1.0f / 255));
  }
}

// A function of its own for three channels, as below, so that the compiler knows that number.
INLINE void resample_planes(const uint8_t *pixels, size_t stride, int width, int height,
                            int channels, float *planes, int out_width, int out_height, int filter,
                            int flip, void *scratch) {
  char *memory = scratch;
  int left, top; // 0 both: every output is wanted, and the first one takes the first input
  axis across = make_axis(width, out_width, 0, out_width, filter, 0, &left, &memory);
  axis down = make_axis(height, out_height, 0, out_height, filter, 0, &top, &memory);
  int line = width * channels;
  float *row = take(&memory, ((size_t)line + 32) * sizeof(float));
  memset(row + line, 0, 32 * sizeof(float));
  for (int y = 0; y < out_height; y++) {
    blend_rows(pixels + (size_t)down.first[y] * stride, stride, line,
               down.weights + (size_t)y * (size_t)down.taps, down.count[y], row);
    for (int channel = 0; channel < channels; channel += 4) {
      int few = channels - channel < 4 ? channels - channel : 4;
      float *out = planes + ((size_t)channel * (size_t)out_height + (size_t)y) * (size_t)out_width;
      blend_columns(row + channel, &across, channels, few, out, out_width,
                    (size_t)out_width * (size_t)out_height, flip);
    }
  }
}

CLONES void byol_resample_planes(const uint8_t *pixels, size_t stride, int width, int height,
                                 int channels, float *planes, int out_width, int out_height,
                                 int filter, int flip, void *scratch) {
  if (channels == 3)
    resample_planes(pixels, stride, width, height, 3, planes, out_width, out_height, filter, flip,
                    scratch);
  else
    resample_planes(pixels, stride, width, height, channels, planes, out_width, out_height, filter,
                    flip, scratch);
}

// MARK: In fixed point

typedef int32_t ints16 __attribute__((vector_size(64), aligned(4)));
typedef uint8_t bytes16 __attribute__((vector_size(16), aligned(1)));

// Sums have 22 fractional bits and begin with a half.
#define HALF ((ints16){} + (1 << 21))

INLINE void add_product(ints16 *sum, const uint8_t *bytes, int32_t weight) {
  *sum += __builtin_convertvector(*(const bytes16 *)bytes, ints16) * weight;
}

INLINE void clip8(const ints16 *sum, uint8_t *out) {
  ints16 x = *sum >> 22;
  x &= x > 0;
  x = (x & (x < 255)) | (255 & (x >= 255));
  *(bytes16 *)out = __builtin_convertvector(x, bytes16);
}

// Interleaves four rows: 16 bytes per column, of each pixel `few` (four at most) channels and bytes that nobody looks at.
// One vector then holds the same column of four rows, so that the horizontal pass needs no gather.
INLINE void put_side_by_side(const uint8_t *pixels, size_t stride, int rows, int width,
                             int channels, int few, uint8_t *out) {
  for (int row = 0; row < rows; row++) {
    const uint8_t *from = pixels + (size_t)row * stride;
    uint8_t *to = out + 4 * row;
    for (int x = 0; x < width - 1; x++, from += channels, to += 16)
      memcpy(to, from, channels > 2 ? 4 : 2);
    memcpy(to, from, (size_t)few);
  }
}

// The horizontal pass over `few` channels of `rows` (four at most) rows; up to three bytes past a pixel are written, which
// the next pixel overwrites.
INLINE void resample_rows(const uint8_t *columns, const axis *across, int out_width, int rows,
                          int channels, int few, uint8_t *out, size_t pitch) {
  for (int x = 0; x < out_width; x++) {
    const uint8_t *from = columns + (size_t)across->first[x] * 16;
    const int32_t *weights = (const int32_t *)across->weights + (size_t)x * (size_t)across->taps;
    ints16 sum = HALF;
    for (int k = 0; k < across->count[x]; k++) add_product(&sum, from + 16 * k, weights[k]);
    uint8_t levels[16];
    clip8(&sum, levels);
    uint8_t *to = out + (size_t)x * (size_t)channels;
    for (int row = 0; row < rows; row++, to += pitch)
      if (channels == 3) memcpy(to, levels + 4 * row, 4);
      else memcpy(to, levels + 4 * row, (size_t)few);
  }
}

// One row of `length` bytes out of `count` rows that may be read up to the next multiple of 64.
INLINE void resample_column(const uint8_t *rows, size_t pitch, size_t length,
                            const int32_t *weights, int count, uint8_t *out) {
  for (size_t x = 0; x < length; x += 64) {
    ints16 sums[4] = {HALF, HALF, HALF, HALF};
    for (int k = 0; k < count; k++)
      for (int part = 0; part < 4; part++)
        add_product(&sums[part], rows + (size_t)k * pitch + x + 16 * part, weights[k]);
    uint8_t levels[64];
    for (int part = 0; part < 4; part++) clip8(&sums[part], levels + 16 * part);
    memcpy(out + x, levels, length - x < 64 ? length - x : 64);
  }
}

INLINE void resample_bytes(const uint8_t *pixels, size_t stride, int width, int height,
                           int channels, uint8_t *out, int out_width, int out_height,
                           byol_window part, int filter, void *scratch) {
  char *memory = scratch;
  int left, top;
  axis across = make_axis(width, out_width, part.x, part.width, filter, 1, &left, &memory);
  axis down = make_axis(height, out_height, part.y, part.height, filter, 1, &top, &memory);
  // From here on only the box of the source that the wanted part takes its pixels from: so neither time nor memory
  // depends on the size of the whole result, which of a picture of 16384 x 1 pixels is thousands of times as large.
  int in_width = inputs_of(width, out_width, part.x, part.width, filter);
  int in_height = inputs_of(height, out_height, part.y, part.height, filter);
  pixels += (size_t)top * stride + (size_t)left * (size_t)channels;
  size_t line = (size_t)part.width * (size_t)channels, pitch = middle_pitch(part.width, channels);
  uint8_t *columns = take(&memory, (size_t)in_width * 16);
  uint8_t *middle = take(&memory, pitch * (size_t)in_height);
  memset(columns, 0, (size_t)in_width * 16);
  for (int y = 0; y < in_height; y += 4) {
    int rows = in_height - y < 4 ? in_height - y : 4;
    for (int c = 0; c < channels; c += 4) {
      int few = channels - c < 4 ? channels - c : 4;
      put_side_by_side(pixels + (size_t)y * stride + c, stride, rows, in_width, channels, few,
                       columns);
      resample_rows(columns, &across, part.width, rows, channels, few,
                    middle + (size_t)y * pitch + c, pitch);
    }
  }
  for (int y = 0; y < part.height; y++)
    resample_column(middle + (size_t)down.first[y] * pitch, pitch, line,
                    (const int32_t *)down.weights + (size_t)y * (size_t)down.taps, down.count[y],
                    out + (size_t)y * line);
}

CLONES void byol_resample_bytes(const uint8_t *pixels, size_t stride, int width, int height,
                                int channels, uint8_t *out, int out_width, int out_height,
                                byol_window part, int filter, void *scratch) {
  if (channels == 3)
    resample_bytes(pixels, stride, width, height, 3, out, out_width, out_height, part, filter,
                   scratch);
  else
    resample_bytes(pixels, stride, width, height, channels, out, out_width, out_height, part,
                   filter, scratch);
}
