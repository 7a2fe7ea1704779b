// The form for a new run. What it would do is asked of the service (`validate_only`) while one types.

import * as api from "../api.js";
import { byId, element, setText } from "../dom.js";
import { bytes, count, duration } from "../format.js";

const automatic = "automatic";

// What is no part of the recipe. The recipe's fields come from the service, so that a new one needs nothing here.
const ownFields = [
  { name: "dataset", label: "Dataset", kind: "dataset" },
  { name: "name", label: "Name", kind: "text", hint: "For you; made up when left empty." },
];

let fields = ownFields;
let datasets = [];
let planTimer = null;
let planCount = 0;

function control(field) {
  const attributes = { id: `field-${field.name}`, name: field.name, "aria-describedby": `hint-${field.name}` };
  if (field.kind === "dataset") {
    return element("select", attributes, datasets.map((dataset) => element(
      "option", { value: dataset.id }, `${dataset.name} (${count(dataset.pictures)} pictures)`)));
  }
  if (field.kind === "choice") {
    return element("select", attributes, element("option", { value: "" }, automatic),
      field.choices.map((choice) => element("option", { value: choice }, choice)));
  }
  return element("input", {
    ...attributes, type: "text", autocomplete: "off",
    inputmode: field.kind === "integer" ? "numeric" : field.kind === "number" ? "decimal" : null,
    placeholder: field.kind === "text" ? "" : automatic,
  });
}

function row(field) {
  return element("div", { class: "field" },
    element("label", { for: `field-${field.name}` }, field.label), control(field),
    element("p", { class: "note", id: `hint-${field.name}`, "data-hint": field.hint ?? "" }, field.hint ?? ""));
}

// A field of the recipe as the form shows it: its limits and its default are part of the hint.
function formField(field) {
  const range = field.minimum === undefined ? ""
    : ` ${field.minimum} to ${field.maximum}${field.unit ? ` ${field.unit}` : ""}${field.kind === "numbers" ? ", separated by commas" : ""}.`;
  return { ...field, more: !field.common, hint: `${field.description}${range} Automatic: ${field.automatic}.` };
}

async function loadFields() {
  if (fields !== ownFields) return;
  const { body } = await api.poll("/v1/recipe-fields");
  fields = [...ownFields, ...body.data.map(formField)];
}

// Text that is no number is sent as it is: the service says what is wrong with it.
function number(text) {
  const parsed = Number(text);
  return text.trim() !== "" && Number.isFinite(parsed) ? parsed : text;
}

function value(field, text) {
  if (field.kind === "numbers") return text.split(",").map(number);
  return field.kind === "integer" || field.kind === "number" ? number(text) : text;
}

// `augmentations.first.hue` is a member of a member of a member.
function assign(object, path, value) {
  const names = path.split(".");
  const last = names.pop();
  const inner = names.reduce((parent, name) => (parent[name] ??= {}), object);
  inner[last] = value;
}

function resolved(recipe, path) {
  const value = path.split(".").reduce((parent, name) => parent?.[name], recipe);
  return value ?? recipe.encoder?.[path];
}

function body() {
  const result = {};
  for (const field of fields) {
    const text = byId(`field-${field.name}`).value.trim();
    if (text !== "") assign(result, field.name, value(field, text));
  }
  return result;
}

function showProblem(error) {
  const rest = [];
  for (const problem of error?.errors ?? []) {
    const hint = byId(`hint-${problem.field}`);
    if (!hint) {
      rest.push(problem.field ? `${problem.field}: ${problem.detail}` : problem.detail);
      continue;
    }
    setText(hint, problem.detail);
    hint.classList.add("bad");
    byId(`field-${problem.field}`).setAttribute("aria-invalid", "true");
  }
  const box = byId("form-error");
  const text = error ? (error.errors?.length ? rest.join(" ") : error.message) : "";
  box.hidden = text === "";
  setText(box, text);
}

function clearProblems() {
  for (const field of fields) {
    const hint = byId(`hint-${field.name}`);
    setText(hint, hint.dataset.hint);
    hint.classList.remove("bad");
    byId(`field-${field.name}`).removeAttribute("aria-invalid");
  }
  showProblem(null);
}

async function plan() {
  planCount += 1;
  const mine = planCount;
  try {
    const answer = await api.send("POST", "/v1/runs", { ...body(), validate_only: true });
    if (mine !== planCount) return;
    clearProblems();
    showPlan(answer);
  } catch (error) {
    if (mine !== planCount) return;
    clearProblems();
    setText(byId("plan"), "");
    showProblem(error);
  }
  byId("run-submit").disabled = false;
}

function showPlan(answer) {
  const recipe = answer.recipe;
  for (const field of fields) {
    const input = byId(`field-${field.name}`);
    const chosen = resolved(recipe, field.name);
    if (chosen === undefined || field.kind === "dataset" || field.kind === "text") continue;
    if (input.tagName === "SELECT") setText(input.options[0], `${automatic}: ${chosen}`);
    else input.placeholder = `${automatic}: ${chosen}`;
  }
  byId("plan").replaceChildren(
    element("span", {}, `${count(answer.pictures)} pictures, ${count(answer.steps)} updates`
      + (answer.seconds ? `, about ${duration(answer.seconds)} at ${count(Math.round(answer.images_per_second))} pictures per second` : "")
      + `, ${bytes(answer.memory_bytes)} of memory, ${bytes(answer.disk_bytes)} of disk.`),
    ...(answer.warnings ?? []).map((warning) => element("span", { class: "warning" }, warning)));
}

function planSoon() {
  clearTimeout(planTimer);
  planTimer = setTimeout(plan, 300);
}

function section(title, rows) {
  return element("details", { class: "more" }, element("summary", {}, title), element("div", { class: "fields" }, rows));
}

export function page(context) {
  const { state } = context;
  let isOpen = false;
  const form = element("form", { id: "run-form", class: "panel", novalidate: true },
    element("p", { id: "form-error", class: "note bad", role: "alert", hidden: true }),
    element("div", { class: "fields", id: "run-fields" }), element("p", { id: "plan", class: "plan", role: "status" }),
    element("div", { class: "dialog-foot" },
      element("button", { id: "run-submit", class: "primary", type: "submit" }, "Start training")));
  form.addEventListener("input", planSoon);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(planTimer);
    planCount += 1;
    byId("run-submit").disabled = true;
    clearProblems();
    try {
      const run = await api.send("POST", "/v1/runs", body());
      context.toast(`“${run.name}” is ${run.state}.`);
      context.navigate(`#/runs/${run.id}`);
    } catch (error) {
      showProblem(error);
      byId("run-submit").disabled = false;
    }
  });

  async function open() {
    datasets = state.datasets.filter((dataset) => dataset.state === "ready");
    let failure = null;
    try {
      await loadFields();
    } catch (error) {
      // A run can be made without them: everything but the dataset has a default.
      failure = error;
    }
    const more = fields.filter((field) => field.more);
    const isNested = (field) => field.name.includes(".");
    byId("run-fields").replaceChildren(
      ...fields.filter((field) => !field.more).map(row),
      section("More settings", more.filter((field) => !isNested(field)).map(row)),
      section("Augmentations", more.filter(isNested).map(row)));
    showProblem(failure);
    plan();
  }

  return {
    element: element("div", { class: "page" }, element("div", { class: "page-head" }, element("h1", {}, "New run")), form),
    title: () => "New run",
    refresh() {
      if (isOpen || !state.isLoaded) return;
      isOpen = true;
      open();
    },
    leave: () => clearTimeout(planTimer),
  };
}
