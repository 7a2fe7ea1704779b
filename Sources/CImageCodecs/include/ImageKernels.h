// Vectorised loops over pixels. Planes are float32 in 0...1, one after the other: red, green, blue, or 1...16 others.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { BYOL_BICUBIC = 0, BYOL_BILINEAR = 1 };

// Pictures have `channels` interleaved bytes per pixel, 1...16.

// A part of a resampled picture: `width` x `height` pixels from column `x` and row `y` on.
typedef struct {
  int32_t x, y, width, height;
} byol_window;

// The bytes of scratch memory that `byol_resample_planes` and `byol_resample_bytes` need. They are bounded by the sizes
// of the crop and of what is written.
size_t byol_resample_planes_scratch(int width, int height, int channels, int out_width,
                                    int out_height);
size_t byol_resample_bytes_scratch(int width, int height, int channels, int out_width,
                                   int out_height, byol_window part, int filter);

// Antialiased resampling of a crop (its first pixel is at `pixels`, rows are `stride` bytes apart) to as many float
// planes of out_width*out_height as there are channels, in 0...1, clipped; mirrored where `flip` is not 0.
void byol_resample_planes(const uint8_t *pixels, size_t stride, int width, int height, int channels,
                          float *planes, int out_width, int out_height, int filter, int flip,
                          void *scratch);

// Antialiased resampling in fixed point, equal to Pillow's `Image.resize` to out_width x out_height bit for bit. Only
// `part` of the result, which must lie inside it, is computed and written, its rows one after the other.
void byol_resample_bytes(const uint8_t *pixels, size_t stride, int width, int height, int channels,
                         uint8_t *out, int out_width, int out_height, byol_window part, int filter,
                         void *scratch);

enum {
  BYOL_BRIGHTNESS = 0, // adds `amount`
  BYOL_CONTRAST = 1,   // factor `amount` about each channel's mean
  BYOL_SATURATION = 2, // factor `amount` on HSV's saturation
  BYOL_HUE = 3,        // adds `amount` turns to HSV's hue
  BYOL_GRAY = 4,       // replaces every channel by 0.2989 r + 0.5870 g + 0.1140 b
};

typedef struct {
  int32_t kind;
  float amount;
} byol_color_change;

// Applies the changes in order to planes of `count` floats; every result is clipped to 0...1. Where there are not three
// planes, brightness and contrast alone.
void byol_color(float *planes, size_t count, int channels, const byol_color_change *changes,
                int change_count);

// Mirrors each plane of side*side top to bottom, then swaps its rows and columns, each where asked, in place.
void byol_turn(float *planes, int side, int channels, int vertical_flip, int transpose);

// The floats of scratch memory that `byol_blur` needs.
size_t byol_blur_scratch(int side);

// Gaussian blur of planes of side*side with a kernel of 2*radius+1 taps; zeros outside.
void byol_blur(float *planes, int side, int channels, int radius, float sigma, float *scratch);

// Solarizes at or above `threshold` (above 1: never), clips, normalises (value*scale+offset per
// channel) and interleaves planes of `count` floats into `out`, channels last.
void byol_finish(const float *planes, size_t count, int channels, float threshold,
                 const float *scale, const float *offset, float *out);

// `count` pixels to normalised floats, channels last: value/255*scale+offset.
void byol_normalize_bytes(const uint8_t *pixels, size_t count, int channels, const float *scale,
                          const float *offset, float *out);

// Packs `count` RGBA pixels to RGB in place: laid over white where `white` is not 0, alpha left out otherwise.
void byol_remove_alpha(uint8_t *rgba, size_t count, int white);
