// Vectors from a NumPy file (format 1.0 and 2.0, little-endian float32, row after row), taken in while they arrive.

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

// What the header says: `{ count, dimension, start }`, or null while it is not whole. Throws for another kind of file.
export function header(bytes) {
  if (bytes.length < 12) return null;
  if (!magic.every((byte, k) => bytes[k] === byte)) throw new Error("The export is no NumPy file.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isFirst = bytes[6] === 1;
  const length = isFirst ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = (isFirst ? 10 : 12) + length;
  if (bytes.length < start) return null;
  const text = new TextDecoder("latin1").decode(bytes.subarray(start - length, start));
  const shape = /'shape':\s*\((\d+),\s*(\d+),?\)/.exec(text);
  if (!/'descr':\s*'<f4'/.test(text) || !/'fortran_order':\s*False/.test(text) || !shape) {
    throw new Error(`The export is not rows of float32: ${text.trim()}`);
  }
  return { count: Number(shape[1]), dimension: Number(shape[2]), start };
}

// Reads a stream of bytes into `{ vectors, rows, dimension, total }`. Of more than `limit` rows every so manieth is
// kept (`rows` holds their numbers), so that memory is bounded by `limit`, not by the file. `onProgress` is told the
// share that has arrived.
export async function readVectors(stream, limit, onProgress = () => {}) {
  const reader = stream.getReader();
  let pending = new Uint8Array(0);
  let shape = null;
  let kept = null;
  let row = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const bytes = joined(pending, value);
    let at = 0;
    if (!shape) {
      shape = header(bytes);
      if (!shape) {
        pending = bytes;
        continue;
      }
      at = shape.start;
      kept = placesFor(shape, limit);
    }
    const size = shape.dimension * 4;
    for (; at + size <= bytes.length && row < shape.count; at += size, row += 1) kept.take(row, bytes, at);
    pending = bytes.slice(at);
    onProgress(shape.count ? row / shape.count : 1);
  }
  if (!shape || row < shape.count) throw new Error("The vectors broke off on their way.");
  return { vectors: kept.vectors, rows: kept.rows, dimension: shape.dimension, total: shape.count };
}

function joined(first, second) {
  if (!first.length) return second;
  const result = new Uint8Array(first.length + second.length);
  result.set(first);
  result.set(second, first.length);
  return result;
}

function placesFor({ count, dimension }, limit) {
  const stride = Math.max(1, Math.ceil(count / limit));
  const rows = Array.from({ length: Math.ceil(count / stride) }, (_, k) => k * stride);
  const vectors = new Float32Array(rows.length * dimension);
  const target = new Uint8Array(vectors.buffer);
  return {
    rows, vectors,
    take(row, bytes, at) {
      if (row % stride === 0) target.set(bytes.subarray(at, at + dimension * 4), (row / stride) * dimension * 4);
    },
  };
}
