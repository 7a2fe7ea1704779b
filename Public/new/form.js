// A new run: from the contract's fields, measured while it is filled in. `#/new?dataset=ID` chooses the pictures,
// `#/new?from=RUN` begins with another run's recipe.

import { element, setText, whenChanged } from "../dom.js";
import { bytes, count, roughly } from "../format.js";
import { Fields } from "./fields.js";
import { Preview } from "./preview.js";

const minutesOffered = [[1, "1 min"], [5, "5 min"], [20, "20 min"], [60, "1 h"], [240, "4 h"], [720, "12 h"]];
const minutesAtFirst = 20;
const patience = 400;
const leastPictures = 16;
// They have a place of their own above the rest.
const ownFields = ["preset", "minutes"];

export function page(context) {
  const { api, state, query, parameters: _ } = context;
  let fields = null;
  let timer = null;
  let controller = null;
  let from = null;
  const parts = formParts();
  const preview = new Preview(api, () => soon(0));
  const form = element("form",
    { class: "panel new-run", novalidate: true, oninput: () => soon(), onsubmit: (event) => submit(event) },
    parts.problem, parts.content, element("div", { class: "dialog-foot" }, parts.summary, parts.submit));
  const nothing = element("div", { class: "panel welcome", hidden: true }, element("h2", {}, "First the pictures"),
    element("p", {}, "A run learns from a dataset, and there is none yet."),
    element("p", {}, element("a", { class: "button primary", href: "#/datasets" }, "Upload pictures")));

  const datasets = () => state.datasets.filter((dataset) => dataset.state === "ready");
  const dataset = () => datasets().find((one) => one.id === parts.dataset.value);

  function request() {
    const body = { dataset: parts.dataset.value, ...fields.values() };
    const name = parts.name.value.trim() || parts.name.placeholder;
    if (name) body.name = name;
    if (parts.start.value) body.init_from = parts.start.value;
    return body;
  }

  // The plan is asked for when one has stopped typing.
  function soon(wait = patience) {
    clearTimeout(timer);
    showNames();
    timer = setTimeout(plan, wait);
  }

  async function plan() {
    if (!fields || !dataset()) return;
    controller?.abort();
    controller = new AbortController();
    const { signal } = controller;
    const body = request();
    preview.showViews(dataset(), body);
    preview.measuring();
    try {
      const answer = await api.send("POST", "/v1/runs", { ...body, validate_only: true }, { signal });
      if (signal.aborted) return;
      showProblem(null);
      fields.showResolved(answer.recipe);
      preview.show(answer);
      setText(parts.summary, Number.isFinite(answer.seconds)
        ? `about ${roughly(answer.seconds)}, ${bytes(answer.memory_bytes)} of memory` : "");
    } catch (error) {
      if (error instanceof api.Cancelled) return;
      showProblem(error);
      preview.refused();
    }
  }

  function showProblem(error) {
    const rest = fields.showProblems(error?.errors ?? []);
    const text = !error ? "" : error.errors?.length ? rest.join(" ") : error.message;
    parts.problem.hidden = text === "";
    setText(parts.problem, text);
  }

  // A name that tells runs apart.
  function showNames() {
    const minutes = parts.minutes.value.trim();
    const method = fields?.row("method")?.input.value;
    const words = [dataset()?.name, method, minutes && minutes !== "0" ? `${minutes} min` : ""]
      .filter(Boolean).join(", ");
    const taken = new Set(state.runs.map((run) => run.name));
    let name = words;
    for (let k = 2; taken.has(name); k += 1) name = `${words} (${k})`;
    parts.name.placeholder = name;
    for (const chip of parts.chips.children) chip.setAttribute("aria-pressed", String(chip.value === minutes));
  }

  async function submit(event) {
    event.preventDefault();
    clearTimeout(timer);
    controller?.abort();
    parts.submit.disabled = true;
    try {
      const run = await api.send("POST", "/v1/runs", request());
      context.toast(`“${run.name}” is ${run.state}.`);
      context.navigate(`#/runs/${run.id}`);
    } catch (error) {
      showProblem(error);
      form.querySelector("[aria-invalid]")?.focus();
      context.toast("The run was not started: see what is marked in red.", true);
    }
    parts.submit.disabled = false;
  }

  async function build() {
    const { body } = await api.poll("/v1/recipe-fields", context.signal);
    fields = new Fields(body.data);
    const [preset, minutes] = ownFields.map((name) => fields.row(name));
    parts.place(fields, preset, minutes, () => soon(0));
    if (query.get("from")) {
      from = (await api.poll(`/v1/runs/${encodeURIComponent(query.get("from"))}`, context.signal)).body;
      takeFrom(from);
    } else {
      minutes.set(minutesAtFirst);
    }
    soon(0);
  }

  function takeFrom(run) {
    fields.take(run.recipe);
    const { minutes = 0 } = run.recipe;
    // A length in minutes decides the updates; the number that came of it must not be asked for as well.
    for (const name of minutes > 0 ? ["updates", "epochs"] : ["minutes", "updates"]) fields.row(name)?.take(undefined);
    // What was left alone in the earlier run is written out here: the same run again, unless something is changed.
    setText(parts.heading, `Like “${run.name}”, with changes`);
    if (datasets().some((one) => one.id === run.dataset)) parts.dataset.value = run.dataset;
    if (run.init_from) parts.start.value = run.init_from;
  }

  let isBuilding = false;
  return {
    element: element("div", { class: "page" }, element("div", { class: "page-head" }, parts.heading), nothing,
      element("div", { class: "new-layout" }, form, preview.element)),
    title: () => "New run",
    async refresh() {
      const isEmpty = datasets().length === 0;
      nothing.hidden = !isEmpty;
      form.parentElement.hidden = isEmpty;
      if (isEmpty) return;
      parts.showChoices(datasets(), state.models, query.get("dataset"));
      if (isBuilding) return;
      isBuilding = true;
      try {
        await build();
      } catch (error) {
        isBuilding = false;
        throw error;
      }
    },
    leave() {
      clearTimeout(timer);
      controller?.abort();
      preview.stop();
    },
  };
}

function formParts() {
  const parts = {
    heading: element("h1", {}, "New run"),
    problem: element("p", { class: "reason bad", role: "alert", hidden: true }),
    dataset: element("select", { id: "new-dataset" }),
    name: element("input", { id: "new-name", type: "text", maxlength: "200", autocomplete: "off" }),
    start: element("select", { id: "new-start" }, element("option", { value: "" }, "random weights")),
    chips: element("div", { class: "chips", role: "group", "aria-label": "Minutes" }),
    content: element("div", { class: "new-content" }), summary: element("span", { class: "note" }),
    submit: element("button", { class: "primary", type: "submit" }, "Start training"),
  };
  // Until the fields are there it stands for them.
  parts.minutes = element("input", { type: "text" });

  parts.showChoices = (datasets, models, wanted) => {
    whenChanged(parts.dataset, datasets.map(({ id, name, pictures }) => [id, name, pictures]), () => {
      // Of fewer pictures no batch can be made.
      const large = datasets.find(({ pictures }) => pictures >= leastPictures)?.id;
      const chosen = parts.dataset.value || wanted || large;
      parts.dataset.replaceChildren(...datasets
        .map((one) => element("option", { value: one.id }, `${one.name} (${count(one.pictures)} pictures)`)));
      if (datasets.some(({ id }) => id === chosen)) parts.dataset.value = chosen;
    });
    whenChanged(parts.start, models.map(({ id, step }) => [id, step]), () => {
      const chosen = parts.start.value;
      parts.start.replaceChildren(element("option", { value: "" }, "random weights"),
        ...models
          .map((model) => element("option", { value: model.id },
            `${model.run_name ?? model.run}, step ${count(model.step)}`)));
      parts.start.value = chosen;
      if (parts.start.selectedIndex < 0) parts.start.value = "";
    });
  };

  parts.place = (fields, preset, minutes, changed) => {
    parts.minutes = minutes.input;
    minutes.element.querySelector("label").replaceChildren("How many minutes do you have? ", minutes.changed);
    parts.chips.replaceChildren(...minutesOffered.map(([value, text]) => element("button", {
      type: "button", class: "chip", value: String(value), "aria-pressed": "false",
      onclick: () => {
        minutes.set(value);
        changed();
      },
    }, text)));
    minutes.element.insertBefore(parts.chips, minutes.input);
    const own = (id, label, input, hint) => element("div", { class: "field" }, element("label", { for: id }, label),
      input, element("p", { class: "note" }, hint));
    parts.content.replaceChildren(
      element("div", { class: "fields" },
        own("new-dataset", "Pictures", parts.dataset, "The dataset to learn from."),
        own("new-name", "Name", parts.name, "What is shown grey is taken where you write nothing."),
        minutes.element, preset.element,
        own("new-start", "Begins with", parts.start, "A model's weights instead of random ones, as a head start.")),
      element("h2", {}, "What is asked most"), element("div", { class: "fields" }, fields.commonRows(ownFields)),
      element("h2", {}, "Everything else"), ...fields.sections(ownFields));
  };
  return parts;
}
