// A few lines over the DOM; text always goes in as text, never as markup.

import * as api from "./api.js";

export const byId = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A button that lets a person choose files, as its label and its hidden input. The same files can be chosen again.
export function chooser(id, label, attributes, onFiles) {
  const input = element("input", {
    id, class: "visually-hidden", type: "file", ...attributes,
    onchange: () => {
      onFiles([...input.files]);
      input.value = "";
    },
  });
  return [element("label", { class: "button small", for: id }, label), input];
}

// Names and values in two columns; what has no value is left out.
export function facts(rows) {
  return element("dl", { class: "facts" }, rows
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

// Sets text only where it differs, so that assistive technology and selections are left alone.
export function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

// Runs `draw` only when what it shows has changed since the last time; `shown` is anything that JSON can write.
const drawn = new WeakMap();
export function whenChanged(node, shown, draw) {
  const text = JSON.stringify(shown);
  if (drawn.get(node) === text) return false;
  drawn.set(node, text);
  draw();
  return true;
}

// Makes the children of `parent` those of `items`, in their order. A child is made once for a key, then updated in
// place, and only moved where the order asks for it: focus, hover and what is selected stay.
const children = new WeakMap();
export function keyed(parent, items, { key, make, update = () => {} }) {
  const known = children.get(parent) ?? new Map();
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const next = new Map();
  for (const item of items) {
    const name = key(item);
    const node = known.get(name) ?? make(item);
    update(node, item);
    next.set(name, node);
  }
  const kept = new Set(next.values());
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const node of next.values()) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  children.set(parent, next);
  // A node that is moved loses the focus.
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus();
}

// A picture of the service. An `img` cannot send a key, so that with one the bytes are fetched when it comes into view.
let viewed = null;
export function picture(path, attributes = {}) {
  const image = element("img", { loading: "lazy", decoding: "async", alt: "", ...attributes });
  setPicture(image, path);
  return image;
}

export function setPicture(image, path) {
  if (image.dataset.path === path) return;
  image.dataset.path = path;
  if (!api.key()) {
    image.src = api.address(path);
    return;
  }
  viewed ??= new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) fetchPicture(entry.target);
  });
  viewed.observe(image);
}

async function fetchPicture(image) {
  viewed.unobserve(image);
  const path = image.dataset.path;
  try {
    const address = URL.createObjectURL(await api.bytesOf(path));
    image.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
    if (image.dataset.path === path) image.src = address;
  } catch {
    image.classList.add("missing");
  }
}

// A link that saves a file of the service, with the key where there is one.
export function download(path, name, ...content) {
  return element("a", {
    href: api.address(path), download: name,
    onclick: async (event) => {
      if (!api.key()) return;
      event.preventDefault();
      try {
        api.save(await api.bytesOf(path, { timeout: 600000 }), name);
      } catch (error) {
        toast(error.message, true);
      }
    },
  }, ...content);
}

// As long as it takes to notice and to read; what went wrong stays twice as long.
export function toast(text, bad = false) {
  const node = byId("toast");
  node.textContent = text;
  node.className = bad ? "toast bad" : "toast";
  node.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { node.hidden = true; }, (4000 + 50 * text.length) * (bad ? 2 : 1));
}
