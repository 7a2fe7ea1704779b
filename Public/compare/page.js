// Several runs on the same axes, and what their recipes do not have in common.

import { Board, colorCount } from "../charts/board.js";
import { Chart } from "../charts/chart.js";
import { element, keyed, setText, whenChanged } from "../dom.js";
import { count, percent, plural } from "../format.js";
import { curveOf, inOrder } from "../runs/charts.js";
import { Curves } from "../runs/curves.js";
import { recipeRows } from "../runs/recipe.js";
import { Timeline } from "../runs/timeline.js";
import { badge, quality, share, verdict, verdictWord } from "../runs/words.js";

const mostRuns = 50;
// All curves together have about as many points as one run's page.
const pointsInAll = 12000;
const eventPages = 3;
const atOnce = 6;

export function page(context) {
  const ids = [...new Set(context.parameters.ids.split(","))].slice(0, mostRuns);
  const points = Math.max(100, Math.min(1000, Math.round(pointsInAll / ids.length)));
  const compared = ids.map((id, k) => ({
    id, run: null, curves: new Curves(context.api, id, points), events: new Map(), timeline: null, isHidden: false,
    color: k % colorCount, dash: k >= colorCount ? [2 + 3 * Math.floor(k / colorCount), 4] : null,
  }));
  const parts = {
    board: new Board({ onAxis: () => show(), name: "comparison" }),
    legend: element("ul", { class: "legend" }), charts: element("div", { class: "charts" }),
    recipe: element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Recipes" }),
    note: element("p", { class: "note" }),
    onlyDifferences: element("input", { type: "checkbox", checked: true, onchange: () => showRecipes() }),
  };
  let declared = "";

  // The charts of all figures that any of the runs declares.
  function declare() {
    const metrics = new Map();
    for (const metric of compared.flatMap(({ run }) => run?.declared_metrics ?? [])) {
      if (!metrics.has(metric.name)) metrics.set(metric.name, metric);
    }
    const names = [...metrics.keys()].join();
    if (declared === names) return;
    declared = names;
    for (const one of compared) one.shown = null;
    // A reference is that of one run's dimension.
    const charts = inOrder([...metrics.values()])
      .map((figure) => new Chart({ ...figure, reference: null }, parts.board));
    parts.board.keep(charts);
    parts.charts.replaceChildren(...charts.map(({ node }) => node));
  }

  // A curve is made anew only for a run that has something new.
  function curvesOf(one) {
    const { axis } = parts.board.settings;
    const { curves: { columns }, timeline, shown } = one;
    if (shown?.axis === axis && shown.columns === columns && shown.timeline === timeline) return shown.curves;
    const xs = one.timeline.places(columns, axis);
    const isLive = ["running", "stopping"].includes(one.run.state);
    const curves = new Map(parts.board.charts.map(({ figure }) => [figure.name,
      curveOf(figure, columns, xs, { id: one.id, name: one.run.name, color: one.color, dash: one.dash, isLive })]));
    one.shown = { axis, columns, timeline: one.timeline, curves };
    return curves;
  }

  function show() {
    const there = compared.filter((one) => one.run && one.timeline && !one.isHidden);
    for (const chart of parts.board.charts) {
      chart.setSeries(there.map((one) => curvesOf(one).get(chart.figure.name)).filter((curve) => curve?.hasValues));
    }
  }

  function showLegend() {
    keyed(parts.legend, compared.filter((one) => one.run), {
      key: (one) => one.id,
      make: (one) => element("li", {},
        element("label", { class: "check" },
          element("input", {
            type: "checkbox", checked: true, onchange: (event) => {
              one.isHidden = !event.target.checked;
              show();
            },
          }), parts.board.swatch(one)),
        element("a", { href: `#/runs/${one.id}` }), element("span"), element("span", { class: "note" })),
      update: (row, { run }) => {
        const best = quality(run);
        const [, link, state, note] = row.children;
        row.firstChild.firstChild.setAttribute("aria-label", `Show ${run.name}`);
        setText(link, run.name);
        whenChanged(state, run.state, () => state.replaceChildren(badge(run.state)));
        setText(note,
          [best ? `${best.title} ${percent(best.value)}` : "not judged",
            `${percent(share(run), 0)} of ${plural(run.progress.steps, "step")}`,
          verdict(run) === "unknown" ? "" : verdictWord(run).toLowerCase()].filter(Boolean).join(" · "));
      },
    });
  }

  function showRecipes() {
    const runs = compared.map((one) => one.run).filter(Boolean);
    const isShort = parts.onlyDifferences.checked;
    whenChanged(parts.recipe, [isShort, runs.map((run) => [run.id, run.name])], () => {
      const recipes = runs.map((run) => new Map([
        ...recipeRows(run.recipe), ["dataset", datasetName(run)], ["begins with", run.init_from ?? "random weights"],
      ]));
      const names = [...new Set(recipes.flatMap((recipe) => [...recipe.keys()]))];
      const differs = (name) => new Set(recipes.map((recipe) => recipe.get(name))).size > 1;
      const shown = names.filter((name) => !isShort || differs(name));
      if (!shown.length) {
        parts.recipe.replaceChildren(element("p", { class: "note" }, "The recipes are the same in every field."));
        return;
      }
      parts.recipe.replaceChildren(element("table", {},
        element("thead", {}, element("tr", {},
          ["Field", ...runs.map((run) => run.name)].map((name) => element("th", { scope: "col" }, name)))),
        element("tbody", {}, shown.map((name) => element("tr", { class: differs(name) ? "differs" : null },
          element("th", { scope: "row" }, name), recipes
            .map((recipe) => element("td", {}, recipe.get(name) ?? "–")))))));
    });
  }

  const datasetName = (run) => context.state.datasets.find((one) => one.id === run.dataset)?.name ?? "deleted";

  async function readEvents(one, signal) {
    let after = null;
    for (let k = 0; k < eventPages; k += 1) {
      const { body } = await context.api.poll(
        `/v1/runs/${one.id}/events?order=desc&limit=100${after ? `&after=${after}` : ""}`, signal);
      const wasKnown = body.data.some((event) => one.events.has(event.id));
      for (const event of body.data) one.events.set(event.id, event);
      if (!body.has_more || wasKnown) break;
      after = body.last_id;
    }
    one.timeline = new Timeline([...one.events.values()].sort((a, b) => a.id - b.id), one.run);
  }

  // Whether the run's curves changed; an ended run is read once.
  async function update(one, signal) {
    const run = context.state.runs.find((candidate) => candidate.id === one.id);
    if (!run) {
      one.run = null;
      return false;
    }
    const isSettled = one.stage === `${run.state}/${run.since}` && !["running", "stopping"].includes(run.state);
    one.run = run;
    if (isSettled) return false;
    await readEvents(one, signal);
    const isChanged = await one.curves.update(run, signal);
    one.stage = `${run.state}/${run.since}`;
    return isChanged;
  }

  async function refresh(signal) {
    let isChanged = false;
    for (let k = 0; k < compared.length; k += atOnce) {
      const answers = await Promise.all(compared.slice(k, k + atOnce).map((one) => update(one, signal)));
      isChanged ||= answers.includes(true);
    }
    declare();
    showLegend();
    showRecipes();
    if (isChanged) show();
    const missing = compared.filter((one) => !one.run).length;
    parts.note.hidden = missing === 0;
    setText(parts.note, `${plural(missing, "run")} of the address ${missing === 1 ? "is" : "are"} not there any more.`);
  }

  return {
    element: element("div", { class: "page" },
      element("div", { class: "page-head" }, element("h1", {}, `${count(ids.length)} runs compared`),
        element("a", { href: "#/runs" }, "All runs")),
      parts.note, element("section", { class: "panel", "aria-label": "The runs" }, parts.legend),
      element("section", { class: "panel", "aria-labelledby": "compare-curves" },
        element("div", { class: "panel-head" }, element("h2", { id: "compare-curves" }, "Quality and curves"),
          parts.board.node), parts.charts),
      element("section", { class: "panel", "aria-labelledby": "compare-recipes" },
        element("div", { class: "panel-head" }, element("h2", { id: "compare-recipes" }, "Recipes"),
          element("label", { class: "check" }, parts.onlyDifferences, "only what differs")), parts.recipe)),
    title: () => "Comparison",
    refresh,
    leave: () => parts.board.stop(),
  };
}
