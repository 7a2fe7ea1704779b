// Files as a tar, made in the browser: a Blob of headers and of the files as they lie on the disk, so that nothing is
// copied.
//
// The format is that of POSIX.1-2001 ("pax"): a ustar header before each file, and before that, where a name is longer
// than 100 bytes or not ASCII, an entry with the name in UTF-8.

const block = 512;
const encoder = new TextEncoder();

function writeText(header, at, text) {
  header.set(encoder.encode(text), at);
}

const octal = (value, digits) => `${value.toString(8).padStart(digits, "0")}\0`;

function header(name, size, time, kind) {
  const bytes = new Uint8Array(block);
  bytes.set(name.subarray(0, 100), 0);
  writeText(bytes, 100, octal(0o644, 7));
  writeText(bytes, 108, octal(0, 7));
  writeText(bytes, 116, octal(0, 7));
  writeText(bytes, 124, octal(size, 11));
  writeText(bytes, 136, octal(Math.max(0, Math.floor(time / 1000)), 11));
  // The sum counts its own field as spaces.
  writeText(bytes, 148, "        ");
  writeText(bytes, 156, kind);
  writeText(bytes, 257, "ustar\u000000");
  writeText(bytes, 148, `${bytes.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `);
  return bytes;
}

// "LENGTH path=NAME\n", whose length counts its own digits.
function nameRecord(name) {
  const rest = ` path=${name}\n`;
  const size = encoder.encode(rest).length;
  let length = size + 1;
  while (size + String(length).length !== length) length = size + String(length).length;
  return encoder.encode(`${length}${rest}`);
}

const padded = (size) => new Uint8Array((block - (size % block)) % block);

function partsOf({ path, file }) {
  const name = encoder.encode(path);
  const isPlain = name.length <= 100 && name.length === path.length;
  const parts = [];
  if (!isPlain) {
    const record = nameRecord(path);
    parts.push(header(encoder.encode("PaxHeaders/name"), record.length, 0, "x"), record, padded(record.length));
  }
  const short = isPlain ? name : encoder.encode("named-before");
  parts.push(header(short, file.size, file.lastModified, "0"), file, padded(file.size));
  return parts;
}

// The tar of `{path, file}` entries. Paths have no leading "/".
export function tar(entries) {
  return new Blob([...entries.flatMap(partsOf), new Uint8Array(2 * block)], { type: "application/x-tar" });
}
