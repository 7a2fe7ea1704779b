// The exponential function on sixteen lanes.
#pragma once
#include "Vector.hpp"

namespace {

/// eˣ, within 2 units in the last place; infinity, 0 and NaN where they belong.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, and eˣ = 2ⁿ·eʳ. The polynomial of eʳ is that of Cephes (Moshier, expf.c).
INLINE Lanes exponential(Lanes x) {
  // Beyond these, the result is infinity or 0; n stays within what two factors of 2ⁿ can hold.
  const Lanes clamped = maximum(-maximum(-x, splat(-89.0f)), splat(-104.0f));
  // Adding 1.5·2²³ rounds to an integer, which is then in the low bits.
  const Lanes shift = splat(12582912.0f);
  const Lanes n = (clamped * 1.44269504088896341f + shift) - shift;
  // ln 2 in two parts: n times the first is exact.
  const Lanes r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  Lanes p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 2ⁿ in two factors: one alone overflows for n = 128 and cannot be a subnormal number.
  const Mask whole = __builtin_convertvector(n, Mask), half = whole >> 1;
  const Lanes result = p * (Lanes)((half + 127) << 23) * (Lanes)((whole - half + 127) << 23);
  return x == x ? result : x;
}

}  // namespace
