// The datasets: what was uploaded, what is being read, and the way to upload more.

import { element, keyed, picture, setText } from "../dom.js";
import { bytes, count } from "../format.js";

const shownPictures = 6;

export function page(context) {
  const { api, state } = context;
  const parts = {
    list: element("ul", { class: "cards" }),
    failed: element("p", { class: "note bad", role: "alert", hidden: true }),
    name: element("span"), amount: element("span"),
    bar: element("progress", { max: "1", value: "0", "aria-label": "Upload" }),
  };
  parts.upload = element("div", { class: "upload", role: "status", hidden: true },
    element("div", { class: "upload-text" }, parts.name, parts.amount), parts.bar);
  const input = element("input", {
    id: "dataset-file", class: "visually-hidden", type: "file",
    accept: ".tar,.gz,.tgz,.zip,application/x-tar,application/gzip,application/zip",
    onchange: () => {
      if (input.files[0]) upload(input.files[0]);
      input.value = "";
    },
  });

  async function upload(file) {
    parts.failed.hidden = true;
    parts.upload.hidden = false;
    setText(parts.name, file.name);
    try {
      const made = await api.upload(file, {
        onProgress: (loaded, total) => {
          parts.bar.value = loaded / total;
          setText(parts.amount, loaded < total ? `${bytes(loaded)} of ${bytes(total)}` : "reading the pictures …");
          if (loaded >= total) parts.bar.removeAttribute("value");
        },
      });
      const rejected = made.report?.rejected_count ?? 0;
      context.toast(`${count(made.pictures)} pictures admitted from ${file.name}`
        + (rejected ? `, ${count(rejected)} rejected.` : "."));
    } catch (error) {
      parts.failed.hidden = false;
      setText(parts.failed, `${file.name}: ${error.message}`);
    }
    parts.upload.hidden = true;
    parts.bar.value = 0;
    context.act(() => {});
  }

  async function remove(dataset) {
    const isSure = await context.confirm({
      heading: `Delete “${dataset.name}”?`, text: "Runs made from it stay; they cannot be started again.",
    });
    if (isSure) context.act(() => api.send("DELETE", `/v1/datasets/${dataset.id}`));
  }

  function make(dataset) {
    const shown = Math.min(shownPictures, dataset.pictures);
    const thumbnails = dataset.state === "ready" ? Array.from({ length: shown }, (_, k) => picture(
      `/v1/datasets/${dataset.id}/images/${Math.floor((k * dataset.pictures) / shown)}?size=48`,
      { width: "34", height: "34" })) : [];
    return element("li", { class: "card" },
      element("span", { class: "card-line" },
        element("span", { class: "card-name" }, dataset.name),
        element("button", {
          type: "button", class: "quiet small", "aria-label": `Delete the dataset ${dataset.name}`,
          onclick: () => remove(dataset),
        }, "Delete")),
      element("span", { class: "thumbs" }, thumbnails), element("span", { class: "note" }));
  }

  function update(node, dataset) {
    const labels = Object.keys(dataset.labels).length;
    setText(node.lastChild, dataset.state === "admitting" ? `${count(dataset.pictures)} pictures admitted so far`
      : `${count(dataset.pictures)} pictures` + (labels ? `, ${labels} label${labels > 1 ? "s" : ""}` : "")
        + `, ${bytes(dataset.size_bytes)}`);
  }

  const none = element("p", { class: "none", hidden: true }, "No pictures yet. Upload a tar, tar.gz or zip.");
  if (state.dropped) {
    const [file] = state.dropped.files;
    state.dropped = null;
    if (file) upload(file);
  }
  return {
    element: element("div", { class: "page" },
      element("div", { class: "page-head" }, element("h1", {}, "Datasets"),
        element("span", {}, element("label", { class: "button primary", for: "dataset-file" }, "Upload"), input)),
      parts.upload, parts.failed, none, parts.list),
    drop: ({ files }) => upload(files[0]),
    refresh() {
      keyed(parts.list, state.datasets, { key: (dataset) => `${dataset.id}/${dataset.state}`, make, update });
      none.hidden = state.datasets.length > 0;
    },
  };
}
