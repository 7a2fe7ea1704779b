// UMAP (McInnes, Healy and Melville 2018, arXiv 1802.03426): points in a plane that keep who is near whom.
//
// 1. A neighbour j of i belongs to i by  p(j|i) = exp(−max(0, d(i,j) − ρ(i)) / σ(i)),  where ρ(i) is the distance of
//    the nearest one and σ(i) such that the sum over the neighbours is log2 k (section 3.1).
// 2. Both directions are joined:  p = p(j|i) + p(i|j) − p(j|i)·p(i|j).
// 3. In the plane  q = 1 / (1 + a·d^(2b)).  The cross entropy between p and q is descended by pulling pairs in
//    proportion to p and pushing five random ones each time (section 3.2). a and b are those of a least distance of 0.1.

import { randomSource } from "./random.js";

const a = 1.5769;
const b = 0.8951;
const pushes = 5;
const longestMove = 4;

// σ of one row by bisection, then its memberships.
function memberships(distances, from, k, result) {
  let rho = 0;
  for (let slot = 0; slot < k && rho === 0; slot += 1) if (Number.isFinite(distances[from
    + slot])) rho = distances[from + slot];
  const wanted = Math.log2(Math.max(2, k));
  let low = 0;
  let high = Infinity;
  let sigma = 1;
  for (let round = 0; round < 64; round += 1) {
    let sum = 0;
    for (let slot = 0; slot < k; slot += 1) {
      const beyond = distances[from + slot] - rho;
      sum += beyond > 0 ? Math.exp(-beyond / sigma) : 1;
    }
    if (Math.abs(sum - wanted) < 1e-5) break;
    if (sum > wanted) high = sigma;
    else low = sigma;
    sigma = high === Infinity ? sigma * 2 : (low + high) / 2;
  }
  for (let slot = 0; slot < k; slot += 1) {
    const beyond = distances[from + slot] - rho;
    result[from + slot] = beyond > 0 ? Math.exp(-beyond / Math.max(sigma, 1e-12)) : 1;
  }
}

// The edges of the joined graph, both directions of each: `{ heads, tails, weights }`.
export function fuzzyGraph({ indices, distances, k }, count) {
  const directed = new Float32Array(count * k);
  for (let row = 0; row < count; row += 1) memberships(distances, row * k, k, directed);
  const heads = new Int32Array(2 * count * k);
  const tails = new Int32Array(2 * count * k);
  const weights = new Float32Array(2 * count * k);
  let edges = 0;
  const add = (head, tail, weight) => {
    heads[edges] = head;
    tails[edges] = tail;
    weights[edges] = weight;
    edges += 1;
  };
  for (let row = 0; row < count; row += 1) {
    for (let slot = row * k; slot < (row + 1) * k; slot += 1) {
      const other = indices[slot];
      if (other < 0) continue;
      let back = 0;
      let isMutual = false;
      for (let there = other * k; there < (other + 1) * k; there += 1) {
        if (indices[there] !== row) continue;
        back = directed[there];
        isMutual = true;
      }
      if (isMutual && other < row) continue;
      const weight = directed[slot] + back - directed[slot] * back;
      add(row, other, weight);
      add(other, row, weight);
    }
  }
  return { heads: heads.subarray(0, edges), tails: tails.subarray(0, edges), weights: weights.subarray(0, edges) };
}

// Two components of each row, brought to ±10 with a little noise so that equal rows can part.
export function startingPositions(rows, width, count) {
  const random = randomSource(3);
  const positions = new Float32Array(2 * count);
  let largest = 1e-12;
  for (let row = 0; row < count; row += 1) {
    for (let axis = 0; axis < 2; axis += 1) {
      positions[2 * row + axis] = axis < width ? rows[row * width + axis] : 0;
      largest = Math.max(largest, Math.abs(positions[2 * row + axis]));
    }
  }
  for (let k = 0; k < positions.length; k += 1) positions[k] = (positions[k] / largest) * 10 + random.normal() * 1e-3;
  return positions;
}

const clipped = (value) => (value > longestMove ? longestMove : value < -longestMove ? -longestMove : value);

// The descent, an epoch at a time.
export class Layout {
  constructor(graph, count, positions, epochs = count <= 10000 ? 500 : 200) {
    Object.assign(this, { graph, count, positions, epochs, epoch: 0 });
    this.random = randomSource(5);
    const heaviest = graph.weights.reduce((most, weight) => Math.max(most, weight), 1e-12);
    // An edge of half the heaviest weight is drawn every other epoch; one that would not be drawn once never is.
    this.periods = Float32Array.from(graph.weights, (weight) => {
      const period = heaviest / Math.max(weight, 1e-12);
      return period > epochs ? Infinity : period;
    });
    this.next = this.periods.slice();
  }

  get isDone() {
    return this.epoch >= this.epochs;
  }

  step() {
    const { heads, tails } = this.graph;
    const rate = 1 - this.epoch / this.epochs;
    this.epoch += 1;
    for (let edge = 0; edge < heads.length; edge += 1) {
      if (this.next[edge] > this.epoch) continue;
      this.next[edge] += this.periods[edge];
      this.pull(heads[edge], tails[edge], rate);
      for (let push = 0; push < pushes; push += 1) this.push(heads[edge], this.random.below(this.count), rate);
    }
  }

  // The gradient of −log q: −2ab·d^(2b−2) / (1 + a·d^(2b)) along the difference.
  pull(head, tail, rate) {
    const y = this.positions;
    const dx = y[2 * head] - y[2 * tail];
    const dy = y[2 * head + 1] - y[2 * tail + 1];
    const squared = dx * dx + dy * dy;
    if (squared === 0) return;
    const power = squared ** b;
    const factor = (-2 * a * b * power) / (squared * (1 + a * power));
    const moveX = clipped(factor * dx) * rate;
    const moveY = clipped(factor * dy) * rate;
    y[2 * head] += moveX;
    y[2 * head + 1] += moveY;
    y[2 * tail] -= moveX;
    y[2 * tail + 1] -= moveY;
  }

  // The gradient of −log(1 − q): 2b / ((0.001 + d²)(1 + a·d^(2b))) along the difference.
  push(head, other, rate) {
    if (head === other) return;
    const y = this.positions;
    const dx = y[2 * head] - y[2 * other];
    const dy = y[2 * head + 1] - y[2 * other + 1];
    const squared = dx * dx + dy * dy;
    const factor = squared > 0 ? (2 * b) / ((0.001 + squared) * (1 + a * squared ** b)) : 0;
    y[2 * head] += (squared > 0 ? clipped(factor * dx) : longestMove) * rate;
    y[2 * head + 1] += (squared > 0 ? clipped(factor * dy) : longestMove) * rate;
  }
}
