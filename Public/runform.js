// The form for a new run. What it would do is asked of the service (`validate_only`) while one types.

import * as api from "./api.js";
import { byId, element, setText } from "./dom.js";
import { bytes, count, duration } from "./format.js";

const automatic = "automatic";

const fields = [
  { name: "dataset", label: "Dataset", kind: "dataset" },
  { name: "name", label: "Name", kind: "text", hint: "For you; made up when left empty." },
  { name: "epochs", label: "Epochs", kind: "integer", hint: "Passes over the pictures." },
  { name: "batch_size", label: "Pictures an update", kind: "integer", hint: "The dataset must hold at least two such batches." },
  {
    name: "architecture", label: "Encoder", kind: "choice",
    choices: ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"], hint: "Deeper is slower.",
  },
  { name: "image_size", label: "Side of the views", kind: "integer", hint: "In pixels." },
  { name: "stem", label: "Stem", kind: "choice", choices: ["imagenet", "cifar"], more: true, hint: "cifar keeps small pictures large." },
  { name: "width", label: "Width factor", kind: "number", more: true, hint: "0.25 to 4; 1 is the common ResNet." },
  { name: "seed", label: "Seed", kind: "integer", more: true, hint: "The same seed gives the same run." },
  { name: "preset", label: "Preset", kind: "choice", choices: ["small", "imagenette", "paper-40", "paper-100", "paper-300", "paper-1000"], more: true },
  { name: "base_learning_rate", label: "Learning rate", kind: "number", more: true, hint: "For a batch of 256." },
  { name: "base_tau", label: "Target decay τ", kind: "number", more: true, hint: "At the first update, 0 to 1." },
];

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

function value(field, text) {
  if (field.kind !== "integer" && field.kind !== "number") return text;
  const parsed = Number(text);
  return Number.isFinite(parsed) ? parsed : text;
}

function body() {
  const result = {};
  for (const field of fields) {
    const text = byId(`field-${field.name}`).value.trim();
    if (text !== "") result[field.name] = value(field, text);
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
    const resolved = recipe[field.name] ?? recipe.encoder?.[field.name];
    if (resolved === undefined || field.kind === "dataset" || field.kind === "text") continue;
    if (input.tagName === "SELECT") setText(input.options[0], `${automatic}: ${resolved}`);
    else input.placeholder = `${automatic}: ${resolved}`;
  }
  byId("plan").replaceChildren(
    element("span", {}, `${count(answer.pictures)} pictures, ${count(answer.steps)} updates`
      + (answer.seconds ? `, about ${duration(answer.seconds)} at ${count(Math.round(answer.images_per_second))} pictures a second` : "")
      + `, ${bytes(answer.memory_bytes)} of memory, ${bytes(answer.disk_bytes)} of disk.`),
    ...(answer.warnings ?? []).map((warning) => element("span", { class: "warning" }, warning)));
}

function planSoon() {
  clearTimeout(planTimer);
  planTimer = setTimeout(plan, 300);
}

export function openRunForm(known) {
  datasets = known;
  byId("run-fields").replaceChildren(
    ...fields.filter((field) => !field.more).map(row),
    element("details", { class: "more" }, element("summary", {}, "More settings"),
      element("div", { class: "fields" }, fields.filter((field) => field.more).map(row))));
  showProblem(null);
  setText(byId("plan"), "");
  byId("run-submit").disabled = false;
  byId("run-dialog").showModal();
  byId("field-name").focus();
  plan();
}

export function setUpRunForm(onCreated) {
  const dialog = byId("run-dialog");
  const form = byId("run-form");
  for (const button of dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => dialog.close());
  form.addEventListener("input", planSoon);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(planTimer);
    planCount += 1;
    const submit = byId("run-submit");
    submit.disabled = true;
    clearProblems();
    try {
      const run = await api.send("POST", "/v1/runs", body());
      dialog.close();
      onCreated(run);
    } catch (error) {
      showProblem(error);
    }
    submit.disabled = false;
  });
}
