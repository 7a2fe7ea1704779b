// Calls to the service. GETs remember their ETag, so that an unchanged answer costs a 304.

import { inTab } from "./memory.js";

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? `The service answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? "unknown";
    this.errors = body?.errors ?? [];
  }
}

// The service could not be reached, or did not answer in time.
export class Offline extends Error {}

// The caller gave up, mostly because its page was left: nothing to tell anybody.
export class Cancelled extends Error {}

const keyName = "byol-key";
const pollTimeout = 10000;
const sendTimeout = 60000;
const rememberedAnswers = 256;
const remembered = new Map();

// MARK: addresses and the key

// Where the page lies, so that it also works under a base path behind a proxy.
const root = new URL(".", document.baseURI);

// "/v1/…", as the service writes addresses, relative to the page.
export const address = (path) => new URL(path.replace(/^\/+/, ""), root).href;

let heldKey = inTab.settings(keyName, { key: "" }).key;
export const key = () => heldKey;

export function setKey(value) {
  remembered.clear();
  heldKey = value ?? "";
  if (heldKey) inTab.keep(keyName, { key: heldKey });
  else inTab.forget(keyName);
}

function withKey(headers = {}) {
  return key() ? { ...headers, Authorization: `Bearer ${key()}` } : headers;
}

// MARK: requests

// How much later it is for the service than for this machine, in milliseconds.
let skew = 0;

// The service's time in milliseconds: what it dates is compared with this.
export const now = () => Date.now() + skew;

async function request(path, { signal, timeout = pollTimeout, ...options } = {}) {
  const limit = AbortSignal.timeout(timeout);
  try {
    const response = await fetch(address(path), {
      ...options, headers: withKey(options.headers), signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const date = Date.parse(response.headers.get("Date") ?? "");
    // A date has whole seconds: what is less is no difference.
    if (Number.isFinite(date)) skew = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
    return response;
  } catch (error) {
    if (signal?.aborted) throw new Cancelled(error.message);
    throw new Offline(limit.aborted ? `No answer within ${timeout / 1000} seconds.` : error.message);
  }
}

async function problem(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // A reply that is not JSON still has its status.
  }
  return new Problem(response.status, body);
}

// Returns {body, changed}; `changed` is false when the service says 304.
export async function poll(path, signal) {
  const known = remembered.get(path);
  const headers = { Accept: "application/json" };
  if (known?.etag) headers["If-None-Match"] = known.etag;
  const response = await request(path, { headers, signal });
  if (response.status === 304 && known) return { body: known.body, changed: false };
  if (!response.ok) {
    remembered.delete(path);
    throw await problem(response);
  }
  const body = await response.json();
  remembered.delete(path);
  remembered.set(path, { etag: response.headers.get("ETag"), body });
  // A map yields its oldest entry first.
  if (remembered.size > rememberedAnswers) remembered.delete(remembered.keys().next().value);
  return { body, changed: true };
}

// All pages of a list, up to `most` entries; returns {data, isWhole, changed}.
export async function pollAll(path, most, signal) {
  const data = [];
  let changed = false;
  let after = null;
  for (;;) {
    const page = await poll(`${path}?limit=100${after ? `&after=${encodeURIComponent(after)}` : ""}`, signal);
    data.push(...page.body.data);
    changed ||= page.changed;
    after = page.body.last_id;
    if (!page.body.has_more || !after || data.length >= most) return { data, changed, isWhole: !page.body.has_more };
  }
}

export async function send(method, path, body, options = {}) {
  const headers = { ...options.headers };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await request(path, {
    timeout: sendTimeout, ...options, method, headers, body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw await problem(response);
  if (method === "DELETE" && response.status === 204) onDeleted(decodeURIComponent(path.split("/").at(-1)));
  return response.status === 204 ? null : response.json();
}

// Tells `work` the identifier of each thing that was deleted, before anybody can ask for its pictures again.
let onDeleted = () => {};
export function whenDeleted(work) {
  onDeleted = work;
}

// The bytes of an answer: of a GET, or of what `options` say.
export async function bytesOf(path, options = {}) {
  const response = await request(path, { timeout: sendTimeout, ...options });
  if (!response.ok) throw await problem(response);
  return response.blob();
}

// MARK: pictures and files

// Vectors of one picture: {body, milliseconds, timing}.
export async function embed(file, model, signal) {
  const query = model ? `?model=${encodeURIComponent(model)}` : "";
  const started = performance.now();
  const response = await request(`/v1/embeddings${query}`, {
    method: "POST", signal, timeout: sendTimeout, body: file,
    headers: { "Content-Type": file.type || "application/octet-stream", Accept: "application/json" },
  });
  if (!response.ok) throw await problem(response);
  return {
    body: await response.json(), milliseconds: performance.now() - started,
    timing: response.headers.get("Server-Timing"),
  };
}

// Posts a file with its progress, which `fetch` cannot show. `onProgress` is told the bytes sent and the bytes in all.
export function upload(file, { path, onProgress = () => {}, signal }) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", address(path));
    const headers = withKey({ "Content-Type": "application/octet-stream" });
    for (const [header, value] of Object.entries(headers)) call.setRequestHeader(header, value);
    call.responseType = "json";
    call.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    call.onload = () => {
      if (call.status === 201) resolve(call.response);
      else reject(new Problem(call.status, call.response));
    };
    call.onerror = () => reject(new Offline("The upload broke off before the service had it all."));
    call.onabort = () => reject(new Cancelled("The upload was cancelled."));
    signal?.addEventListener("abort", () => call.abort());
    call.send(file);
  });
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser reads the address after the click has returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
