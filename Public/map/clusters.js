// k-means by Lloyd's rounds (1982) from centres chosen as the greedy k-means++ does (Arthur and Vassilvitskii 2007).

import { randomSource } from "./random.js";

const rounds = 25;

function distance(rows, width, row, centre, at) {
  let sum = 0;
  for (let c = 0; c < width; c += 1) {
    const difference = rows[row * width + c] - centre[at * width + c];
    sum += difference * difference;
  }
  return sum;
}

// Of a few rows drawn with a probability in proportion to their squared distance from the centres so far, the one that
// leaves the least of it.
function nextCentre(rows, width, count, nearest, tries, random) {
  const total = nearest.reduce((sum, value) => sum + value, 0);
  let best = { left: Infinity, row: 0, nearest };
  for (let attempt = 0; attempt < tries; attempt += 1) {
    let part = random.unit() * total;
    let row = 0;
    while (row < count - 1 && (part -= nearest[row]) >= 0) row += 1;
    const after = new Float64Array(count);
    let left = 0;
    for (let other = 0; other < count; other += 1) {
      after[other] = Math.min(nearest[other], distance(rows, width, other, rows, row));
      left += after[other];
    }
    if (left < best.left) best = { left, row, nearest: after };
  }
  return best;
}

function chosenCentres(rows, width, count, wanted, random) {
  const centres = new Float64Array(wanted * width);
  const tries = 2 + Math.floor(Math.log(wanted));
  let chosen = { row: random.below(count), nearest: new Float64Array(count).fill(1) };
  chosen.nearest = chosen.nearest.map((_, row) => distance(rows, width, row, rows, chosen.row));
  for (let k = 0; k < wanted; k += 1) {
    centres.set(rows.subarray(chosen.row * width, (chosen.row + 1) * width), k * width);
    if (k + 1 < wanted) chosen = nextCentre(rows, width, count, chosen.nearest, tries, random);
  }
  return centres;
}

function assign(rows, width, count, centres, wanted, clusters) {
  let moved = 0;
  for (let row = 0; row < count; row += 1) {
    let best = 0;
    let least = Infinity;
    for (let k = 0; k < wanted; k += 1) {
      const found = distance(rows, width, row, centres, k);
      if (found < least) {
        least = found;
        best = k;
      }
    }
    if (clusters[row] !== best) moved += 1;
    clusters[row] = best;
  }
  return moved;
}

// The cluster of each row, numbered from 0 with the largest first.
export function kMeans(rows, width, count, wanted) {
  const k = Math.max(1, Math.min(wanted, count));
  const centres = chosenCentres(rows, width, count, k, randomSource(13));
  const clusters = new Int32Array(count).fill(-1);
  const sizes = new Int32Array(k);
  for (let round = 0; round < rounds; round += 1) {
    const moved = assign(rows, width, count, centres, k, clusters);
    sizes.fill(0);
    const sums = new Float64Array(k * width);
    for (let row = 0; row < count; row += 1) {
      sizes[clusters[row]] += 1;
      for (let c = 0; c < width; c += 1) sums[clusters[row] * width + c] += rows[row * width + c];
    }
    // A cluster that lost all its rows keeps its centre.
    for (let at = 0; at < sums.length; at += 1) {
      const size = sizes[Math.floor(at / width)];
      if (size) centres[at] = sums[at] / size;
    }
    if (moved === 0) break;
  }
  const rank = new Int32Array(k);
  Array.from({ length: k }, (_, n) => n).sort((x, y) =>
    sizes[y] - sizes[x]).forEach((n, place) => { rank[n] = place; });
  return clusters.map((cluster) => rank[cluster]);
}
