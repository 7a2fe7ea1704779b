// libjpeg-turbo behind setjmp: an error of the library becomes a returned code and a message.
#include "CImageCodecs.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

// A progressive picture may take this many scans. Each scan passes over all coefficients, so that more of them would only
// burn time.
#define MAX_SCANS 100

// A progressive picture's coefficients, two bytes per sample, are all in memory before its first row is.
#define MAX_COEFFICIENT_BYTES (240L << 20)

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf jump;
  int code;
  char *message;
} error_state;

typedef struct {
  struct jpeg_source_mgr base;
  int ran_out;
} memory_source;

static void on_error(j_common_ptr common) {
  error_state *state = (error_state *)common->err;
  char text[JMSG_LENGTH_MAX];
  (*common->err->format_message)(common, text);
  snprintf(state->message, BYOL_IMAGE_MESSAGE_BYTES, "%s", text);
  switch (common->err->msg_code) {
  case JERR_OUT_OF_MEMORY: state->code = BYOL_IMAGE_MEMORY; break;
  case JERR_INPUT_EOF:
  case JERR_INPUT_EMPTY: state->code = BYOL_IMAGE_TRUNCATED; break;
  case JERR_NO_BACKING_STORE: state->code = BYOL_IMAGE_COSTLY; break;
  case JERR_ARITH_NOTIMPL:
  case JERR_BAD_PRECISION:
  case JERR_CONVERSION_NOTIMPL:
  case JERR_SOF_UNSUPPORTED: state->code = BYOL_IMAGE_UNSUPPORTED; break;
  default: state->code = BYOL_IMAGE_CORRUPT;
  }
  longjmp(state->jump, 1);
}

static void on_message(j_common_ptr common) { (void)common; }

static void on_emit(j_common_ptr common, int level) {
  if (level < 0) common->err->num_warnings++;
}

static void source_nothing(j_decompress_ptr picture) { (void)picture; }

// The bytes are over: hand out an end-of-image marker, and remember that it was not theirs.
static boolean source_fill(j_decompress_ptr picture) {
  static const JOCTET end[2] = {0xFF, JPEG_EOI};
  memory_source *source = (memory_source *)picture->src;
  source->ran_out = 1;
  source->base.next_input_byte = end;
  source->base.bytes_in_buffer = 2;
  return TRUE;
}

static void source_skip(j_decompress_ptr picture, long count) {
  struct jpeg_source_mgr *source = picture->src;
  if (count <= 0) return;
  if ((size_t)count >= source->bytes_in_buffer) {
    source_fill(picture);
    return;
  }
  source->next_input_byte += count;
  source->bytes_in_buffer -= (size_t)count;
}

static void on_progress(j_common_ptr common) {
  j_decompress_ptr picture = (j_decompress_ptr)common;
  if (picture->input_scan_number <= MAX_SCANS) return;
  error_state *state = (error_state *)common->err;
  snprintf(state->message, BYOL_IMAGE_MESSAGE_BYTES, "more than %d scans", MAX_SCANS);
  state->code = BYOL_IMAGE_COSTLY;
  longjmp(state->jump, 1);
}

typedef struct {
  struct jpeg_decompress_struct picture;
  error_state errors;
  memory_source source;
  struct jpeg_progress_mgr progress;
  uint8_t *row;
} decoder;

static void decoder_errors(decoder *d, char *message) {
  message[0] = 0;
  d->row = NULL;
  d->picture.err = jpeg_std_error(&d->errors.base);
  d->errors.base.error_exit = on_error;
  d->errors.base.output_message = on_message;
  d->errors.base.emit_message = on_emit;
  d->errors.code = BYOL_IMAGE_OK;
  d->errors.message = message;
}

// To be called under setjmp.
static void decoder_start(decoder *d, const uint8_t *bytes, size_t count, int eighths) {
  jpeg_create_decompress(&d->picture);
  d->picture.mem->max_memory_to_use = MAX_COEFFICIENT_BYTES;
  memset(&d->source, 0, sizeof d->source);
  d->source.base.next_input_byte = bytes;
  d->source.base.bytes_in_buffer = count;
  d->source.base.init_source = source_nothing;
  d->source.base.term_source = source_nothing;
  d->source.base.fill_input_buffer = source_fill;
  d->source.base.skip_input_data = source_skip;
  d->source.base.resync_to_restart = jpeg_resync_to_restart;
  d->picture.src = &d->source.base;
  memset(&d->progress, 0, sizeof d->progress);
  d->progress.progress_monitor = on_progress;
  d->picture.progress = &d->progress;
  jpeg_read_header(&d->picture, TRUE);
  d->picture.scale_num = (unsigned)eighths;
  d->picture.scale_denom = 8;
  switch (d->picture.num_components) {
  case 1: d->picture.out_color_space = JCS_GRAYSCALE; break;
  case 3: d->picture.out_color_space = JCS_RGB; break;
  case 4: d->picture.out_color_space = JCS_CMYK; break;
  default: ERREXIT2(&d->picture, JERR_CONVERSION_NOTIMPL, 0, 0);
  }
  jpeg_calc_output_dimensions(&d->picture);
}

int byol_jpeg_header(const uint8_t *bytes, size_t count, int eighths, byol_image_header *header,
                     char *message) {
  decoder *d = malloc(sizeof *d);
  if (!d) return BYOL_IMAGE_MEMORY;
  memset(d, 0, sizeof *d);
  decoder_errors(d, message);
  int code = BYOL_IMAGE_OK;
  if (setjmp(d->errors.jump)) {
    code = d->source.ran_out ? BYOL_IMAGE_TRUNCATED : d->errors.code;
  } else {
    decoder_start(d, bytes, count, eighths);
    header->width = (int32_t)d->picture.output_width;
    header->height = (int32_t)d->picture.output_height;
    header->channels = 3;
    header->kind = d->picture.num_components == 1   ? BYOL_KIND_GRAY
                   : d->picture.num_components == 4 ? BYOL_KIND_CMYK
                                                    : BYOL_KIND_RGB;
    // Several scans of a baseline picture are held as coefficients too.
    header->progressive = jpeg_has_multiple_scans(&d->picture);
    header->bits = 8;
  }
  jpeg_destroy_decompress(&d->picture);
  free(d);
  return code;
}

static inline uint8_t product255(unsigned a, unsigned b) {
  unsigned t = a * b + 128;
  return (uint8_t)((t + (t >> 8)) >> 8);
}

// Ink to light: each colour is (255 - K) less its ink's share. Adobe writes inks inverted.
static void row_from_cmyk(const uint8_t *cmyk, uint8_t *rgb, int width, int inverted) {
  unsigned flip = inverted ? 0xFF : 0;
  for (int x = 0; x < width; x++, cmyk += 4, rgb += 3) {
    unsigned light = 255 - (cmyk[3] ^ flip);
    for (int c = 0; c < 3; c++)
      rgb[c] = (uint8_t)(light - product255(cmyk[c] ^ flip, light));
  }
}

static void row_from_gray(const uint8_t *gray, uint8_t *rgb, int width) {
  for (int x = 0; x < width; x++) rgb[3 * x] = rgb[3 * x + 1] = rgb[3 * x + 2] = gray[x];
}

// To be called under setjmp, after `decoder_start`.
static void decoder_rows(decoder *d, uint8_t *rgb, char *message) {
  int width = (int)d->picture.output_width;
  int inverted = d->picture.saw_Adobe_marker;
  jpeg_start_decompress(&d->picture);
  int components = d->picture.output_components;
  if (components != 3) {
    d->row = malloc((size_t)width * (size_t)components);
    if (!d->row) ERREXIT1(&d->picture, JERR_OUT_OF_MEMORY, 0);
  }
  while (d->picture.output_scanline < d->picture.output_height) {
    uint8_t *out = rgb + (size_t)d->picture.output_scanline * (size_t)width * 3;
    JSAMPROW line = d->row ? d->row : out;
    jpeg_read_scanlines(&d->picture, &line, 1);
    if (d->source.ran_out) break;
    if (components == 1) row_from_gray(d->row, out, width);
    if (components == 4) row_from_cmyk(d->row, out, width, inverted);
  }
  if (d->source.ran_out) {
    d->errors.code = BYOL_IMAGE_TRUNCATED;
    snprintf(message, BYOL_IMAGE_MESSAGE_BYTES, "the bytes end at row %u of %u",
             d->picture.output_scanline, d->picture.output_height);
  }
}

int byol_jpeg_decode(const uint8_t *bytes, size_t count, int eighths, int width, int height,
                     uint8_t *rgb, char *message) {
  decoder *d = malloc(sizeof *d);
  if (!d) return BYOL_IMAGE_MEMORY;
  memset(d, 0, sizeof *d);
  decoder_errors(d, message);
  int code;
  if (setjmp(d->errors.jump)) {
    code = d->source.ran_out ? BYOL_IMAGE_TRUNCATED : d->errors.code;
  } else {
    decoder_start(d, bytes, count, eighths);
    if ((int)d->picture.output_width == width && (int)d->picture.output_height == height)
      decoder_rows(d, rgb, message);
    else
      d->errors.code = BYOL_IMAGE_CORRUPT;
    code = d->errors.code;
  }
  free(d->row);
  jpeg_destroy_decompress(&d->picture);
  free(d);
  return code;
}

typedef struct {
  struct jpeg_compress_struct picture;
  error_state errors;
  unsigned char *bytes;
  unsigned long count;
} encoder;

int byol_jpeg_encode(const uint8_t *rgb, int width, int height, int quality, int full_chroma,
                     uint8_t **encoded, size_t *count, char *message) {
  encoder *e = malloc(sizeof *e);
  if (!e) return BYOL_IMAGE_MEMORY;
  memset(e, 0, sizeof *e);
  message[0] = 0;
  e->picture.err = jpeg_std_error(&e->errors.base);
  e->errors.base.error_exit = on_error;
  e->errors.base.output_message = on_message;
  e->errors.base.emit_message = on_emit;
  e->errors.message = message;
  if (!setjmp(e->errors.jump)) {
    jpeg_create_compress(&e->picture);
    jpeg_mem_dest(&e->picture, &e->bytes, &e->count);
    e->picture.image_width = (JDIMENSION)width;
    e->picture.image_height = (JDIMENSION)height;
    e->picture.input_components = 3;
    e->picture.in_color_space = JCS_RGB;
    jpeg_set_defaults(&e->picture);
    jpeg_set_quality(&e->picture, quality, TRUE);
    if (full_chroma) e->picture.comp_info[0].h_samp_factor = e->picture.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&e->picture, TRUE);
    while (e->picture.next_scanline < e->picture.image_height) {
      JSAMPROW line = (JSAMPROW)(rgb + (size_t)e->picture.next_scanline * (size_t)width * 3);
      jpeg_write_scanlines(&e->picture, &line, 1);
    }
    jpeg_finish_compress(&e->picture);
  }
  int code = e->errors.code;
  jpeg_destroy_compress(&e->picture);
  if (code == BYOL_IMAGE_OK) {
    *encoded = e->bytes;
    *count = e->count;
  } else {
    free(e->bytes);
  }
  free(e);
  return code;
}
