// libpng behind setjmp: an error of the library becomes a returned code and a message.
#include "CImageCodecs.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const uint8_t *bytes;
  size_t count;
  size_t offset;
  int code;
  char *message;
} png_state;

static void on_error(png_structp png, png_const_charp text) {
  png_state *state = png_get_error_ptr(png);
  if (state->code == BYOL_IMAGE_OK) {
    state->code = BYOL_IMAGE_CORRUPT;
    if (strstr(text, "memory")) state->code = BYOL_IMAGE_MEMORY;
    snprintf(state->message, BYOL_IMAGE_MESSAGE_BYTES, "%s", text);
  }
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void on_read(png_structp png, png_bytep out, size_t count) {
  png_state *state = png_get_io_ptr(png);
  if (state->count - state->offset < count) {
    state->code = BYOL_IMAGE_TRUNCATED;
    snprintf(state->message, BYOL_IMAGE_MESSAGE_BYTES, "the bytes end inside a chunk");
    png_error(png, "truncated");
  }
  memcpy(out, state->bytes + state->offset, count);
  state->offset += count;
}

static png_structp reader(png_state *state) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, state, on_error, on_warning);
  if (!png) return NULL;
  png_set_read_fn(png, state, on_read);
  png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);
  png_set_benign_errors(png, 1);
  // Only IHDR, PLTE, tRNS, IDAT and IEND are read: for the others (texts, profiles) libpng would
  // allocate what they say of their length, up to 2 GiB, before a byte of them is there.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  return png;
}

// Every kind becomes 8-bit RGB or RGBA: 16-bit keeps its high byte, palettes and grays expand,
// a transparent colour becomes alpha. To be called under setjmp.
static int convert(png_structp png, png_infop info) {
  int type = png_get_color_type(png, info);
  int transparent = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  if (png_get_bit_depth(png, info) == 16) png_set_strip_16(png);
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  if (transparent) png_set_tRNS_to_alpha(png);
  if (!(type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
  return (type & PNG_COLOR_MASK_ALPHA) || transparent ? 4 : 3;
}

int byol_png_header(const uint8_t *bytes, size_t count, byol_image_header *header, char *message) {
  png_state state = {bytes, count, 0, BYOL_IMAGE_OK, message};
  message[0] = 0;
  png_structp png = reader(&state);
  if (!png) return BYOL_IMAGE_MEMORY;
  png_infop info = png_create_info_struct(png);
  if (info && !setjmp(png_jmpbuf(png))) {
    png_read_info(png, info);
    header->width = (int32_t)png_get_image_width(png, info);
    header->height = (int32_t)png_get_image_height(png, info);
    int type = png_get_color_type(png, info);
    header->kind = type == PNG_COLOR_TYPE_PALETTE   ? BYOL_KIND_PALETTE
                   : type & PNG_COLOR_MASK_COLOR ? BYOL_KIND_RGB
                                                 : BYOL_KIND_GRAY;
    header->progressive = png_get_interlace_type(png, info) != PNG_INTERLACE_NONE;
    header->bits = png_get_bit_depth(png, info);
    header->channels = convert(png, info);
  }
  png_destroy_read_struct(&png, &info, NULL);
  return state.code;
}

int byol_png_decode(const uint8_t *bytes, size_t count, int width, int height, int channels,
                    uint8_t *pixels, char *message) {
  png_state state = {bytes, count, 0, BYOL_IMAGE_OK, message};
  message[0] = 0;
  png_structp png = reader(&state);
  if (!png) return BYOL_IMAGE_MEMORY;
  png_infop info = png_create_info_struct(png);
  if (info && !setjmp(png_jmpbuf(png))) {
    png_read_info(png, info);
    if ((int)png_get_image_width(png, info) != width ||
        (int)png_get_image_height(png, info) != height || convert(png, info) != channels)
      png_error(png, "the size changed");
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t stride = (size_t)width * (size_t)channels;
    if (png_get_rowbytes(png, info) != stride) png_error(png, "an unexpected row size");
    for (int pass = 0; pass < passes; pass++)
      for (int y = 0; y < height; y++) png_read_row(png, pixels + (size_t)y * stride, NULL);
  }
  png_destroy_read_struct(&png, &info, NULL);
  return state.code;
}

int byol_png_encode(const uint8_t *rgb, int width, int height, uint8_t **encoded, size_t *count,
                    char *message) {
  png_image image;
  memset(&image, 0, sizeof image);
  message[0] = 0;
  image.version = PNG_IMAGE_VERSION;
  image.width = (png_uint_32)width;
  image.height = (png_uint_32)height;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  uint8_t *buffer = malloc(bytes);
  if (!buffer) return BYOL_IMAGE_MEMORY;
  if (!png_image_write_to_memory(&image, buffer, &bytes, 0, rgb, 0, NULL)) {
    snprintf(message, BYOL_IMAGE_MESSAGE_BYTES, "%s", image.message);
    free(buffer);
    return BYOL_IMAGE_CORRUPT;
  }
  *encoded = buffer;
  *count = bytes;
  return BYOL_IMAGE_OK;
}

void byol_free(void *pointer) { free(pointer); }
