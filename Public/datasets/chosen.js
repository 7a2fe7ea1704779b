// What a person chose or dropped: archives, pictures, folders. Becomes one thing to upload, with a name, and what is
// left out of it.

import { tar } from "./tar.js";

const archive = /\.(tar|tar\.gz|tgz|gz|zip|tar\.zst|tzst|zst)$/i;
const picture = /\.(jpe?g|png|webp|gif|npy)$/i;
// Files of one upload. A browser keeps about a kilobyte for each.
export const mostFiles = 500000;
const deepest = 32;

const tooMany = () => new Error(`More than ${mostFiles.toLocaleString()} files. Upload an archive instead.`);

// Every file below entries of the file system, with its path.
async function walk(entries, depth = 0, prefix = "") {
  const found = [];
  for (const entry of entries) {
    const path = prefix + entry.name;
    if (entry.isFile) {
      found.push({ path, file: await new Promise((resolve, reject) => { entry.file(resolve, reject); }) });
    } else if (depth < deepest) {
      found.push(...await walk(await children(entry), depth + 1, `${path}/`));
    } else {
      throw new Error(`Folders lie more than ${deepest} deep in ${path}. Upload a part of them, or an archive.`);
    }
    if (found.length > mostFiles) throw tooMany();
  }
  return found;
}

// A browser lists a folder in parts, until one is empty.
async function children(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const part = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!part.length) return all;
    all.push(...part);
  }
}

// Folders around everything say nothing of a picture: `holiday/cats/1.jpg` and `holiday/dogs/1.jpg` have the labels
// cats and dogs, and the pictures of one folder alone have none.
function withoutCommonFolders(files) {
  let paths = files.map(({ path }) => path.split("/"));
  const removed = [];
  while (paths.length && paths.every((parts) => parts.length > 1 && parts[0] === paths[0][0])) {
    removed.push(paths[0][0]);
    paths = paths.map((parts) => parts.slice(1));
  }
  return { files: files.map(({ file }, k) => ({ path: paths[k].join("/"), file })), folder: removed.at(-1) ?? null };
}

// `{ blob, name, description, size, leftOut, pictures }`, or throws with what to do instead.
export function choice(all) {
  const archives = all.filter(({ path }) => archive.test(path));
  const pictures = all.filter(({ path }) => picture.test(path));
  if (archives.length
    && pictures.length) throw new Error("Archives and pictures together: upload the one, then the other.");
  if (archives.length > 1) {
    throw new Error(`${archives.length} archives: one upload is one dataset. Upload them one after the other.`);
  }
  if (archives.length) {
    const { file } = archives[0];
    return { blob: file, name: file.name.replace(archive, ""), size: file.size, pictures: null, labels: 0,
      leftOut: leftOut(all, archives) };
  }
  if (!pictures.length) {
    throw new Error("No picture is among these files. Taken are JPEG, PNG, WebP, GIF and NumPy's planes (.npy), "
      + "and archives: tar, tar.gz, tar.zst, zip.");
  }
  const { files, folder } = withoutCommonFolders(pictures);
  const blob = tar(files);
  const labels = new Set(files.map(({ path }) => path.split("/").at(-2)).filter(Boolean));
  return {
    blob, name: folder ?? (pictures.length === 1 ? pictures[0].file.name.replace(picture, "") : ""), size: blob.size,
    pictures: files.length, labels: labels.size, leftOut: leftOut(all, pictures),
  };
}

function leftOut(all, taken) {
  const kept = new Set(taken);
  return all.filter((one) => !kept.has(one)).map(({ path }) => path);
}

// Of what was dropped. `entries` are there where the browser knows folders.
export async function fromDrop({ entries = [], files }) {
  if (entries.length) return walk(entries);
  return fromFiles(files);
}

export function fromFiles(files) {
  if (files.length > mostFiles) throw tooMany();
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}
