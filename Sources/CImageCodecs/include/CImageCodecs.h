// The picture codecs behind plain functions: no setjmp, no library type crosses this header.
#pragma once
#include "ImageKernels.h"
#include <stddef.h>
#include <stdint.h>

// How a call ended. The Swift side turns each into a code of its own.
enum {
  BYOL_IMAGE_OK = 0,
  BYOL_IMAGE_TRUNCATED = 1,   // the bytes end before the picture does
  BYOL_IMAGE_CORRUPT = 2,     // the library refused the bytes; the message says why
  BYOL_IMAGE_UNSUPPORTED = 3, // a legal picture of a kind that is not decoded
  BYOL_IMAGE_MEMORY = 4,      // an allocation failed
  BYOL_IMAGE_COSTLY = 5,      // decoding would take more passes than are allowed
};

#define BYOL_IMAGE_MESSAGE_BYTES 200

// What the format stores.
enum { BYOL_KIND_RGB = 0, BYOL_KIND_GRAY = 1, BYOL_KIND_PALETTE = 2, BYOL_KIND_CMYK = 3 };

// What a header says. `channels` is what the decoder delivers: 1 gray, 3 RGB, 4 RGB and alpha
// (PNG, WebP, GIF).
typedef struct {
  int32_t width;
  int32_t height;
  int32_t channels;
  int32_t kind;
  int32_t progressive;
  int32_t bits; // of a sample as stored
} byol_image_header;

// JPEG: `eighths` in 1...8 scales in the DCT domain; the header's size is the scaled one.
int byol_jpeg_header(const uint8_t *bytes, size_t count, int eighths, byol_image_header *header,
                     char *message);
// Writes width*height*3 bytes of RGB; the size must be the one that the header call gave.
int byol_jpeg_decode(const uint8_t *bytes, size_t count, int eighths, int width, int height,
                     uint8_t *rgb, char *message);
// Encodes RGB at `quality` 1...100 without chroma subsampling where `full_chroma` is not 0.
// `*encoded` is allocated with malloc and belongs to the caller (`byol_free`).
int byol_jpeg_encode(const uint8_t *rgb, int width, int height, int quality, int full_chroma,
                     uint8_t **encoded, size_t *count, char *message);

int byol_png_header(const uint8_t *bytes, size_t count, byol_image_header *header, char *message);
// Writes width*height*channels bytes (3 or 4, as the header call gave).
int byol_png_decode(const uint8_t *bytes, size_t count, int width, int height, int channels,
                    uint8_t *pixels, char *message);
// Encodes 8-bit RGB as PNG; `*encoded` as above.
int byol_png_encode(const uint8_t *rgb, int width, int height, uint8_t **encoded, size_t *count,
                    char *message);

// WebP, as PNG: lossy, lossless, and the first frame of an animation (always with alpha).
int byol_webp_header(const uint8_t *bytes, size_t count, byol_image_header *header, char *message);
int byol_webp_decode(const uint8_t *bytes, size_t count, int width, int height, int channels,
                     uint8_t *pixels, char *message);

// GIF, as PNG: the first frame on the canvas, with alpha where an index is transparent.
int byol_gif_header(const uint8_t *bytes, size_t count, byol_image_header *header, char *message);
int byol_gif_decode(const uint8_t *bytes, size_t count, int width, int height, int channels,
                    uint8_t *pixels, char *message);

void byol_free(void *pointer);

// A 128-bit hash of `count` bytes, for finding equal files; not made against an adversary.
void byol_hash128(const uint8_t *bytes, size_t count, uint64_t hash[2]);

// CRC-32 (zlib's) of `count` bytes, going on from `seed` (0 at first).
uint32_t byol_crc32(uint32_t seed, const uint8_t *bytes, size_t count);
