// Numbers and times as people read them: in the browser's language and the reader's time zone.

import { now } from "./api.js";

const language = undefined;

// Making a formatter takes longer than using it, and there are few different ones.
const formatters = new Map();
function written(value, options) {
  const name = JSON.stringify(options);
  if (!formatters.has(name)) formatters.set(name, new Intl.NumberFormat(language, options));
  return formatters.get(name).format(value);
}

export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 10000) return written(Math.round(value), {});
  if (size > 0 && size < 0.001) {
    const [mantissa, exponent] = value.toExponential(1).split("e");
    return `${written(Number(mantissa), {})}e${Number(exponent)}`;
  }
  return written(value, { maximumSignificantDigits: digits });
}

export function count(value) {
  return Number.isFinite(value) ? written(Math.round(value), {}) : "–";
}

export function percent(share, digits = 1) {
  if (!Number.isFinite(share)) return "–";
  return written(share, { style: "percent", maximumFractionDigits: digits });
}

export function plural(amount, one, many = `${one}s`) {
  return `${count(amount)} ${amount === 1 ? one : many}`;
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  if (whole < 172800) {
    return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  }
  return `${count(whole / 86400)} days`;
}

// As much of a duration as a forecast can tell.
export function roughly(seconds) {
  const unit = seconds < 100 ? 5 : seconds < 6000 ? 60 : 600;
  return duration(Math.max(unit, Math.round(seconds / unit) * unit)).replace(/ 00 (s|min)$/, "");
}

export function bytes(value) {
  if (!Number.isFinite(value)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const fraction = size >= 100 || unit === 0 ? 0 : 1;
  return `${written(size, { maximumFractionDigits: fraction, minimumFractionDigits: fraction })} ${units[unit]}`;
}

export function ago(time) {
  const seconds = (now() - Date.parse(time)) / 1000;
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 5) return "just now";
  if (seconds < 3600) return `${duration(seconds).replace(/ \d+ s$/, "")} ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return day(time);
}

export function day(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleDateString(language, { dateStyle: "medium" });
}

export function clock(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleTimeString(language, { timeStyle: "medium" });
}

// The time of day alone where it is today's, else with the day.
export function moment(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "";
  if (date.toDateString() === new Date().toDateString()) return clock(time);
  return date.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}
