// The box where a dataset begins: drop or choose, give it a name, see it go up, cancel.

import * as api from "../api.js";
import { chooser, element, setText, toast } from "../dom.js";
import { bytes, count, duration, plural } from "../format.js";
import { choice, fromDrop, fromFiles } from "./chosen.js";
import { begin, onUpload, rate, upload } from "./upload.js";

const archiveTypes = ".tar,.gz,.tgz,.zip,.zst,application/x-tar,application/gzip,application/zip";
const pictureTypes = "image/jpeg,image/png,image/webp,image/gif,.npy";
const longestName = 200;

function dropZone(take) {
  const zone = element("div", { class: "drop upload-drop" },
    element("p", {}, element("strong", {}, "Drop pictures, folders or an archive here")),
    element("p", { class: "note" },
      "JPEG, PNG, WebP, GIF; tar, tar.gz, tar.zst, zip. Folders become labels; labels are not needed to learn."),
    element("span", { class: "choosers" },
      chooser("dataset-file", "Choose files", { accept: `${archiveTypes},${pictureTypes}`, multiple: true },
        (files) => take(fromFiles(files))),
      chooser("dataset-folder", "Choose a folder", { webkitdirectory: true }, (files) => take(fromFiles(files)))));
  zone.addEventListener("dragover", () => zone.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  return zone;
}

function goingUp() {
  const parts = {
    name: element("strong", { class: "card-name" }), amount: element("span", { class: "note" }),
    bar: element("progress", { max: "1", value: "0", "aria-label": "Upload" }),
    cancel: element("button", { type: "button", class: "small", onclick: () => upload.current?.cancel() },
      "Cancel the upload"),
  };
  const node = element("div", { class: "panel upload-panel" },
    element("div", { class: "card-line" }, parts.name, parts.cancel), parts.bar, parts.amount);
  return {
    node,
    draw(current, admitting) {
      setText(parts.name, current.name);
      if (current.isSent) {
        parts.bar.removeAttribute("value");
        setText(parts.amount, admitting?.progress
          ? `All is sent. The service has read ${plural(admitting.progress.accepted, "picture")}, `
            + `${count(admitting.progress.rejected)} rejected so far.`
          : "All is sent. The service reads the pictures.");
        return;
      }
      parts.bar.value = current.total ? current.loaded / current.total : 0;
      const speed = rate(current.marks);
      setText(parts.amount, `${bytes(current.loaded)} of ${bytes(current.total)}`
        + (speed ? `, ${bytes(speed)} per second, ${duration((current.total - current.loaded) / speed)} left` : ""));
    },
  };
}

function staging(onBegin, onCancel) {
  const name = element("input", { id: "dataset-name", type: "text", maxlength: longestName, autocomplete: "off",
    required: true });
  const what = element("p", {});
  const left = element("details", { hidden: true });
  const form = element("form", { class: "panel staging", hidden: true },
    element("h2", {}, "New dataset"), what, left,
    element("div", { class: "field" }, element("label", { for: "dataset-name" }, "Name"), name),
    element("div", { class: "dialog-foot" },
      element("button", { type: "button", onclick: onCancel }, "Not now"),
      element("button", { type: "submit", class: "primary" }, "Upload")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onBegin(name.value.trim());
  });
  return {
    node: form,
    show(chosen) {
      form.hidden = false;
      name.value = chosen.name.slice(0, longestName);
      setText(what, (chosen.pictures === null ? "An archive" : plural(chosen.pictures, "picture")
        + (chosen.labels
          ? ` with ${plural(chosen.labels, "label")} from ${chosen.labels === 1 ? "its folder" : "their folders"}`
          : " without labels"))
        + `, ${bytes(chosen.size)}.`);
      left.hidden = chosen.leftOut.length === 0;
      left.replaceChildren(
        element("summary", {}, `${plural(chosen.leftOut.length, "other file")} will be left out: no pictures`),
        element("ul", { class: "names" }, chosen.leftOut.slice(0, 100).map((path) => element("li", {}, path))),
        chosen.leftOut.length > 100 ? element("p", { class: "note" }, `and ${count(chosen.leftOut.length - 100)} more`)
          : null);
      name.focus();
      name.select();
    },
  };
}

// `{ element, take(dropped), draw() , leave() }`; the page of a dataset is opened when it was admitted.
export function uploadBox(context) {
  let chosen = null;
  const fault = element("p", { class: "reason bad", role: "alert", hidden: true });
  const zone = dropZone(take);
  const progress = goingUp();
  const stage = staging(start, () => {
    chosen = null;
    draw();
  });

  function complain(text) {
    fault.hidden = !text;
    setText(fault, text ?? "");
  }

  async function take(found) {
    complain(null);
    try {
      if (upload.current) throw new Error("An upload goes on. Wait for it, or cancel it.");
      const picked = choice(await found);
      const most = context.state.info?.limits?.dataset_upload_bytes;
      if (most && picked.size > most) {
        throw new Error(`${bytes(picked.size)} are more than the ${bytes(most)} that one upload may have. `
          + "Upload it in parts.");
      }
      chosen = picked;
      draw();
      stage.show(chosen);
    } catch (error) {
      complain(error.message);
    }
  }

  async function start(name) {
    const { blob } = chosen;
    chosen = null;
    try {
      const dataset = await begin({ blob, name });
      const rejected = dataset.report?.rejected_count ?? 0;
      toast(`${plural(dataset.pictures, "picture")} admitted`
        + (rejected ? `, ${count(rejected)} rejected: see the report.` : ". None was rejected."));
      if (!context.signal.aborted) context.navigate(`#/datasets/${dataset.id}`);
    } catch (error) {
      if (error instanceof api.Cancelled) toast("The upload was cancelled. Nothing of it is kept.");
      else complain(`“${name}” was not uploaded. ${error.message}`);
    }
    context.act(() => {});
  }

  function draw() {
    const { current } = upload;
    zone.hidden = current !== null || chosen !== null;
    stage.node.hidden = chosen === null;
    progress.node.hidden = current === null;
    if (current) progress.draw(current, context.state.datasets.find((dataset) => dataset.state === "admitting"));
  }

  const forget = onUpload(draw);
  draw();
  return {
    element: element("section", { class: "upload-box", "aria-label": "Upload" }, fault, zone, stage.node,
      progress.node),
    take: (dropped) => take(fromDrop(dropped)), draw, leave: forget,
  };
}
