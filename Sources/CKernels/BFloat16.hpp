// bfloat16 as a type of its own: the upper half of a float32.
#pragma once
#include <stdint.h>
#include <string.h>

namespace ck {

struct bfloat16 {
  uint16_t bits;
};

/// The same number as a float32: exact.
__attribute__((always_inline)) inline float widened(bfloat16 value) {
  const uint32_t word = (uint32_t)value.bits << 16;
  float result;
  memcpy(&result, &word, 4);
  return result;
}
__attribute__((always_inline)) inline float widened(float value) { return value; }

}  // namespace ck
