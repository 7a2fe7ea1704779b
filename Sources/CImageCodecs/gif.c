// giflib: the first frame, on the canvas.
#include "CImageCodecs.h"
#include <gif_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const uint8_t *bytes;
  size_t count;
  size_t offset;
  int ran_out;
} gif_source;

// Where a single byte is wanted past the end it is 0: the end of the blocks of data, and no record. So
// a file whose last bytes are missing is read where all of its pixels are there.
static int on_read(GifFileType *gif, GifByteType *out, int count) {
  gif_source *source = gif->UserData;
  size_t left = source->count - source->offset, n = (size_t)count < left ? (size_t)count : left;
  memcpy(out, source->bytes + source->offset, n);
  source->offset += n;
  if (n == (size_t)count) return count;
  source->ran_out = 1;
  if (count == 1) *out = 0;
  return count == 1 ? 1 : (int)n;
}

static int failed(const gif_source *source, int error, char *message) {
  const char *text = GifErrorString(error);
  if (error == D_GIF_ERR_NOT_ENOUGH_MEM) return BYOL_IMAGE_MEMORY;
  if (source->ran_out) text = "the bytes end before the first frame does";
  snprintf(message, BYOL_IMAGE_MESSAGE_BYTES, "%s", text ? text : "broken");
  return source->ran_out ? BYOL_IMAGE_TRUNCATED : BYOL_IMAGE_CORRUPT;
}

// Reads up to the first frame's pixels; `transparent` becomes the index of no colour, or -1.
static int first_frame(GifFileType *gif, int *transparent) {
  GifRecordType record;
  *transparent = NO_TRANSPARENT_COLOR;
  for (;;) {
    if (DGifGetRecordType(gif, &record) == GIF_ERROR) return gif->Error;
    if (record == IMAGE_DESC_RECORD_TYPE)
      return DGifGetImageDesc(gif) == GIF_ERROR ? gif->Error : 0;
    if (record != EXTENSION_RECORD_TYPE) return D_GIF_ERR_NO_IMAG_DSCR;
    int kind;
    GifByteType *block; // its first byte is its length
    if (DGifGetExtension(gif, &kind, &block) == GIF_ERROR) return gif->Error;
    if (kind == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && block[1] & 1)
      *transparent = block[4];
    while (block)
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return gif->Error;
  }
}

// Opens the file and reads up to the pixels. The canvas grows to hold the frame, as with Pillow.
static GifFileType *opened(gif_source *source, byol_image_header *header, int *transparent,
                           int *code, char *message) {
  int error = 0;
  message[0] = 0;
  GifFileType *gif = DGifOpen(source, on_read, &error);
  if (gif) error = first_frame(gif, transparent);
  if (!gif || error) {
    *code = failed(source, error, message);
    if (gif) DGifCloseFile(gif, NULL);
    return NULL;
  }
  int right = gif->Image.Left + gif->Image.Width, bottom = gif->Image.Top + gif->Image.Height;
  header->width = right > gif->SWidth ? right : gif->SWidth;
  header->height = bottom > gif->SHeight ? bottom : gif->SHeight;
  header->channels = *transparent == NO_TRANSPARENT_COLOR ? 3 : 4;
  header->kind =
      gif->Image.ColorMap || gif->SColorMap ? BYOL_KIND_PALETTE : BYOL_KIND_GRAY;
  header->progressive = gif->Image.Interlace;
  header->bits = 8;
  *code = BYOL_IMAGE_OK;
  return gif;
}

int byol_gif_header(const uint8_t *bytes, size_t count, byol_image_header *header, char *message) {
  gif_source source = {bytes, count, 0, 0};
  int transparent, code;
  GifFileType *gif = opened(&source, header, &transparent, &code, message);
  if (gif) DGifCloseFile(gif, NULL);
  return code;
}

// The colours of all 256 indices; those without an entry are gray levels, and all of them are where
// there is no table.
static void read_palette(const GifFileType *gif, int transparent, uint8_t palette[256][4]) {
  const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
  for (int i = 0; i < 256; i++) {
    palette[i][0] = palette[i][1] = palette[i][2] = (uint8_t)i;
    palette[i][3] = i == transparent ? 0 : 255;
    if (!map || i >= map->ColorCount) continue;
    palette[i][0] = map->Colors[i].Red;
    palette[i][1] = map->Colors[i].Green;
    palette[i][2] = map->Colors[i].Blue;
  }
}

static int decode_rows(GifFileType *gif, uint8_t palette[256][4], size_t stride, int channels,
                       uint8_t *pixels) {
  static const int first[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};
  const GifImageDesc *frame = &gif->Image;
  uint8_t *row = malloc((size_t)frame->Width + 1);
  if (!row) return D_GIF_ERR_NOT_ENOUGH_MEM;
  int error = 0;
  for (int pass = frame->Interlace ? 0 : 3; pass < 4 && !error; pass++) {
    int jump = frame->Interlace ? step[pass] : 1;
    for (int y = frame->Interlace ? first[pass] : 0; y < frame->Height && !error; y += jump) {
      if (DGifGetLine(gif, row, frame->Width) == GIF_ERROR) error = gif->Error;
      uint8_t *out = pixels + (size_t)(frame->Top + y) * stride +
                     (size_t)frame->Left * (size_t)channels;
      for (int x = 0; x < frame->Width && !error; x++, out += channels)
        memcpy(out, palette[row[x]], (size_t)channels);
    }
  }
  free(row);
  return error;
}

int byol_gif_decode(const uint8_t *bytes, size_t count, int width, int height, int channels,
                    uint8_t *pixels, char *message) {
  gif_source source = {bytes, count, 0, 0};
  byol_image_header header;
  uint8_t palette[256][4];
  int transparent, code;
  GifFileType *gif = opened(&source, &header, &transparent, &code, message);
  if (!gif) return code;
  if (header.width != width || header.height != height || header.channels != channels) {
    code = BYOL_IMAGE_CORRUPT;
  } else {
    read_palette(gif, transparent, palette);
    const uint8_t *outside = palette[transparent == NO_TRANSPARENT_COLOR ? 0 : transparent];
    for (size_t i = 0; i < (size_t)width * (size_t)height; i++)
      memcpy(pixels + i * (size_t)channels, outside, (size_t)channels);
    int error = decode_rows(gif, palette, (size_t)width * (size_t)channels, channels, pixels);
    if (error) code = failed(&source, error, message);
  }
  DGifCloseFile(gif, NULL);
  return code;
}
