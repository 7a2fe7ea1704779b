// The checkpoints of a run: to download, to embed with, to make the service's default.

import { download, element, keyed, setText } from "../dom.js";
import { bytes, count, moment } from "../format.js";
import { isActive } from "./words.js";

export class Checkpoints {
  // `onEmbed` is told the name of the model to embed with.
  constructor(context, id, onEmbed) {
    Object.assign(this,
      { api: context.api, act: context.act, toast: context.toast, state: context.state, id, onEmbed });
    this.list = element("ul", { class: "checkpoints" });
    this.none = element("p", { class: "note" });
    this.element = element("section", { class: "panel", "aria-labelledby": "checkpoints-heading" },
      element("h2", { id: "checkpoints-heading" }, "Checkpoints"), this.none, this.list);
  }

  async refresh(run, signal) {
    const { body } = await this.api.poll(`/v1/runs/${this.id}/checkpoints`, signal);
    const pinned = this.state.models.find((model) => model.pinned);
    keyed(this.list, body.data, {
      key: (checkpoint) => `${checkpoint.step}`,
      make: (checkpoint) => this.make(checkpoint),
      update: (row, checkpoint) => {
        const marks = [checkpoint.step === run.best_step ? "best so far" : "",
          pinned?.run === this.id && pinned.step === checkpoint.step ? "the service's default" : ""].filter(Boolean);
        setText(row.querySelector(".mark"), marks.join(", "));
      },
    });
    this.none.hidden = body.data.length > 0;
    setText(this.none, isActive(run) ? "The first one is written soon after the start."
      : "None was written before it ended.");
  }

  make(checkpoint) {
    const model = checkpoint.files.find((file) => file.name === "model.safetensors");
    const base = `/v1/runs/${this.id}/checkpoints/${checkpoint.step}`;
    const file = (name, text) => download(`${base}/${name}`, `${this.id}-${checkpoint.step}.${name.split(".")[1]}`,
      text);
    return element("li", {},
      element("span", {}, element("strong", {}, `Step ${count(checkpoint.step)}`), " ",
        element("span", { class: "note" }, checkpoint.created_at ? moment(checkpoint.created_at) : "")),
      element("span", { class: "mark" }),
      element("span", { class: "checkpoint-actions" },
        model ? file("model.safetensors", `safetensors, ${bytes(model.size_bytes)}`) : null,
        checkpoint.model ? file("model.onnx", "ONNX") : null,
        checkpoint.model
          ? element("button", { type: "button", class: "small", onclick: () => this.onEmbed(checkpoint.model) },
            "Embed with this") : null,
        checkpoint.model ? element("button", {
          type: "button", class: "quiet small", title: "It answers where a request names no model, and is kept",
          onclick: () => this.act(async () => {
            await this.api.send("PUT", "/v1/models/default", { checkpoint: checkpoint.model });
            this.toast(`Step ${count(checkpoint.step)} answers from now on where no model is named.`);
          }),
        }, "Make default") : null));
  }
}
