// Which part of the plane is seen: a centre, and pixels per unit. Pure: every change makes a new view.

const least = 1e-3;
const most = 1e5;

export function bounds(positions) {
  const box = { left: Infinity, right: -Infinity, bottom: Infinity, top: -Infinity };
  for (let k = 0; k < positions.length; k += 2) {
    box.left = Math.min(box.left, positions[k]);
    box.right = Math.max(box.right, positions[k]);
    box.bottom = Math.min(box.bottom, positions[k + 1]);
    box.top = Math.max(box.top, positions[k + 1]);
  }
  return box;
}

// All of a box in a surface of `width` × `height` pixels, with a margin.
export function fitting(box, width, height) {
  if (!(box.right >= box.left)) return { x: 0, y: 0, scale: 1 };
  const across = Math.max(box.right - box.left, 1e-6);
  const up = Math.max(box.top - box.bottom, 1e-6);
  const scale = Math.min(most, 0.92 * Math.min(width / across, height / up));
  return { x: (box.left + box.right) / 2, y: (box.bottom + box.top) / 2, scale };
}

export const panned = (view, dx, dy) => ({ ...view, x: view.x - dx / view.scale, y: view.y + dy / view.scale });

// What lies under the pixel (px, py) stays there.
export function zoomed(view, factor, px, py, width, height) {
  const scale = Math.min(most, Math.max(least, view.scale * factor));
  const x = view.x + (px - width / 2) / view.scale;
  const y = view.y - (py - height / 2) / view.scale;
  return { x: x - (px - width / 2) / scale, y: y + (py - height / 2) / scale, scale };
}

// The point nearest to a pixel, at most `reach` pixels away, or -1.
export function nearestPoint(positions, view, px, py, width, height, reach) {
  const x = view.x + (px - width / 2) / view.scale;
  const y = view.y - (py - height / 2) / view.scale;
  let best = -1;
  let least = (reach / view.scale) ** 2;
  for (let k = 0; 2 * k < positions.length; k += 1) {
    const dx = positions[2 * k] - x;
    const dy = positions[2 * k + 1] - y;
    const distance = dx * dx + dy * dy;
    if (distance <= least) {
      least = distance;
      best = k;
    }
  }
  return best;
}

// The points within a path of pixels, by the even-odd rule.
export function pointsWithin(positions, view, path, width, height) {
  const corners = path.map(([px, py]) => [view.x + (px - width / 2) / view.scale,
    view.y - (py - height / 2) / view.scale]);
  const box = bounds(corners.flat());
  const found = [];
  for (let k = 0; 2 * k < positions.length; k += 1) {
    const x = positions[2 * k];
    const y = positions[2 * k + 1];
    if (x < box.left || x > box.right || y < box.bottom || y > box.top) continue;
    let isInside = false;
    for (let a = 0, b = corners.length - 1; a < corners.length; b = a, a += 1) {
      const [ax, ay] = corners[a];
      const [bx, by] = corners[b];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) isInside = !isInside;
    }
    if (isInside) found.push(k);
  }
  return found;
}
