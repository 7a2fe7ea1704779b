// What is done to a curve's points before they are drawn. Places are those of sorted arrays `xs`.

// The first place whose x is at least `x`.
export function lowerBound(xs, x) {
  let low = 0;
  let high = xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The place nearest to `x` whose value is there, or -1.
export function nearest(xs, ys, x) {
  const at = lowerBound(xs, x);
  let left = Math.min(at, xs.length - 1);
  let right = at;
  while (left >= 0 && (ys[left] === null || xs[left] > x)) left -= 1;
  while (right < xs.length && ys[right] === null) right += 1;
  if (left < 0) return right < xs.length ? right : -1;
  if (right >= xs.length) return left;
  return x - xs[left] <= xs[right] - x ? left : right;
}

// The place of the last value at or before `x`, or -1: what a figure that holds until the next one says there.
export function lastBefore(xs, ys, x) {
  let at = Math.min(xs.length - 1, lowerBound(xs, x));
  while (at >= 0 && (ys[at] === null || xs[at] > x)) at -= 1;
  return at;
}

// The exponential moving average, whose start is corrected: it begins at the first value and not at 0. Gaps stay.
export function smooth(ys, weight) {
  if (!(weight > 0)) return ys;
  let sum = 0;
  let total = 0;
  return ys.map((value) => {
    if (value === null) return null;
    sum = sum * weight + value;
    total = total * weight + 1;
    return sum / total;
  });
}

// The least and the greatest value among the places [from, to); `isLog` leaves out what has no logarithm.
export function extent(ys, from, to, isLog, found) {
  for (let k = from; k < to; k += 1) {
    const value = ys[k];
    if (value === null || (isLog && value <= 0)) continue;
    if (value < found.low) found.low = value;
    if (value > found.high) found.high = value;
  }
  return found;
}

// Draws the places [from, to) into `path`: a pixel column that holds many points gets their first, least, greatest and
// last one, so that no peak is lost and no more is drawn than can be seen. A null value breaks the line.
export function trace(path, xs, ys, from, to, xScale, yScale) {
  const columns = Math.abs(xScale.at(xs[Math.max(from, to - 1)] ?? 0) - xScale.at(xs[from] ?? 0));
  if (to - from <= columns * 2) traceAll(path, xs, ys, from, to, xScale, yScale);
  else traceColumns(path, xs, ys, from, to, xScale, yScale);
}

function traceAll(path, xs, ys, from, to, xScale, yScale) {
  let isDown = false;
  for (let k = from; k < to; k += 1) {
    const value = ys[k];
    if (value === null || (yScale.isLog && value <= 0)) {
      isDown = false;
    } else if (isDown) {
      path.lineTo(xScale.at(xs[k]), yScale.at(value));
    } else {
      path.moveTo(xScale.at(xs[k]), yScale.at(value));
      // A single point between two gaps is drawn as a dot by a round cap.
      path.lineTo(xScale.at(xs[k]), yScale.at(value));
      isDown = true;
    }
  }
}

function traceColumns(path, xs, ys, from, to, xScale, yScale) {
  let isDown = false;
  let k = from;
  while (k < to) {
    const column = Math.floor(xScale.at(xs[k]));
    let first = null;
    let last = null;
    let low = Infinity;
    let high = -Infinity;
    let hasGap = false;
    for (; k < to && Math.floor(xScale.at(xs[k])) === column; k += 1) {
      const value = ys[k];
      if (value === null || (yScale.isLog && value <= 0)) {
        hasGap = true;
        continue;
      }
      first ??= value;
      last = value;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (first === null) {
      isDown = false;
      continue;
    }
    const x = column + 0.5;
    if (isDown && !hasGap) path.lineTo(x, yScale.at(first));
    else path.moveTo(x, yScale.at(first));
    path.lineTo(x, yScale.at(low));
    path.lineTo(x, yScale.at(high));
    path.lineTo(x, yScale.at(last));
    isDown = true;
  }
}
