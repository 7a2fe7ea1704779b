// A colour for each kind: labels, clusters or parts. Middle tones, so that they stand out from light and from dark
// paper.

const tones = [
  [0x3b, 0x82, 0xc4], [0xe0, 0x7b, 0x28], [0x3f, 0x9d, 0x58], [0xd1, 0x49, 0x5b], [0x8a, 0x6f, 0xc8],
    [0x9a, 0x6a, 0x4b],
  [0xd4, 0x6f, 0xb4], [0x7f, 0x8c, 0x8d], [0xb5, 0xa1, 0x2f], [0x2f, 0xa8, 0xb5], [0x6f, 0x8f, 0x2f],
    [0xc0, 0x84, 0x84],
];
export const unknown = [0x8b, 0x95, 0x9a];

function fromHue(hue, lightness) {
  const part = (shift) => {
    const k = (shift + hue / 30) % 12;
    return Math.round(255 * (lightness - 0.26 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}

// Beyond the dozen, hues by the golden angle: neighbours in the list differ.
export function toneOf(k) {
  return tones[k] ?? fromHue((k * 137.508) % 360, [0.5, 0.42, 0.6][k % 3]);
}

export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

// The kinds of a list of values, the most frequent first: `{ kinds: [{ name, size, tone }], kindOf }`, where `kindOf`
// is the number of the kind of each item.
export function kindsOf(values) {
  const sizes = new Map();
  for (const value of values) sizes.set(value, (sizes.get(value) ?? 0) + 1);
  const order = [...sizes].sort((a, b) => b[1] - a[1]
    || String(a[0]).localeCompare(String(b[0]), undefined, { numeric: true }));
  const numbers = new Map(order.map(([value], k) => [value, k]));
  return {
    kinds: order.map(([value, size], k) => ({ name: value ?? "no label", size,
      tone: value === null ? unknown : toneOf(k) })),
    kindOf: Int32Array.from(values, (value) => numbers.get(value)),
  };
}

export function bytesOf({ kinds, kindOf }) {
  const bytes = new Uint8Array(3 * kindOf.length);
  kindOf.forEach((kind, k) => bytes.set(kinds[kind].tone, 3 * k));
  return bytes;
}
