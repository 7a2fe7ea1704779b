// Evaluations: models beside what needs no training, as a table and in words.

import { element, keyed, setText, whenChanged } from "../dom.js";
import { count, moment, number, percent } from "../format.js";

const subjects = {
  model: "This model", random_network: "The same network, random weights",
  image_statistics: "Statistics of the pictures",
  whitened_patches: "Whitened patches", projected_patches: "Projected patches",
};
const splits = { test: "the test pictures", val: "the validation pictures",
  train_hold_out: "a held-out fifth of the training pictures" };
const shownReports = 5;
const shownSentences = 3;

function protocolName(protocol) {
  if (protocol.startsWith("knn-")) return `k-NN, ${protocol.slice(4)} neighbours`;
  if (protocol.startsWith("finetune-")) return `fine-tuned on ${protocol.slice(9)} %`;
  return { linear: "linear probe", sgd: "linear probe by SGD" }[protocol] ?? protocol;
}

// The evaluations of a run's checkpoints.
export function ofRun(context, id) {
  return new Evaluations(context, {
    query: () => `run=${id}`, request: () => ({ model: id }), button: "Evaluate the latest checkpoint",
    obstacle: (run) => (run.checkpoint?.step >= 1 ? "" : "There is no trained checkpoint yet"),
    title: (one) => `Step ${count(Number(one.model.split("@")[1]))}`,
  });
}

export class Evaluations {
  // `query()` chooses the evaluations, `request()` asks for a new one; `obstacle(subject)` says why that cannot be
  // done, or "". `title(evaluation)` heads each; `choice` stands beside the button.
  constructor(context, { query, request, button, choice = null, obstacle, title }) {
    Object.assign(this, { api: context.api, act: context.act, toast: context.toast, confirm: context.confirm });
    Object.assign(this, { query, request, obstacle, title, newest: null });
    this.list = element("div", { class: "evaluations" });
    this.none = element("p", { class: "note" });
    this.start = element("button", { type: "button", class: "small", onclick: () => this.evaluate() },
      button);
    this.element = element("section", { class: "panel", "aria-labelledby": "evaluations-heading" },
      element("div", { class: "panel-head" }, element("h2", { id: "evaluations-heading" }, "Evaluations"),
        element("div", { class: "actions wrap" }, choice, this.start)), this.none, this.list);
  }

  evaluate() {
    this.act(async () => {
      await this.api.send("POST", "/v1/evaluations", this.request());
      this.toast("Queued. Evaluations run one at a time, with low priority.");
    });
  }

  async refresh(subject, signal) {
    const { body } = await this.api.poll(`/v1/evaluations?${this.query()}&limit=100`, signal);
    this.newest = body.data.find((one) => one.report) ?? null;
    this.start.title = this.obstacle(subject);
    this.start.disabled = this.start.title !== "";
    this.none.hidden = body.data.length > 0;
    setText(this.none,
      "None yet. An evaluation puts the model beside a random network, picture statistics and whitened patches.");
    const reports = body.data.filter((one) => one.report);
    const shown = [...body.data.filter((one) => !one.report), ...reports.slice(0, shownReports)];
    keyed(this.list, shown, {
      key: (one) => one.id,
      make: () => element("article", { class: "evaluation" }),
      update: (node, one) => whenChanged(node, one, () => node.replaceChildren(...this.content(one))),
    });
  }

  content(one) {
    const head = (text) => element("div", { class: "card-line" },
      element("h3", {}, this.title(one), element("span", { class: "note" }, ` ${text}`)),
      element("button", { type: "button", class: "quiet small", onclick: () => this.remove(one) },
        one.report || ["failed", "cancelled"].includes(one.state) ? "Remove" : "Cancel"));
    if (!one.report) {
      const { progress } = one;
      const words = { queued: "waits for its turn", running: "is being judged", stopping: "is being cancelled",
        failed: `failed: ${one.reason}`, cancelled: "was cancelled" };
      return [head(words[one.state] ?? one.state), ...(progress ? [element("progress", {
        max: String(progress.total || 1), value: String(progress.done), "aria-label": "Progress of the evaluation",
      })] : [])];
    }
    const { pictures, rows, sentences } = one.report;
    const split = splits[pictures.split] ?? pictures.split;
    return [
      head(`${moment(one.ended_at)}: ${count(pictures.judged)} of ${split} against ${count(pictures.reference)}`),
      this.table(rows), ...this.words(sentences),
    ];
  }

  // The advice comes last; where the model is below something, the table says it as well.
  words(sentences) {
    if (sentences.length <= shownSentences) return sentences.map((sentence) => element("p", { class: "note" }, sentence));
    return [
      element("p", { class: "note" }, sentences.at(-1)),
      element("details", {}, element("summary", {}, `In words, ${count(sentences.length - 1)} sentences`),
        sentences.slice(0, -1).map((sentence) => element("p", { class: "note" }, sentence))),
    ];
  }

  table(rows) {
    const protocols = [...new Set(rows.flatMap((row) => row.accuracies.map(({ protocol }) => protocol)))];
    const measures = [["rank_me", "RankMe"], ["view_recall", "Recall of views"]]
      .filter(([name]) => rows.some((row) => row.label_free?.[name] !== undefined));
    const best = protocols
      .map((protocol) => Math.max(...rows
        .map((row) => row.accuracies.find((one) => one.protocol === protocol)?.top1 ?? -1)));
    return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Results" },
      element("table", {},
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "What is judged"),
        protocols.map((name) => element("th", { scope: "col" }, protocolName(name))), measures
          .map(([, title]) => element("th", { scope: "col" }, title)))),
      element("tbody", {}, rows.map((row) => element("tr", { class: row.subject },
        element("th", { scope: "row" }, subjects[row.subject] ?? row.subject),
        protocols.map((protocol, k) => {
          const value = row.accuracies.find((one) => one.protocol === protocol)?.top1;
          return element("td", { class: value === best[k] ? "best" : null }, percent(value));
        }),
        measures
          .map(([name]) => element("td", {}, name === "view_recall" ? percent(row.label_free?.[name])
            : number(row.label_free?.[name]))))))));
  }

  async remove(one) {
    const question = { heading: "Remove this evaluation?", text: "Its figures are gone then.", yes: "Remove" };
    if (one.report && !(await this.confirm(question))) return;
    this.act(() => this.api.send("DELETE", `/v1/evaluations/${one.id}`));
  }
}
