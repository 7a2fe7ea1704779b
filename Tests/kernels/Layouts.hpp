// Activations as the header of CKernels describes them, one element at a time.
#pragma once
#include "Check.hpp"

namespace check {

/// Feature maps of some pictures.
struct Feature {
  int64_t images, pixels, channels;
  bool blocked;

  ck_layout layout(ck_type type) const { return {images * pixels, channels, pixels, blocked, type}; }
};

inline int64_t count(const ck_layout &l) { return l.rows * l.channels; }

/// Where an element is stored.
inline int64_t at(const ck_layout &l, int64_t row, int64_t channel) {
  if (!l.blocked) return row * l.channels + channel;
  const int64_t image = row / l.pixels, pixel = row % l.pixels;
  return (image * l.channels + channel / 16 * 16) * l.pixels + pixel * 16 + channel % 16;
}

/// Calls `body(position, channel)` for every element.
template <class Body>
void forEachElement(const ck_layout &l, Body body) {
  for (int64_t row = 0; row < l.rows; row++)
    for (int64_t channel = 0; channel < l.channels; channel++) body(at(l, row, channel), channel);
}

inline std::string describe(const ck_layout &l, int threads) {
  return text(
    "%s, %s, %lld rows of %lld channels, %d threads", name(l.type), l.blocked ? "blocked" : "NHWC", (long long)l.rows,
    (long long)l.channels, threads);
}

}  // namespace check
