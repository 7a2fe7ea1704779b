// What a map is made of: the vectors of an index, and the names and labels of its items in the same order.

import { readVectors } from "./npy.js";

// Points of one map. Of an index with more, every so manieth is shown.
export const mostPoints = 200000;
// Components that are kept in memory at once: 512 MiB of float32.
const mostComponents = 1 << 27;

// Rows of comma-separated values (RFC 4180).
export function parseCSV(text) {
  const rows = [];
  let row = [];
  let field = "";
  let isQuoted = false;
  const endField = () => {
    row.push(field);
    field = "";
  };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (isQuoted) {
      if (letter !== "\"") field += letter;
      else if (text[at + 1] === "\"") field += text[at += 1];
      else isQuoted = false;
    } else if (letter === "\"") isQuoted = true;
    else if (letter === ",") endField();
    else if (letter === "\n") {
      endField();
      rows.push(row);
      row = [];
    } else if (letter !== "\r") field += letter;
  }
  if (field || row.length) {
    endField();
    rows.push(row);
  }
  return rows;
}

// `{ vectors, count, dimension, total, items }`; an item is `{ name, label, split, picture }`.
export async function load(context, index) {
  const { api, signal } = context;
  const options = { signal, timeout: 600000 };
  const path = `/v1/indexes/${index.id}/export`;
  const [vectors, table] = await Promise.all([
    api.bytesOf(`${path}?format=npy`, options), api.bytesOf(`${path}?format=items`, options),
  ]);
  const limit = Math.min(mostPoints, Math.floor(mostComponents / Math.max(1, index.dimension)));
  const read = await readVectors(vectors.stream(), limit);
  const [head, ...rows] = parseCSV(await table.text());
  const column = Object.fromEntries(head.map((name, k) => [name, k]));
  const items = read.rows.map((row) => {
    const cells = rows[row] ?? [];
    return {
      name: cells[column.name] ?? String(row), label: cells[column.label] || null, split: cells[column.split],
        picture: Number(cells[column.picture]),
    };
  });
  return { vectors: read.vectors, count: read.rows.length, dimension: read.dimension, total: read.total, items };
}
