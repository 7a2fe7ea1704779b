// One run: how good it is, its curves, what happened, its checkpoints, the worker's log, its recipe; pictures to embed.

import { element } from "../dom.js";
import { percent } from "../format.js";
import { runActions } from "./actions.js";
import { RunCharts } from "./charts.js";
import { Checkpoints } from "./checkpoints.js";
import { EmbedPanel } from "./embed.js";
import { ofRun } from "./evaluations.js";
import { Events } from "./events.js";
import { RunHead } from "./head.js";
import { WorkerLog } from "./log.js";
import { RecipePanel } from "./recipe.js";
import { share } from "./words.js";

export function page(context) {
  const { api, state, parameters: { id } } = context;
  let run = state.runs.find((one) => one.id === id) ?? null;
  const actions = runActions(context);
  const embed = new EmbedPanel(context, id);
  const parts = {
    head: new RunHead({
      ...actions,
      remove: async (one) => { if (await actions.remove([one], context.remove)) context.navigate("#/runs"); },
    }),
    charts: new RunCharts(context, id), events: new Events(context, id),
    checkpoints: new Checkpoints(context, id, (model) => embed.choose(model)),
    evaluations: ofRun(context, id), log: new WorkerLog(context, id), recipe: new RecipePanel(), embed,
  };
  const missing = element("p", { class: "none", hidden: true },
    "There is no such run: it was deleted, or the address is wrong. ",
    element("a", { href: "#/runs" }, "All runs"));
  const content = element("div", { class: "page" },
    parts.head.element, parts.charts.element,
    element("div", { class: "columns" }, parts.events.element, parts.checkpoints.element),
    parts.evaluations.element, parts.embed.element, parts.log.element, parts.recipe.element);
  content.hidden = run === null;

  function show() {
    const dataset = state.datasets.find((one) => one.id === run.dataset);
    parts.head.show(run, dataset, parts.evaluations.newest);
    parts.charts.setLevels(dataset, parts.evaluations.newest);
    parts.recipe.show(run);
  }

  async function refresh(signal) {
    try {
      run = (await api.poll(`/v1/runs/${id}`, signal)).body;
    } catch (error) {
      if (!(error instanceof api.Problem && error.status === 404)) throw error;
      missing.hidden = false;
      content.hidden = true;
      return;
    }
    content.hidden = false;
    show();
    await Promise.all([parts.events, parts.checkpoints, parts.evaluations, parts.log, parts.embed]
      .map((part) => part.refresh(run, signal)));
    // The curves' times are those of the events.
    await parts.charts.refresh(run, parts.events.timeline(run), signal);
    show();
  }

  if (run) show();
  return {
    element: element("div", {}, missing, content),
    title: () => (!run ? "Run" : run.state === "running" ? `${percent(share(run), 0)} · ${run.name}` : run.name),
    refresh,
    drop(dropped) {
      if (dropped.files.every((file) => file.type.startsWith("image/"))) {
        parts.embed.take(dropped.files);
        return;
      }
      // Archives and folders become datasets, wherever they are dropped.
      state.dropped = dropped;
      context.navigate("#/datasets");
    },
    leave: () => {
      parts.charts.stop();
      parts.embed.stop();
    },
  };
}
