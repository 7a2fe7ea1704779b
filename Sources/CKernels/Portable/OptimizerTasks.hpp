// One step of an optimizer: the sum of the gradients is fused into it, so that no sum is ever written to memory.
#pragma once
#include "ElementwiseTasks.hpp"
#include "Vector.hpp"

namespace {

/// Up to sixteen elements of the sum of all gradients, in their order.
template <class Arguments>
INLINE Lanes gradientSum(const Arguments &u, int64_t i, int64_t width) {
  Lanes total = load(u.gradients[0] + i, width);
  for (int64_t k = 1; k < u.gradientCount; k++) total += load(u.gradients[k] + i, width);
  return total;
}

/// The sum of the gradients with the parameter's weight decay.
INLINE Lanes decayed(const MomentumUpdate &u, int64_t i, Lanes parameter, int64_t width) {
  return gradientSum(u, i, width) + parameter * u.decay;
}

TASK void sumNorms(void *argument) {
  MomentumUpdate &u = *(MomentumUpdate *)argument;
  const Share mine = share((u.count + 15) / 16);
  const int64_t last = mine.last * 16 < u.count ? mine.last * 16 : u.count;
  // Pieces are summed in float32, and the pieces' sums in float64: no rounding grows with the count.
  const int64_t piece = 4096;
  double ofParameter = 0, ofGradient = 0;
  for (int64_t first = mine.first * 16; first < last; first += piece) {
    const int64_t end = first + piece < last ? first + piece : last;
    Lanes p2{}, g2{};
    for (int64_t i = first; i < end; i += 16) {
      const int64_t width = end - i < 16 ? end - i : 16;
      const Lanes p = load(u.parameter + i, width);
      const Lanes g = decayed(u, i, p, width);
      p2 += p * p;
      g2 += g * g;
    }
    ofParameter += sum(p2);
    ofGradient += sum(g2);
  }
  u.partial[2 * mine.thread] = ofParameter;
  u.partial[2 * mine.thread + 1] = ofGradient;
}

TASK void applyMomentum(void *argument) {
  MomentumUpdate &u = *(MomentumUpdate *)argument;
  forEachSixteen(u.count, [&](int64_t i, int64_t width) INLINE_LAMBDA {
    const Lanes p = load(u.parameter + i, width);
    const Lanes g = decayed(u, i, p, width) * u.ratio;
    const Lanes v = load(u.velocity + i, width) * u.momentum + g;
    store(u.newVelocity + i, v, width);
    store(u.newParameter + i, p - v * u.rate, width);
  });
}

TASK void applyAdamW(void *argument) {
  AdamWUpdate &u = *(AdamWUpdate *)argument;
  const ck_adamw &rule = u.constants;
  forEachSixteen(u.count, [&](int64_t i, int64_t width) INLINE_LAMBDA {
    const Lanes p = load(u.parameter + i, width);
    const Lanes g = gradientSum(u, i, width);
    const Lanes m = load(u.first + i, width) * rule.first_decay + g * rule.first_share;
    const Lanes v = load(u.second + i, width) * rule.second_decay + g * g * rule.second_share;
    // Lanes beyond the width hold 0, whose quotient by epsilon is 0 too, or NaN if epsilon is 0; they are not stored.
    const Lanes root = __builtin_elementwise_sqrt(v * u.secondCorrection) + rule.epsilon;
    const Lanes move = m * u.firstCorrection / root + p * rule.weight_decay;
    store(u.newFirst + i, m, width);
    store(u.newSecond + i, v, width);
    store(u.newParameter + i, p - move * u.rate, width);
  });
}

}  // namespace
