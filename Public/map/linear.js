// Principal components: vectors of hundreds of components become about 50 that hold most of what differs.
//
// The covariance is of a sample. Its leading eigenvectors are found by subspace iteration with a Rayleigh-Ritz step
// (Golub and Van Loan, Matrix Computations, 8.2.4), those of the small matrix by Jacobi's rotations (8.5).

import { randomSource } from "./random.js";

const sampleLimit = 2000;
const iterations = 12;

// Every `count / sampleLimit`-th row, so that a dataset sorted by label is sampled evenly.
function sampledRows(count) {
  const size = Math.min(count, sampleLimit);
  return Array.from({ length: size }, (_, k) => Math.floor((k * count) / size));
}

function meanOf(vectors, count, dimension) {
  const mean = new Float64Array(dimension);
  for (let row = 0; row < count; row += 1) {
    for (let c = 0; c < dimension; c += 1) mean[c] += vectors[row * dimension + c];
  }
  return mean.map((value) => value / Math.max(1, count));
}

function covarianceOf(vectors, rows, dimension, mean) {
  const result = new Float64Array(dimension * dimension);
  const centred = new Float64Array(dimension);
  for (const row of rows) {
    for (let c = 0; c < dimension; c += 1) centred[c] = vectors[row * dimension + c] - mean[c];
    for (let a = 0; a < dimension; a += 1) {
      const factor = centred[a];
      const at = a * dimension;
      for (let b = a; b < dimension; b += 1) result[at + b] += factor * centred[b];
    }
  }
  const scale = 1 / Math.max(1, rows.length);
  for (let a = 0; a < dimension; a += 1) {
    for (let b = a; b < dimension; b += 1) {
      result[a * dimension + b] *= scale;
      result[b * dimension + a] = result[a * dimension + b];
    }
  }
  return result;
}

const dot = (a, b) => {
  let sum = 0;
  for (let c = 0; c < a.length; c += 1) sum += a[c] * b[c];
  return sum;
};

// Gram-Schmidt, twice, since once leaves rounding behind. A direction that is nothing but rounding becomes zero.
function orthonormalize(columns) {
  columns.forEach((column, k) => {
    const before = Math.sqrt(dot(column, column));
    for (let pass = 0; pass < 2; pass += 1) {
      for (let other = 0; other < k; other += 1) {
        const share = dot(column, columns[other]);
        for (let c = 0; c < column.length; c += 1) column[c] -= share * columns[other][c];
      }
    }
    const length = Math.sqrt(dot(column, column));
    const scale = length > 1e-10 * before && length > 0 ? 1 / length : 0;
    for (let c = 0; c < column.length; c += 1) column[c] *= scale;
  });
}

function times(matrix, column) {
  const dimension = column.length;
  const result = new Float64Array(dimension);
  for (let a = 0; a < dimension; a += 1) {
    let sum = 0;
    for (let b = 0; b < dimension; b += 1) sum += matrix[a * dimension + b] * column[b];
    result[a] = sum;
  }
  return result;
}

// Rotates rows and columns p and q of a symmetric matrix so that its element (p, q) becomes 0.
function rotate(matrix, vectors, p, q) {
  const off = matrix[p][q];
  if (Math.abs(off) < 1e-300) return;
  const theta = (matrix[q][q] - matrix[p][p]) / (2 * off);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const size = matrix.length;
  for (let k = 0; k < size; k += 1) {
    const kp = matrix[k][p];
    const kq = matrix[k][q];
    matrix[k][p] = c * kp - s * kq;
    matrix[k][q] = s * kp + c * kq;
  }
  for (let k = 0; k < size; k += 1) {
    const pk = matrix[p][k];
    const qk = matrix[q][k];
    matrix[p][k] = c * pk - s * qk;
    matrix[q][k] = s * pk + c * qk;
    const vp = vectors[k][p];
    const vq = vectors[k][q];
    vectors[k][p] = c * vp - s * vq;
    vectors[k][q] = s * vp + c * vq;
  }
}

// Eigenvalues, the largest first, and eigenvectors (`vectors[k][i]` is component k of the i-th) of a symmetric matrix.
export function symmetricEigen(matrix) {
  const size = matrix.length;
  const a = matrix.map((row) => Float64Array.from(row));
  const v = Array.from({ length: size }, (_, k) => Float64Array.from({ length: size }, (_, i) => (i === k ? 1 : 0)));
  for (let sweep = 0; sweep < 30; sweep += 1) {
    let off = 0;
    let diagonal = 0;
    for (let p = 0; p < size; p += 1) {
      diagonal += a[p][p] * a[p][p];
      for (let q = p + 1; q < size; q += 1) off += a[p][q] * a[p][q];
    }
    if (off <= 1e-22 * diagonal) break;
    for (let p = 0; p < size; p += 1) for (let q = p + 1; q < size; q += 1) rotate(a, v, p, q);
  }
  const order = Array.from({ length: size }, (_, k) => k).sort((x, y) => a[y][y] - a[x][x]);
  return { values: order.map((k) => a[k][k]), vectors: v.map((row) => order.map((k) => row[k])) };
}

function leadingDirections(covariance, dimension, wanted) {
  const random = randomSource(7);
  // A few directions more than are wanted make the last of them converge.
  const size = Math.min(dimension, wanted + 10);
  let columns = Array.from({ length: size }, () => Float64Array.from({ length: dimension }, random.normal));
  orthonormalize(columns);
  for (let round = 0; round < iterations && size < dimension; round += 1) {
    columns = columns.map((column) => times(covariance, column));
    orthonormalize(columns);
  }
  const images = columns.map((column) => times(covariance, column));
  const { values, vectors } = symmetricEigen(columns.map((column) => images.map((image) => dot(column, image))));
  const directions = Array.from({ length: Math.min(wanted, size) }, (_, i) => {
    const direction = new Float64Array(dimension);
    columns.forEach((column, k) => {
      for (let c = 0; c < dimension; c += 1) direction[c] += vectors[k][i] * column[c];
    });
    return direction;
  });
  return { directions, values };
}

// Vectors (row after row) on their leading components: `{ rows, width, share }`, where `share` is the part of the
// variance that the components hold, 0 … 1.
export function principalComponents(vectors, count, dimension, wanted = 50) {
  const mean = meanOf(vectors, count, dimension);
  const covariance = covarianceOf(vectors, sampledRows(count), dimension, mean);
  const { directions, values } = leadingDirections(covariance, dimension, Math.min(wanted, dimension));
  const width = directions.length;
  const rows = new Float64Array(count * width);
  const centred = new Float64Array(dimension);
  for (let row = 0; row < count; row += 1) {
    for (let c = 0; c < dimension; c += 1) centred[c] = vectors[row * dimension + c] - mean[c];
    for (let k = 0; k < width; k += 1) rows[row * width + k] = dot(centred, directions[k]);
  }
  let trace = 0;
  for (let c = 0; c < dimension; c += 1) trace += covariance[c * dimension + c];
  const held = values.slice(0, width).reduce((sum, value) => sum + Math.max(0, value), 0);
  return { rows, width, share: trace > 0 ? Math.min(1, held / trace) : 1 };
}
