// The recipe's fields as a form: all of them, as the service describes them, so that a new field needs nothing here.

import { element, setText } from "../dom.js";

// Where a field is looked for. What is in no group is in the last one.
const groups = [
  ["The network",
    ["architecture", "width", "stem", "projector_hidden", "projector_output", "predictor_hidden", "precision",
      "memory", "embedding", "whitened_dimension", "embedding_size"]],
  ["The views", ["image_size", "starting_size", "local_views", "local_size", "starting_strength"]],
  ["The first view's changes", "augmentations.first."],
  ["The second view's changes", "augmentations.second."],
  ["The local views' changes", "augmentations.local."],
  ["Normalisation", "augmentations.normalization."],
  ["The loss",
    ["method", "temperature", "negatives_weight", "variance_weight", "covariance_weight", "terms_schedule",
      "base_tau", "tau_schedule"]],
  ["The optimizer",
    ["optimizer", "batch_size", "accumulation", "base_learning_rate", "weight_decay", "momentum", "trust_coefficient",
      "second_moment_decay", "predictor_rate", "warmup_epochs", "rate_schedule"]],
  ["Length, checkpoints, the rest", []],
];

const isIn = (members, name) => (typeof members === "string" ? name.startsWith(members) : members.includes(name));
const numberText = (value) => (Math.abs(value) >= 1e15 ? value.toExponential(0) : String(value));

function rangeText(field) {
  if (field.minimum === undefined) return "";
  const unit = field.unit ? ` ${field.unit}` : "";
  const items = field.min_items === field.max_items ? field.min_items : `${field.min_items} to ${field.max_items}`;
  const amount = field.kind === "numbers" ? `${items} numbers with commas between them, each ` : "";
  return `${amount}${numberText(field.minimum)} to ${numberText(field.maximum)}${unit}. `;
}

// "word: sentence. word: sentence." as a map, where a choice's description explains its words one by one.
function explained(field) {
  const words = field.choices ?? [];
  const places = words.map((word) => [word, field.description.search(new RegExp(`(^|[ ;])${word}: `))])
    .filter(([, at]) => at >= 0).sort((a, b) => a[1] - b[1]);
  if (places.length < 2 || field.description.length < 200) return null;
  return {
    head: field.description.slice(0, places[0][1]).trim(),
    words: new Map(places
      .map(([word, at], k) => [word, field.description.slice(at, places[k + 1]?.[1]).trim().replace(`${word}: `, "")])),
  };
}

export class Fields {
  constructor(fields) {
    this.fields = fields;
    this.rows = new Map(fields.map((field) => [field.name, new FieldRow(field)]));
  }

  row(name) {
    return this.rows.get(name);
  }

  commonRows(except) {
    return this.fields.filter((field) => field.common && !except.includes(field.name))
      .map(({ name }) => this.row(name).element);
  }

  // Sections of what is not among the common fields, closed at first.
  sections(except) {
    const left = this.fields.filter((field) => !field.common && !except.includes(field.name));
    return groups.map(([title, members], k) => {
      const isLast = k === groups.length - 1;
      const own = left
        .filter(({ name }) => (isLast ? !groups.some(([, others]) => isIn(others, name)) : isIn(members, name)));
      return own.length
        ? element("details", { class: "more" },
          element("summary", {}, title, element("span", { class: "note" }, ` ${own.length}`)),
        element("div", { class: "fields" }, own.map(({ name }) => this.row(name).element))) : null;
    }).filter(Boolean);
  }

  // What was filled in, as a part of a request.
  values() {
    const result = {};
    for (const row of this.rows.values()) {
      const value = row.value();
      if (value === undefined) continue;
      // `augmentations.first.hue` is a member of a member of a member.
      const names = row.field.name.split(".");
      const last = names.pop();
      names.reduce((parent, name) => (parent[name] ??= {}), result)[last] = value;
    }
    return result;
  }

  // Shows what is automatic as the service has resolved it.
  showResolved(recipe) {
    for (const row of this.rows.values()) row.showResolved(valueIn(recipe, row.field.name));
  }

  // Fills in what another run was made with, and remembers it: what is changed then is marked.
  take(recipe) {
    for (const row of this.rows.values()) row.take(valueIn(recipe, row.field.name));
  }

  // Returns what belongs to no field.
  showProblems(errors) {
    const rest = [];
    for (const row of this.rows.values()) row.showProblem(null);
    for (const problem of errors) {
      const row = this.rows.get(problem.field);
      if (row) row.showProblem(problem.detail);
      else rest.push(problem.field ? `${problem.field}: ${problem.detail}` : problem.detail);
    }
    return rest;
  }
}

function valueIn(recipe, path) {
  const value = path.split(".").reduce((parent, name) => parent?.[name], recipe);
  return value ?? recipe.encoder?.[path];
}

class FieldRow {
  constructor(field) {
    this.field = field;
    this.before = undefined;
    const id = `field-${field.name}`;
    const attributes = { id, name: field.name, "aria-describedby": `${id}-hint ${id}-problem` };
    this.input = field.kind === "choice"
      ? element("select", attributes, element("option", { value: "" }, "automatic"), field.choices
        .map((choice) => element("option", { value: choice }, choice)))
      : element("input", {
        ...attributes, type: "text", autocomplete: "off", placeholder: "automatic",
        inputmode: field.kind === "integer" ? "numeric" : field.kind === "number" ? "decimal" : null,
      });
    this.hint = element("p", { class: "note", id: `${id}-hint` });
    this.problem = element("p", { class: "note bad", id: `${id}-problem` });
    this.changed = element("span", { class: "changed" });
    this.element = element("div", { class: "field" },
      element("label", { for: id }, field.label,
        field.unit ? element("span", { class: "note" }, ` in ${field.unit}`) : null, " ", this.changed),
      this.input, this.problem, this.hint);
    this.words = explained(field);
    this.input.addEventListener("input", () => this.showHint());
    this.showHint();
  }

  showHint() {
    const { field, words } = this;
    const text = words ? `${words.head} ${this.input.value ? words.words.get(this.input.value) ?? "" : ""}`
      : `${field.description} `;
    const hint = `${text}${text.endsWith(" ") ? "" : " "}${rangeText(field)}Automatic: ${field.automatic}.`;
    // The contract marks names of fields as code.
    setText(this.hint, hint.replaceAll("`", ""));
    const isChanged = this.before !== undefined && this.input.value.trim() !== this.before;
    setText(this.changed, isChanged ? `changed, was ${this.before || "automatic"}` : "");
  }

  // Text that is no number is sent as it is: the service says what is wrong with it.
  value() {
    const text = this.input.value.trim();
    const parsed = (part) => (part.trim() !== "" && Number.isFinite(Number(part)) ? Number(part) : part.trim());
    if (text === "") return undefined;
    if (this.field.kind === "numbers") return text.split(/[,;]/).map(parsed);
    return this.field.kind === "choice" ? text : parsed(text);
  }

  set(value) {
    this.input.value = Array.isArray(value) ? value.join(", ") : String(value ?? "");
    this.showHint();
  }

  take(value) {
    this.set(value);
    this.before = this.input.value;
    this.showHint();
  }

  showResolved(value) {
    const text = value === undefined || value === null ? "automatic"
      : `automatic: ${Array.isArray(value) ? value.join(", ") : value}`;
    if (this.field.kind === "choice") setText(this.input.options[0], text);
    else this.input.placeholder = text;
  }

  showProblem(text) {
    setText(this.problem, text ?? "");
    if (text) {
      this.input.setAttribute("aria-invalid", "true");
      // A problem must not hide in a closed section.
      const section = this.element.closest("details");
      if (section) section.open = true;
    } else {
      this.input.removeAttribute("aria-invalid");
    }
  }
}
