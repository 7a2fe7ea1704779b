// Pictures dropped here become vectors of this run's model: what they look like, how long it took, how alike they are.

import { strip } from "../charts/strip.js";
import { element, setText, whenChanged } from "../dom.js";
import { count, number, percent } from "../format.js";

const kept = 6;
const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);

function stages(timing) {
  const found = {};
  for (const match of (timing ?? "").matchAll(/(\w+);dur=([\d.]+)/g)) found[match[1]] = Number(match[2]);
  return ["decode", "queue", "infer"].filter((name) => name in found)
    .map((name) => `${name} ${number(found[name])} ms`).join(" · ");
}

export class EmbedPanel {
  constructor(context, id) {
    Object.assign(this, { api: context.api, signal: context.signal, id, results: [] });
    this.model = element("select", { "aria-label": "Model", disabled: true },
      element("option", { value: "" }, "no checkpoint yet"));
    this.output = element("div", { class: "embed-results", "aria-live": "polite" });
    this.message = element("p", { class: "note", role: "status" });
    this.input = element("input", {
      id: "embed-file", class: "visually-hidden", type: "file", accept: "image/jpeg,image/png,image/webp,image/gif",
      multiple: true,
      onchange: () => {
        this.take([...this.input.files]);
        this.input.value = "";
      },
    });
    const drop = element("label", {
      class: "drop", for: "embed-file",
      ondragover: () => drop.classList.add("over"), ondragleave: () => drop.classList.remove("over"),
      ondrop: () => drop.classList.remove("over"),
    }, element("strong", {}, "Drop pictures here, or choose files"),
    element("span", { class: "note" }, "JPEG, PNG, WebP or GIF. Nothing leaves this machine."));
    this.element = element("section", { class: "panel", "aria-labelledby": "embed-heading" },
      element("div", { class: "panel-head" }, element("h2", { id: "embed-heading" }, "Embed pictures"),
        element("label", { class: "inline" }, "with", this.model)),
      element("div", { class: "embed" }, this.input, drop, this.output), this.message);
  }

  stop() {
    for (const { address } of this.results) URL.revokeObjectURL(address);
  }

  choose(model) {
    this.model.value = model;
    if (this.model.value !== model) return;
    this.element.scrollIntoView({ behavior: "smooth", block: "nearest" });
    this.input.focus();
  }

  async refresh(run, signal) {
    const { body } = await this.api.poll(`/v1/runs/${this.id}/checkpoints`, signal);
    const trained = body.data.filter((checkpoint) => checkpoint.model);
    whenChanged(this.model, [trained.map(({ model }) => model), run.best_step], () => {
      const chosen = this.model.value;
      const options = trained
        .map(({ model, step }) => [model, `step ${count(step)}${step === run.best_step ? ", best so far" : ""}`]);
      if (trained.length) options.unshift([this.id, "the latest checkpoint"]);
      else options.push(["", "no checkpoint yet"]);
      this.model.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
      this.model.disabled = trained.length === 0;
      if (options.some(([value]) => value === chosen)) this.model.value = chosen;
    });
  }

  async take(files) {
    const failures = [];
    this.message.className = "note";
    if (!this.model.value) {
      this.message.className = "note bad";
      setText(this.message, "There is no checkpoint to embed with yet.");
      return;
    }
    for (const file of files) {
      setText(this.message, `Embedding ${file.name} …`);
      try {
        await this.embed(file);
      } catch (error) {
        if (error instanceof this.api.Cancelled) return;
        failures.push(`${file.name}: ${error.errors?.[0]?.detail ?? error.message}`);
      }
      this.output.replaceChildren(...this.results.map((result) => this.card(result)));
    }
    if (failures.length) this.message.className = "note bad";
    setText(this.message, failures.join(" ")
      || (this.results.length > 1 ? "Below each picture: how alike the others are, as a cosine." : ""));
  }

  async embed(file) {
    const model = this.model.value;
    const { body, milliseconds, timing } = await this.api.embed(file, model, this.signal);
    this.results.unshift({
      name: file.name, address: URL.createObjectURL(file), vector: body.data[0].embedding,
      fingerprint: body.fingerprint, model, milliseconds, timing,
    });
    for (const old of this.results.splice(kept)) URL.revokeObjectURL(old.address);
  }

  card(result) {
    const alike = this.results.filter((other) => other !== result && other.fingerprint === result.fingerprint);
    return element("article", { class: "vector" },
      element("img", { src: result.address, alt: result.name, width: "72", height: "72" }),
      element("div", { class: "vector-text" },
        element("h3", { title: result.name }, result.name),
        element("p", { class: "note" },
          `${count(result.vector.length)} components · ${number(result.milliseconds)} ms`),
        strip(result.vector),
        element("code", {}, `[${result.vector.slice(0, 5).map((value) => number(value)).join("; ")}; …]`),
        alike.length ? element("ul", { class: "alike" }, alike.map((other) => element("li", {},
          element("img", { src: other.address, alt: "", width: "22", height: "22" }),
          element("span", { "aria-hidden": "true" }, number(dot(result.vector, other.vector), 3)),
          element("span", { class: "visually-hidden" },
            `cosine with ${other.name}: ${percent(dot(result.vector, other.vector))}`)))) : null,
        element("p", { class: "note fine" }, stages(result.timing))));
  }
}
