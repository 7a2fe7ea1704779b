// What a run would be: its length, memory and disk as the service measures them, and the views it would learn from.

import { element, setText } from "../dom.js";
import { bytes, count, plural, roughly } from "../format.js";

const shownPictures = 5;
const shownEpochs = 2;
// What the views depend on: nothing else asks for them again.
const viewFields = ["preset", "seed", "image_size", "augmentations", "starting_strength", "starting_size", "method",
  "init_from"];

export class Preview {
  constructor(api, onOther) {
    Object.assign(this, { api, asked: "", controller: null, pictures: null, address: null });
    this.plan = element("dl", { class: "plan-list" });
    this.warnings = element("ul", { class: "warnings" });
    this.status = element("p", { class: "note", role: "status" }, "");
    this.image = element("img",
      { class: "views", alt: "A row for each picture: its centre, then its first and second view in two epochs",
        hidden: true });
    this.viewsNote = element("p", { class: "note" }, "");
    this.element = element("aside", { class: "preview" },
      element("section", { class: "panel", "aria-labelledby": "plan-heading" },
        element("h2", { id: "plan-heading" }, "What it would take"), this.plan, this.warnings, this.status),
      element("section", { class: "panel", "aria-labelledby": "views-heading" },
        element("div", { class: "panel-head" }, element("h2", { id: "views-heading" }, "What it would see"),
          element("button", {
            type: "button", class: "small", onclick: () => {
              this.pictures = null;
              this.asked = "";
              onOther();
            },
          }, "Other pictures")),
        this.image, this.viewsNote));
  }

  stop() {
    this.controller?.abort();
    if (this.address) URL.revokeObjectURL(this.address);
  }

  measuring() {
    this.plan.classList.add("stale-part");
    setText(this.status, "Measured on this machine; it takes up to 8 seconds …");
  }

  show(answer) {
    this.plan.classList.remove("stale-part");
    setText(this.status, "");
    const rows = [
      ["Time", Number.isFinite(answer.seconds) ? `about ${roughly(answer.seconds)}` : "not known"],
      ["Speed", Number.isFinite(answer.images_per_second) ? `${count(answer.images_per_second)} pictures per second`
        : "not measured"],
      ["Updates",
        `${count(answer.steps)}${answer.steps_per_epoch ? `, ${count(answer.steps_per_epoch)} each epoch` : ""}`],
      ["Pictures", count(answer.pictures)], ["Memory", bytes(answer.memory_bytes)], ["Disk", bytes(answer.disk_bytes)],
      ["Weights learned", count(answer.parameters)], ["Embedding", plural(answer.dimension, "component")],
    ];
    this.plan.replaceChildren(...rows
      .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
    this.warnings.replaceChildren(...(answer.warnings ?? []).map((warning) => element("li", {}, warning)));
  }

  // `isUseless`: the request was refused, so that nothing is known of it.
  refused() {
    this.plan.classList.add("stale-part");
    setText(this.status, "Mend what is marked in red, and it is measured again.");
  }

  async showViews(dataset, request) {
    this.pictures ??= pick(dataset.training_pictures ?? dataset.pictures);
    const body = { pictures: this.pictures, shown_epochs: shownEpochs };
    for (const name of viewFields) if (request[name] !== undefined && name !== "init_from") body[name] = request[name];
    const asked = JSON.stringify([dataset.id, body]);
    if (asked === this.asked) return;
    this.asked = asked;
    this.controller?.abort();
    this.controller = new AbortController();
    this.image.classList.add("stale-part");
    try {
      const blob = await this.api.bytesOf(`/v1/datasets/${dataset.id}/views`, {
        method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
        signal: this.controller.signal,
      });
      if (this.address) URL.revokeObjectURL(this.address);
      this.address = URL.createObjectURL(blob);
      this.image.src = this.address;
      this.image.hidden = false;
      this.image.classList.remove("stale-part");
      setText(this.viewsNote, "Each row: a picture's centre, then the first and the second view of it in two epochs. "
        + "What stays the same between the two is what is learned.");
    } catch (error) {
      if (error instanceof this.api.Cancelled) return;
      this.asked = "";
      if (error.status !== 422) setText(this.viewsNote, error.message);
    }
  }
}

function pick(pictures) {
  const wanted = Math.min(shownPictures, pictures);
  const start = Math.random();
  // From all over the dataset, which is ordered by its folders.
  return Array.from({ length: wanted }, (_, k) => Math.floor(((k + start) * pictures) / wanted));
}
