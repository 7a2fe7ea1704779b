// libwebp: lossy, lossless and the first frame of an animation.
#include "CImageCodecs.h"
#include <stdio.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

static int code_of(VP8StatusCode status, char *message) {
  switch (status) {
  case VP8_STATUS_OK: return BYOL_IMAGE_OK;
  case VP8_STATUS_NOT_ENOUGH_DATA:
  case VP8_STATUS_SUSPENDED:
    snprintf(message, BYOL_IMAGE_MESSAGE_BYTES, "the bytes end before the picture does");
    return BYOL_IMAGE_TRUNCATED;
  case VP8_STATUS_OUT_OF_MEMORY: return BYOL_IMAGE_MEMORY;
  case VP8_STATUS_UNSUPPORTED_FEATURE:
    snprintf(message, BYOL_IMAGE_MESSAGE_BYTES, "a feature of WebP that is not decoded");
    return BYOL_IMAGE_UNSUPPORTED;
  default:
    snprintf(message, BYOL_IMAGE_MESSAGE_BYTES, "the bit stream is broken");
    return BYOL_IMAGE_CORRUPT;
  }
}

int byol_webp_header(const uint8_t *bytes, size_t count, byol_image_header *header, char *message) {
  WebPBitstreamFeatures features;
  message[0] = 0;
  int code = code_of(WebPGetFeatures(bytes, count, &features), message);
  if (code != BYOL_IMAGE_OK) return code;
  header->width = features.width;
  header->height = features.height;
  header->channels = features.has_alpha || features.has_animation ? 4 : 3;
  header->kind = BYOL_KIND_RGB;
  header->progressive = 0;
  return BYOL_IMAGE_OK;
}

static int decode_still(const uint8_t *bytes, size_t count, int width, int height, int channels,
                        uint8_t *pixels, char *message) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return BYOL_IMAGE_MEMORY;
  size_t stride = (size_t)width * (size_t)channels;
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels;
  config.output.u.RGBA.stride = (int)stride;
  config.output.u.RGBA.size = stride * (size_t)height;
  int code = code_of(WebPDecode(bytes, count, &config), message);
  WebPFreeDecBuffer(&config.output);
  return code;
}

static int decode_first_frame(const uint8_t *bytes, size_t count, int width, int height,
                              uint8_t *pixels, char *message) {
  WebPAnimDecoderOptions options;
  WebPData data = {bytes, count};
  WebPAnimInfo info;
  uint8_t *frame;
  int timestamp, code = BYOL_IMAGE_CORRUPT;
  if (!WebPAnimDecoderOptionsInit(&options)) return BYOL_IMAGE_MEMORY;
  options.color_mode = MODE_RGBA;
  WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, &options);
  if (decoder && WebPAnimDecoderGetInfo(decoder, &info) && (int)info.canvas_width == width &&
      (int)info.canvas_height == height && WebPAnimDecoderGetNext(decoder, &frame, &timestamp)) {
    memcpy(pixels, frame, (size_t)width * (size_t)height * 4);
    code = BYOL_IMAGE_OK;
  } else {
    snprintf(message, BYOL_IMAGE_MESSAGE_BYTES, "the animation has no first frame");
  }
  WebPAnimDecoderDelete(decoder);
  return code;
}

int byol_webp_decode(const uint8_t *bytes, size_t count, int width, int height, int channels,
                     uint8_t *pixels, char *message) {
  WebPBitstreamFeatures features;
  message[0] = 0;
  int code = code_of(WebPGetFeatures(bytes, count, &features), message);
  if (code != BYOL_IMAGE_OK) return code;
  if (features.width != width || features.height != height) return BYOL_IMAGE_CORRUPT;
  return features.has_animation
             ? decode_first_frame(bytes, count, width, height, pixels, message)
             : decode_still(bytes, count, width, height, channels, pixels, message);
}
