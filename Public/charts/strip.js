// The look of a vector.

import { svg } from "../dom.js";
import { number } from "../format.js";

// A strip of bars, one a component: the look of a vector.
export function strip(vector) {
  const bars = 96;
  const size = Math.max(1, Math.ceil(vector.length / bars));
  const largest = Math.max(...vector.map(Math.abs), 1e-12);
  // After a ReLU no component is negative, and the bars have the whole height.
  const base = vector.some((value) => value < 0) ? 20 : 39;
  const parts = [];
  for (let bar = 0; bar * size < vector.length; bar += 1) {
    const part = vector.slice(bar * size, (bar + 1) * size);
    const tallest = part.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    const tall = (Math.abs(tallest) / largest) * (base - 2);
    parts.push(svg("rect", {
      x: bar * 3, width: 2, y: tallest >= 0 ? base - tall : base, height: Math.max(0.4, tall),
      class: tallest >= 0 ? "positive" : "negative",
    }));
  }
  return svg("svg", {
    viewBox: `0 0 ${bars * 3} 40`, class: "strip", role: "img", preserveAspectRatio: "none",
    "aria-label": `${vector.length} components, the largest ${number(largest)}`,
  }, ...parts);
}
