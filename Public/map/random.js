// Random numbers from a seed: the same vectors always make the same map.

// The generator `xorshift32` (Marsaglia 2003): 32 bits of state, none of them zero together.
export function randomSource(seed) {
  let state = (seed | 0) || 1;
  const bits = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return {
    // An integer from 0 to `limit` - 1.
    below: (limit) => bits() % limit,
    // A number of [0, 1).
    unit: () => bits() / 4294967296,
    // A sample of the normal distribution, by Box and Muller.
    normal: () => Math.sqrt(-2 * Math.log((bits() + 1) / 4294967297)) * Math.cos((2 * Math.PI * bits()) / 4294967296),
  };
}
