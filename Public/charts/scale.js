// From values to pixels and back, and round numbers for the ticks: linear, logarithmic, durations, times of day.

const second = 1;
const minute = 60;
const hour = 3600;
const dayLength = 86400;
const timeSteps = [
  1, 2, 5, 10, 15, 30, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
  hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, dayLength, 2 * dayLength, 7 * dayLength,
];

// A scale over [low, high] on the pixels [from, to]; a logarithmic one needs low > 0.
export function scale(low, high, from, to, isLog = false) {
  const forward = isLog ? Math.log : (value) => value;
  const backward = isLog ? Math.exp : (value) => value;
  const start = forward(low);
  const slope = (to - from) / (forward(high) - start || 1);
  return {
    low, high, isLog,
    at: (value) => from + (forward(value) - start) * slope,
    value: (pixel) => backward(start + (pixel - from) / slope),
  };
}

function roundStep(span, wanted) {
  const raw = span / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const unit = raw / power;
  return (unit > 5 ? 10 : unit > 2 ? 5 : unit > 1 ? 2 : 1) * power;
}

function multiples(low, high, step, offset = 0) {
  const result = [];
  for (let k = Math.ceil((low - offset) / step - 1e-9); k * step + offset <= high + step * 1e-9; k += 1) {
    result.push(Number((k * step + offset).toPrecision(14)));
  }
  return result;
}

// Ticks as [value, label], about `wanted` of them.
export function ticks(low, high, wanted, { isLog = false, isWhole = false } = {}) {
  if (!(high > low)) return [[low, numberLabel(low, Math.abs(low) || 1)]];
  if (isLog && high / low > 5) return logTicks(low, high, wanted);
  let step = roundStep(high - low, wanted);
  // Round numbers may lie just outside: one tick alone gives no measure.
  if (multiples(low, high, step).length < 3) step = roundStep(high - low, wanted * 2);
  if (isWhole) step = Math.max(1, step);
  return multiples(low, high, step).map((value) => [value, numberLabel(value, step)]);
}

function logTicks(low, high, wanted) {
  const decades = Math.log10(high / low);
  const result = [];
  const every = Math.max(1, Math.ceil(decades / wanted));
  const factors = decades > wanted / 2 ? [1] : decades > 1 ? [1, 3] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const value = factor * 10 ** power;
      if (value >= low && value <= high) result.push([value, numberLabel(value, value)]);
    }
  }
  return result;
}

// Making a formatter takes longer than using it, and there are few different ones.
const formatters = new Map();
function formatter(places) {
  if (!formatters.has(places)) {
    formatters.set(places, new Intl.NumberFormat(undefined, places === "compact"
      ? { notation: "compact", maximumSignificantDigits: 4 }
        : { minimumFractionDigits: places, maximumFractionDigits: places }));
  }
  return formatters.get(places);
}

// With as many places as neighbours need to differ.
function numberLabel(value, step) {
  const size = Math.abs(value);
  const places = -Math.floor(Math.log10(step) + 1e-9);
  if (size > 0 && size < 1e-4) {
    const digits = Math.floor(Math.log10(size)) + places;
    return value.toExponential(Math.max(0, Math.min(6, digits)));
  }
  if (size >= 1e4) return formatter("compact").format(value);
  return formatter(Math.max(0, Math.min(10, places))).format(value);
}

// Ticks of a duration in seconds.
export function durationTicks(low, high, wanted) {
  if (!(high > low)) return [[low, durationLabel(low, 1)]];
  const raw = (high - low) / wanted;
  if (raw < second / 2) return multiples(low, high, roundStep(high - low, wanted)).map((at) => [at, `${at} s`]);
  const step = timeSteps.find((candidate) => candidate >= raw) ?? Math.ceil(raw / dayLength) * dayLength;
  return multiples(low, high, step).map((value) => [value, durationLabel(value, step)]);
}

function durationLabel(value, step) {
  if (value === 0) return "0";
  if (step < minute) {
    const whole = Math.floor(value / minute);
    return whole ? `${whole}:${String(Math.round(value % minute)).padStart(2, "0")} min` : `${Math.round(value)} s`;
  }
  if (step < hour) {
    const hours = Math.floor(value / hour);
    return hours ? `${hours}:${String(Math.round((value % hour) / minute)).padStart(2, "0")} h`
      : `${Math.round(value / minute)} min`;
  }
  return step < dayLength ? `${Math.round(value / hour)} h` : `${Math.round(value / dayLength)} d`;
}

// Ticks of times, in seconds since 1970, at round times of the reader's zone.
export function timeTicks(low, high, wanted) {
  const raw = (high - low) / wanted;
  const step = timeSteps.find((candidate) => candidate >= raw) ?? Math.ceil(raw / dayLength) * dayLength;
  const offset = new Date(low * 1000).getTimezoneOffset() * minute;
  const form = step >= dayLength ? { month: "short", day: "numeric" }
    : step < minute ? { hour: "numeric", minute: "2-digit", second: "2-digit" }
      : { hour: "numeric", minute: "2-digit" };
  return multiples(low, high, step, offset % dayLength)
    .map((at) => [at, new Date(at * 1000).toLocaleString(undefined, form)]);
}
