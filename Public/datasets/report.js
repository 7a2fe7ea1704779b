// What admission found, in panels: only those that have something to say.

import { element, picture } from "../dom.js";
import { count, plural } from "../format.js";

const shownLabels = 30;
const shownNames = 100;
const shownGroups = 20;
// Pictures whose names are looked up to show duplicates: a hundred a request.
const mostLookedUp = 5000;

function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups].sort((a, b) => b[1].length - a[1].length);
}

// A list of names with what is to be said of each, the rest counted.
function names(items, row) {
  const list = element("ul", { class: "names" }, items.slice(0, shownNames).map(row));
  if (items.length <= shownNames) return list;
  return [list, element("p", { class: "note" }, `and ${count(items.length - shownNames)} more`)];
}

function panel(title, ...content) {
  return element("section", { class: "panel report" }, element("h2", {}, title), content);
}

function rejected(report) {
  if (!report.rejected_count) return null;
  const groups = grouped(report.rejected, ({ code }) => code);
  const all = report.accepted + report.rejected_count;
  return panel(`${plural(report.rejected_count, "picture")} rejected of ${count(all)}`,
    groups.map(([code, items]) => element("details", { open: groups.length === 1 && items.length <= 5 },
      element("summary", {}, element("strong", {}, count(items.length)), ` ${code.replaceAll("_", " ")}`),
      names(items, ({ name, detail }) => element("li", {}, element("span", { class: "name" }, name),
        element("span", { class: "note" }, detail))))),
    report.rejected_count > report.rejected.length
      ? element("p", { class: "note" },
        `The report names the first ${count(report.rejected.length)}; all are counted.`) : null);
}

function skipped(report) {
  const reasons = Object.entries(report.skipped_reasons ?? {});
  if (!report.skipped_count) return null;
  return panel(`${plural(report.skipped_count, "file")} skipped`,
    element("p", { class: "note" }, reasons.map(([reason, amount]) => `${count(amount)} ${reason}`).join(", ")),
    element("details", {}, element("summary", {}, "Which"),
      names(report.skipped, ({ name, reason }) => element("li", {}, element("span", { class: "name" }, name),
        element("span", { class: "note" }, reason)))));
}

function advice(report) {
  const faults = (report.archive_faults ?? []).map(({ detail }) => detail);
  const said = [...report.advice, ...faults.filter((fault) => !report.advice.includes(fault))];
  return said.length ? panel("What to know before training",
    element("ul", { class: "advice-list" }, said.map((text) => element("li", {}, text)))) : null;
}

function bar(label, amount, most, note) {
  return element("tr", {}, element("th", { scope: "row" }, label),
    element("td", { class: "bar-cell" }, element("meter", { min: "0", max: most, value: amount, "aria-label": label })),
    element("td", { class: "figure" }, count(amount)), element("td", { class: "note" }, note ?? ""));
}

function sizes(report) {
  const rows = report.sizes ?? [];
  if (!rows.length) return null;
  const most = Math.max(...rows.map((row) => row.count));
  return panel("Sizes", element("table", { class: "bars" },
    element("caption", { class: "visually-hidden" }, "Pictures by their short side"),
    rows.map((row) => bar(`${count(row.short_side)}–${count(2 * row.short_side - 1)} px`, row.count, most))));
}

function labels(report) {
  const rows = (report.labels ?? []).map((row) => ({ ...row, all: row.train + row.val + row.test })).sort((a, b) =>
    b.all - a.all);
  if (!rows.length) return null;
  const most = rows[0].all;
  const splits = ["train", "val", "test"].filter((split) => rows.some((row) => row[split] > 0));
  const note = (row) => (splits.length > 1 ? splits.map((split) => `${count(row[split])} ${split}`).join(", ") : "");
  const table = (part) => element("table", { class: "bars" },
    element("caption", { class: "visually-hidden" }, "Pictures by label"),
    part.map((row) => bar(row.name, row.all, most, note(row))));
  return panel(plural(rows.length, "label"), table(rows.slice(0, shownLabels)),
    rows.length > shownLabels ? element("details", {},
      element("summary", {}, `${count(rows.length - shownLabels)} more`), table(rows.slice(shownLabels))) : null,
    report.unlabelled_count ? element("p", { class: "note" },
      `${plural(report.unlabelled_count, "picture")} without a label`) : null);
}

// The numbers of pictures by their names, page after page until all of `wanted` are found.
async function numbersOf(context, dataset, wanted) {
  const found = new Map();
  let after = "";
  while (found.size < wanted.size) {
    const { body } = await context.api.poll(`/v1/datasets/${dataset.id}/images?limit=100${after}`, context.signal);
    for (const image of body.data) if (wanted.has(image.name)) found.set(image.name, image.n);
    if (!body.has_more) break;
    after = `&after=${body.last_id}`;
  }
  return found;
}

function duplicates(context, dataset, kind, title, explanation) {
  const { report } = dataset;
  const total = report[`${kind}_count`] ?? 0;
  if (!total) return null;
  const groups = grouped(report[`${kind}s`] ?? [], ({ original }) => original);
  const across = report[`${kind}s_across_splits`] ?? 0;
  const place = element("div", { class: "groups" });
  const details = element("details", {}, element("summary", {}, "Show the groups"), place);
  details.addEventListener("toggle", () => details.open && !place.childElementCount && context.act(() => show()));

  async function show() {
    const shown = groups.slice(0, shownGroups);
    const all = new Set(shown.flatMap(([original, copies]) => [original, ...copies.map(({ name }) => name)]));
    const numbers = dataset.pictures <= mostLookedUp ? await numbersOf(context, dataset, all) : new Map();
    const figure = (name) => element("li", {},
      numbers.has(name) ? picture(`/v1/datasets/${dataset.id}/images/${numbers.get(name)}?size=96`,
        { width: "72", height: "72" }) : null,
      element("span", { class: "note name" }, name));
    place.replaceChildren(...shown.map(([original, copies]) =>
      element("ul", { class: "group" }, figure(original), copies.slice(0, 12).map(({ name }) => figure(name)))));
    if (groups.length > shownGroups) place.append(element("p", { class: "note" },
      `and ${plural(groups.length - shownGroups, "group")} more in the report of the API`));
  }

  return panel(plural(total, ...title), element("p", { class: "note" }, explanation
    + (across ? ` ${count(across)} of them lie in another part than the first: the test would know them.` : "")),
      details);
}

// The panels of a dataset's report.
export function reportPanels(context, dataset) {
  const { report } = dataset;
  if (!report) return [];
  const panels = [
    rejected(report), advice(report),
    duplicates(context, dataset, "duplicate", ["copy", "copies"],
      "These pictures have the same bytes as an earlier one."),
    duplicates(context, dataset, "near_duplicate", ["near copy", "near copies"],
      "These pictures look like an earlier one; there may be more."),
    skipped(report), labels(report), sizes(report),
  ].filter(Boolean);
  return panels.length ? [element("div", { class: "report-panels" }, panels)] : [];
}
