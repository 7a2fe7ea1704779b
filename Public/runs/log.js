// What the worker writes to its standard error, live while it is looked at.

import { save } from "../api.js";
import { element, setText } from "../dom.js";
import { bytes } from "../format.js";

const firstBytes = 65536;
const mostCharacters = 400000;

export class WorkerLog {
  constructor(context, id) {
    Object.assign(this,
      { api: context.api, act: context.act, base: `/v1/runs/${id}/log`, next: null, text: "", wasOpened: false });
    this.output = element("pre", { class: "worker-log", tabindex: "0", "aria-label": "The worker's log" });
    this.note = element("span", { class: "note" }, "");
    this.details = element("details", { ontoggle: () => { if (this.details.open) this.act(() => {}); } },
      element("summary", {}, element("h2", {}, "The worker's log")),
      element("div", { class: "panel-head" }, this.note,
        element("button",
          { type: "button", class: "small",
            onclick: () => save(new Blob([this.text], { type: "text/plain" }), `${id}.log`) }, "Save")),
      this.output);
    this.element = element("section", { class: "panel" }, this.details);
  }

  async refresh(run, signal) {
    // After a failure it is what one looks for.
    if (run.state === "failed" && !this.wasOpened) {
      this.wasOpened = true;
      this.details.open = true;
    }
    if (!this.details.open) return;
    try {
      await this.read(signal);
    } catch (error) {
      if (!(error instanceof this.api.Problem)) throw error;
      setText(this.note, error.status === 404 ? "No worker has written anything yet." : error.message);
    }
  }

  async read(signal) {
    const query = this.next === null ? `limit=${firstBytes}` : `from=${this.next}&limit=${firstBytes}`;
    const { body } = await this.api.poll(`${this.base}?${query}`, signal);
    // A log that is full is begun anew.
    const isNew = this.next === null || body.size < this.next;
    const isAtEnd = this.output.scrollTop + this.output.clientHeight >= this.output.scrollHeight - 4;
    if (isNew && this.next !== null) {
      this.next = null;
      this.text = "";
      return;
    }
    this.next = body.next;
    this.text = (this.text + body.text).slice(-mostCharacters);
    setText(this.output, this.text || "Nothing so far.");
    setText(this.note, `${bytes(body.size)} in all${body.size > this.text.length ? ", the end of it here" : ""}`);
    if (isAtEnd || isNew) this.output.scrollTop = this.output.scrollHeight;
  }
}
