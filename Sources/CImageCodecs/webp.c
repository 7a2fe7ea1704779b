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
  header->bits = 8;
  return BYOL_IMAGE_OK;
}

// Writes rows of pixels `stride` bytes apart into `room` bytes.
static int decode_still(const uint8_t *bytes, size_t count, size_t stride, int channels,
                        uint8_t *pixels, size_t room, char *message) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return BYOL_IMAGE_MEMORY;
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels;
  config.output.u.RGBA.stride = (int)stride;
  config.output.u.RGBA.size = room;
  int code = code_of(WebPDecode(bytes, count, &config), message);
  WebPFreeDecBuffer(&config.output);
  return code;
}

// The first frame on a transparent canvas. Not by the library's animation decoder, which holds two more canvases.
static int decode_first_frame(const uint8_t *bytes, size_t count, int width, int height,
                              uint8_t *pixels, char *message) {
  WebPData data = {bytes, count};
  WebPIterator frame;
  size_t stride = (size_t)width * 4, size = stride * (size_t)height;
  int code = BYOL_IMAGE_CORRUPT;
  WebPDemuxer *demuxer = WebPDemux(&data);
  if (demuxer && WebPDemuxGetFrame(demuxer, 1, &frame)) {
    if (frame.x_offset + frame.width <= width && frame.y_offset + frame.height <= height) {
      size_t first = (size_t)frame.y_offset * stride + (size_t)frame.x_offset * 4;
      memset(pixels, 0, size);
      code = decode_still(frame.fragment.bytes, frame.fragment.size, stride, 4, pixels + first,
                          size - first, message);
    }
    WebPDemuxReleaseIterator(&frame);
  } else {
    snprintf(message, BYOL_IMAGE_MESSAGE_BYTES, "the animation has no first frame");
  }
  WebPDemuxDelete(demuxer);
  return code;
}

int byol_webp_decode(const uint8_t *bytes, size_t count, int width, int height, int channels,
                     uint8_t *pixels, char *message) {
  WebPBitstreamFeatures features;
  message[0] = 0;
  int code = code_of(WebPGetFeatures(bytes, count, &features), message);
  if (code != BYOL_IMAGE_OK) return code;
  if (features.width != width || features.height != height) return BYOL_IMAGE_CORRUPT;
  if (features.has_animation)
    return decode_first_frame(bytes, count, width, height, pixels, message);
  size_t stride = (size_t)width * (size_t)channels;
  return decode_still(bytes, count, stride, channels, pixels, stride * (size_t)height, message);
}
