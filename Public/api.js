// Calls to the service. GETs remember their ETag, so that an unchanged answer costs a 304.

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? `The service answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? "unknown";
    this.errors = body?.errors ?? [];
  }
}

export class Offline extends Error {}

const remembered = new Map();
const timeout = 10000;

async function request(path, options) {
  try {
    return await fetch(path, { ...options, signal: options?.signal ?? AbortSignal.timeout(timeout) });
  } catch (error) {
    throw new Offline(error.message);
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
export async function poll(path) {
  const known = remembered.get(path);
  const headers = { Accept: "application/json" };
  if (known?.etag) headers["If-None-Match"] = known.etag;
  const response = await request(path, { headers });
  if (response.status === 304 && known) return { body: known.body, changed: false };
  if (!response.ok) {
    remembered.delete(path);
    throw await problem(response);
  }
  const body = await response.json();
  if (remembered.size > 64) remembered.clear();
  remembered.set(path, { etag: response.headers.get("ETag"), body });
  return { body, changed: true };
}

export async function send(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await request(path, options);
  if (!response.ok) throw await problem(response);
  return response.status === 204 ? null : response.json();
}

export async function embed(file, model) {
  const query = model ? `?model=${encodeURIComponent(model)}` : "";
  const started = performance.now();
  const response = await request(`/v1/embeddings${query}`, {
    method: "POST",
    headers: { "Content-Type": file.type || "application/octet-stream", Accept: "application/json" },
    body: file,
    signal: AbortSignal.timeout(60000),
  });
  if (!response.ok) throw await problem(response);
  return {
    body: await response.json(),
    milliseconds: performance.now() - started,
    timing: response.headers.get("Server-Timing"),
  };
}

// Uploads show their progress, which `fetch` cannot.
export function upload(file, onProgress) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", `/v1/datasets?name=${encodeURIComponent(file.name)}`);
    call.setRequestHeader("Content-Type", "application/octet-stream");
    call.responseType = "json";
    call.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    call.onload = () => {
      if (call.status === 201) resolve(call.response);
      else reject(new Problem(call.status, call.response));
    };
    call.onerror = () => reject(new Offline("The upload was interrupted."));
    call.send(file);
  });
}
