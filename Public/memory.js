// What the browser remembers for the reader: as long as the tab is open, or until it is cleared. A browser may forbid it,
// and what it has may be of another version or broken: then everything works, and is forgotten with the page.

const within = (area, work) => {
  try {
    return work(window[area]);
  } catch {
    return null;
  }
};

// An object of settings, with `defaults` for what is not remembered or is of another type.
function recalled(area, name, defaults) {
  const known = within(area, (storage) => JSON.parse(storage.getItem(name))) ?? {};
  return Object.fromEntries(Object.entries(defaults).map(
    ([key, value]) => [key, typeof known[key] === typeof value ? known[key] : value]));
}

const remember = (area, name, value) => within(area, (storage) => storage.setItem(name, JSON.stringify(value)));

export const inTab = {
  settings: (name, defaults) => recalled("sessionStorage", name, defaults),
  keep: (name, value) => remember("sessionStorage", name, value),
  forget: (name) => within("sessionStorage", (storage) => storage.removeItem(name)),
};

export const inBrowser = {
  settings: (name, defaults) => recalled("localStorage", name, defaults),
  keep: (name, value) => remember("localStorage", name, value),
};
