// What happened to a run, newest first; all of it can be reached.

import { element, keyed, setText } from "../dom.js";
import { clock, count, moment } from "../format.js";
import { Timeline } from "./timeline.js";
import { stateWord } from "./words.js";

const pageSize = 100;
const shownAtFirst = 20;
// Pages read for the times of the curves' steps; of more events the oldest come on request.
const pagesAtFirst = 10;

const kindWords = {
  created: "Made", worker_started: "Worker started", worker_exited: "Worker ended", checkpoint: "Checkpoint",
  health: "Verdict", metrics: "Figures",
};

const word = (event) => (event.kind === "state" ? stateWord(event.state)
  : kindWords[event.kind] ?? event.kind.replaceAll("_", " "));

export class Events {
  constructor(context, id) {
    Object.assign(this,
      { api: context.api, act: context.act, base: `/v1/runs/${id}/events`, known: new Map(), shown: shownAtFirst,
        isWhole: false });
    this.list = element("ol", { class: "log", tabindex: "0", "aria-label": "Events, newest first" });
    this.more = element("button", { type: "button", class: "small", hidden: true, onclick: () => this.showMore() },
      "Show earlier ones");
    this.amount = element("span", { class: "note" });
    this.element = element("section", { class: "panel", "aria-labelledby": "events-heading" },
      element("div", { class: "panel-head" }, element("h2", { id: "events-heading" }, "What happened"), this.amount),
      this.list, this.more);
  }

  async read(after, signal) {
    const { body } = await this.api.poll(`${this.base}?order=desc&limit=${pageSize}${after ? `&after=${after}` : ""}`,
      signal);
    const isFirst = this.known.size === 0;
    let overlaps = isFirst;
    for (const event of body.data) {
      overlaps ||= this.known.has(event.id);
      this.known.set(event.id, event);
    }
    return { overlaps, hasMore: body.has_more, lastId: body.last_id };
  }

  async refresh(run, signal) {
    const wasEmpty = this.known.size === 0;
    let page = await this.read(null, signal);
    // After a pause more may have happened than one page holds.
    for (let k = 1; k < pagesAtFirst && page.hasMore && (wasEmpty || !page.overlaps); k += 1) {
      page = await this.read(page.lastId, signal);
    }
    if (wasEmpty || !page.overlaps) this.isWhole = !page.hasMore;
    this.show();
  }

  showMore() {
    this.shown += pageSize;
    this.act(async () => {
      if (this.shown > this.known.size && !this.isWhole) {
        const page = await this.read(Math.min(...this.known.keys()));
        this.isWhole = !page.hasMore;
      }
      this.show();
    });
  }

  show() {
    const events = [...this.known.values()].sort((a, b) => b.id - a.id);
    keyed(this.list, events.slice(0, this.shown), {
      key: (event) => event.id,
      make: (event) => element("li", {},
        element("time", { datetime: event.time, title: moment(event.time) }, clock(event.time)),
        element("span", { class: "kind" }, word(event)),
        element("span", {}, [Number.isFinite(event.step) ? `step ${count(event.step)}` : "", event.detail]
          .filter(Boolean).join(": "))),
    });
    this.more.hidden = this.isWhole && events.length <= this.shown;
    setText(this.amount, this.isWhole ? `${count(events.length)}` : `newest ${count(events.length)}`);
  }

  timeline(run) {
    return new Timeline([...this.known.values()].sort((a, b) => a.id - b.id), run);
  }
}
