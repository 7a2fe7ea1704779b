// What is looked for: a picture that was dropped, pasted or chosen, one of the dataset, or one that was found before.

import { element, picture, setText } from "../dom.js";

const offered = 10;

// Numbers spread over a dataset, by multiples of the golden ratio: even steps would meet one label alone where labels
// take turns. Another `turn` gives others.
function spread(total, turn) {
  const numbers = Array.from({ length: Math.min(offered, total) },
    (_, k) => Math.floor((((turn * offered + k + 0.5) * 0.618034) % 1) * total));
  return [...new Set(numbers)];
}

export function queryPanel(context, onQuery) {
  const { api } = context;
  const strip = element("ul", { class: "strip-pictures" });
  const image = element("img", { alt: "", hidden: true });
  const name = element("strong", {});
  const said = element("span", { class: "note" });
  const fault = element("p", { class: "note bad", role: "alert", hidden: true });
  const asked = element("div", { class: "asked", hidden: true }, image, element("div", {}, name, said));
  const others = element("button", { type: "button", class: "quiet small" }, "Others");
  let dataset = null;
  let turn = 0;
  let address = null;

  function show(blob, text, label) {
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(blob);
    image.src = address;
    image.alt = text;
    image.hidden = false;
    asked.hidden = false;
    setText(name, text);
    setText(said, label ? `label ${label}` : "");
  }

  function complain(text) {
    fault.hidden = !text;
    setText(fault, text);
  }

  function askFile(file) {
    complain("");
    show(file, file.name || "a pasted picture", null);
    onQuery({ blob: file, name: file.name || "a pasted picture", label: null, isOwn: true });
  }

  function takeFiles(files) {
    const pictures = [...files].filter((file) => file.type.startsWith("image/"));
    if (pictures.length) askFile(pictures[0]);
    else if (files.length) complain(`${files[0].name} is no picture. JPEG, PNG, WebP and GIF are taken.`);
  }

  // `known` has what is known of it: name and label.
  async function askPicture(path, known = {}) {
    complain("");
    await context.act(async () => {
      const blob = await api.bytesOf(path, { signal: context.signal });
      show(blob, known.name ?? "A picture of the dataset", known.label);
      onQuery({ blob, name: known.name ?? null, label: known.label ?? null, path, isOwn: false });
    });
  }

  function offer() {
    strip.replaceChildren(...(dataset ? spread(dataset.pictures, turn) : []).map((n, k) => {
      const path = `/v1/datasets/${dataset.id}/images/${n}`;
      return element("li", {}, element("button", {
        type: "button", class: "picture-button", "aria-label": `Search with picture ${n} of the dataset`,
          "data-offer": k,
        onclick: () => askPicture(path),
      }, picture(`${path}?size=96`, { width: "60", height: "60" })));
    }));
    others.hidden = !dataset || dataset.pictures <= offered;
  }

  others.addEventListener("click", () => {
    turn += 1;
    offer();
  });
  const pasted = (event) => takeFiles(event.clipboardData?.files ?? []);
  document.addEventListener("paste", pasted);
  context.signal.addEventListener("abort", () => {
    document.removeEventListener("paste", pasted);
    if (address) URL.revokeObjectURL(address);
  });

  const input = element("input", {
    id: "query-file", class: "visually-hidden", type: "file", accept: "image/*",
    onchange: () => {
      takeFiles(input.files);
      input.value = "";
    },
  });
  const zone = element("div", { class: "drop" },
    element("span", {}, element("strong", {}, "Drop or paste a picture"), " to find others like it"),
    element("span", { class: "choosers" }, element("label", { class: "button small", for: "query-file" },
      "Choose a picture"), input));
  zone.addEventListener("dragover", () => zone.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  return {
    node: element("div", { class: "query" }, zone,
      element("div", { class: "offer" }, element("span", { class: "note" }, "or take one of the dataset"), strip,
        others), fault, asked),
    takeFiles, askPicture,
    // What a search has found out about a picture of the dataset that was asked for by its number.
    know(item) {
      setText(name, item.name);
      setText(said, item.label ? `label ${item.label}` : "");
      image.alt = item.name;
    },
    setDataset(next) {
      if (dataset?.id === next?.id) return;
      dataset = next;
      offer();
    },
  };
}
