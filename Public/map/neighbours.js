// The nearest neighbours of every row: by comparing all pairs, or, of many rows, by trees of random projections whose
// neighbours' neighbours are tried too (Dong, Moses and Li 2011, NN-descent; trees as in Dasgupta and Freund 2008).

import { randomSource } from "./random.js";

export const exactLimit = 20000;
const treeCount = 8;
const leafSize = 48;
const rounds = 3;

// For each row its `k` nearest so far, in increasing squared distance.
class Nearest {
  constructor(count, k) {
    this.k = k;
    this.indices = new Int32Array(count * k).fill(-1);
    this.distances = new Float64Array(count * k).fill(Infinity);
  }

  // Takes `other` in, if it is near enough and not there yet.
  offer(row, other, distance) {
    const { k, indices, distances } = this;
    const from = row * k;
    let at = from + k - 1;
    if (!(distance < distances[at])) return;
    for (let slot = from; slot <= at; slot += 1) if (indices[slot] === other) return;
    while (at > from && distances[at - 1] > distance) {
      distances[at] = distances[at - 1];
      indices[at] = indices[at - 1];
      at -= 1;
    }
    distances[at] = distance;
    indices[at] = other;
  }
}

function squaredDistance(rows, width, a, b) {
  let sum = 0;
  for (let c = 0, p = a * width, q = b * width; c < width; c += 1) {
    const difference = rows[p + c] - rows[q + c];
    sum += difference * difference;
  }
  return sum;
}

// The squared distances of one row to four that follow each other: four sums at once keep the processor busy.
function fourDistances(rows, width, a, b, result) {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const p = a * width;
  const q = b * width;
  for (let c = 0; c < width; c += 1) {
    const value = rows[p + c];
    const d0 = value - rows[q + c];
    const d1 = value - rows[q + width + c];
    const d2 = value - rows[q + 2 * width + c];
    const d3 = value - rows[q + 3 * width + c];
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  result[0] = s0;
  result[1] = s1;
  result[2] = s2;
  result[3] = s3;
}

// All pairs, in tiles of rows that stay in the cache. `progress` is awaited with the share done.
async function exact(rows, width, count, nearest, progress) {
  const tile = 64;
  const four = new Float64Array(4);
  for (let a0 = 0; a0 < count; a0 += tile) {
    for (let b0 = a0; b0 < count; b0 += tile) {
      const bEnd = Math.min(count, b0 + tile);
      for (let a = a0; a < Math.min(count, a0 + tile); a += 1) {
        let b = Math.max(b0, a + 1);
        for (; b + 4 <= bEnd; b += 4) {
          fourDistances(rows, width, a, b, four);
          for (let k = 0; k < 4; k += 1) {
            nearest.offer(a, b + k, four[k]);
            nearest.offer(b + k, a, four[k]);
          }
        }
        for (; b < bEnd; b += 1) {
          const distance = squaredDistance(rows, width, a, b);
          nearest.offer(a, b, distance);
          nearest.offer(b, a, distance);
        }
      }
    }
    const left = 1 - a0 / count;
    await progress(1 - left * left);
  }
}

// Splits rows by the side of a plane halfway between two of them, until few are left, and compares these.
function growTree(rows, width, members, random, nearest) {
  const waiting = [members];
  while (waiting.length) {
    const group = waiting.pop();
    if (group.length <= leafSize) {
      compareAll(rows, width, group, nearest);
      continue;
    }
    const a = group[random.below(group.length)];
    const b = group[random.below(group.length)];
    let middle = 0;
    const plane = new Float64Array(width);
    for (let c = 0; c < width; c += 1) {
      plane[c] = rows[a * width + c] - rows[b * width + c];
      middle += plane[c] * (rows[a * width + c] + rows[b * width + c]) / 2;
    }
    const sides = [[], []];
    for (const row of group) {
      let sum = 0;
      for (let c = 0; c < width; c += 1) sum += plane[c] * rows[row * width + c];
      sides[sum > middle ? 1 : 0].push(row);
    }
    // Equal rows lie on one side of every plane: they are split by their order.
    if (!sides[0].length || !sides[1].length) {
      const half = group.length >> 1;
      waiting.push(group.slice(0, half), group.slice(half));
    } else {
      waiting.push(...sides);
    }
  }
}

function compareAll(rows, width, group, nearest) {
  for (let x = 0; x < group.length; x += 1) {
    for (let y = x + 1; y < group.length; y += 1) {
      const distance = squaredDistance(rows, width, group[x], group[y]);
      nearest.offer(group[x], group[y], distance);
      nearest.offer(group[y], group[x], distance);
    }
  }
}

async function approximate(rows, width, count, nearest, progress) {
  const random = randomSource(11);
  const steps = treeCount + rounds * 10;
  for (let tree = 0; tree < treeCount; tree += 1) {
    growTree(rows, width, Array.from({ length: count }, (_, row) => row), random, nearest);
    await progress((tree + 1) / steps);
  }
  const { k } = nearest;
  for (let round = 0; round < rounds; round += 1) {
    const known = nearest.indices.slice();
    for (let row = 0; row < count; row += 1) {
      for (let slot = 0; slot < k; slot += 1) {
        const friend = known[row * k + slot];
        if (friend < 0) continue;
        for (let other = 0; other < k; other += 1) {
          const candidate = known[friend * k + other];
          if (candidate < 0 || candidate === row) continue;
          const distance = squaredDistance(rows, width, row, candidate);
          nearest.offer(row, candidate, distance);
          nearest.offer(candidate, row, distance);
        }
      }
      if (row % Math.ceil(count / 10) === 0) await progress((treeCount + round * 10 + (10 * row) / count) / steps);
    }
  }
}

// `{ indices, distances, k }`: of each row its nearest others, the nearest first, with their distances (not squared).
// Exact up to `limit` rows.
export async function nearestNeighbours(rows, width, count,
  { k = 15, limit = exactLimit, progress = async () => {} } = {}) {
  const nearest = new Nearest(count, Math.max(1, Math.min(k, count - 1)));
  await (count <= limit ? exact : approximate)(rows, width, count, nearest, progress);
  const distances = Float32Array.from(nearest.distances, Math.sqrt);
  return { indices: nearest.indices, distances, k: nearest.k };
}
