// The upload that goes on, if any: it belongs to the tab, not to a page, so that one may look at something else
// meanwhile.

import * as api from "../api.js";

const listeners = new Set();
// Rate is judged by the last seconds, since the first ones are often faster than the disk.
const recent = 5000;

export const upload = { current: null, last: null };

const tell = () => listeners.forEach((listener) => listener());

// `listener` is called at every change until the returned function is.
export function onUpload(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Bytes per second of the marks `[time, bytes]`, or null while there are too few.
export function rate(marks) {
  const [first, last] = [marks[0], marks.at(-1)];
  const seconds = first && last ? (last[0] - first[0]) / 1000 : 0;
  return seconds >= 1 ? (last[1] - first[1]) / seconds : null;
}

const warn = (event) => event.preventDefault();

// Resolves with the dataset; throws what went wrong, `api.Cancelled` where a person cancelled.
export async function begin({ blob, name }) {
  const controller = new AbortController();
  const current = { name, loaded: 0, total: blob.size, marks: [], isSent: false, cancel: () => controller.abort() };
  Object.assign(upload, { current, last: null });
  globalThis.addEventListener("beforeunload", warn);
  tell();
  try {
    const dataset = await api.upload(blob, {
      path: `/v1/datasets?name=${encodeURIComponent(name)}`, signal: controller.signal,
      onProgress: (loaded, total) => {
        const now = performance.now();
        current.marks = [...current.marks.filter(([time]) => now - time < recent), [now, loaded]];
        Object.assign(current, { loaded, total, isSent: loaded >= total });
        tell();
      },
    });
    upload.last = { name, dataset };
    return dataset;
  } catch (error) {
    upload.last = { name, error: error instanceof api.Cancelled ? null : error };
    throw error;
  } finally {
    globalThis.removeEventListener("beforeunload", warn);
    upload.current = null;
    tell();
  }
}
