// How the service is: what it runs on, what waits, what takes the disk, what failed last, and what it refuses.

import { element, facts, setText, whenChanged } from "../dom.js";
import { bytes, count, duration, moment, percent, plural } from "../format.js";

const queueNames = { runs: "Runs", embeddings: "Pictures to embed", evaluations: "Evaluations", indexes: "Indexes" };
const shownLargest = 8;

export function page(context) {
  const { api, state } = context;
  const parts = {
    machine: section("The service"), queues: section("Queues"), disk: section("Disk"),
    models: section("Models in memory"),
    errors: section("Last errors"), limits: section("Limits"), missing: element("p", { class: "none", hidden: true }),
  };
  const content = element("div", { class: "status-grid" }, Object.values(parts).map((part) => part.element)
    .filter(Boolean));

  async function refresh(signal) {
    if (state.info) whenChanged(parts.limits.body, state.info.limits,
      () => parts.limits.body.replaceChildren(limits(state.info.limits)));
    let status;
    try {
      status = (await api.poll("/v1/status", signal)).body;
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error;
      parts.missing.hidden = false;
      setText(parts.missing, error.status === 403 ? "This key may not see the status." : error.message);
      return;
    }
    parts.missing.hidden = true;
    parts.machine.body.replaceChildren(machine(status));
    whenChanged(parts.queues.body, status.queues, () => parts.queues.body.replaceChildren(queues(status.queues)));
    whenChanged(parts.disk.body, status.disk, () => parts.disk.body.replaceChildren(...disk(status.disk)));
    whenChanged(parts.models.body, status.models,
      () => parts.models.body.replaceChildren(models(status.models, state.runs)));
    whenChanged(parts.errors.body, status.errors, () => parts.errors.body.replaceChildren(errors(status.errors)));
  }

  return {
    element: element("div", { class: "page" },
      element("div", { class: "page-head" }, element("h1", {}, "Status"),
        element("a", { class: "needs-no-key", href: api.address("/metrics") }, "Metrics for Prometheus")),
      parts.missing, content),
    refresh,
  };
}

function section(heading) {
  const body = element("div", {}, element("p", { class: "note" }, "…"));
  return { body, element: element("section", { class: "panel" }, element("h2", {}, heading), body) };
}

function table(label, head, rows) {
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, element("table", {},
    element("thead", {}, element("tr", {}, head.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, rows
      .map(([first, ...others]) => element("tr", {}, element("th", { scope: "row" }, first), others
        .map((cell) => element("td", {}, cell)))))));
}

function machine(status) {
  const { processor, memory, libraries, sandbox } = status;
  const confinement = status.workers?.confinement;
  const features = processor.features.length ? ` (${processor.features.join(", ")})` : "";
  const held = Object.entries(sandbox ?? {}).filter(([, isOn]) => isOn).map(([name]) => name.replaceAll("_", " "));
  return facts([
    ["Version", `${status.version}${status.commit ? `, commit ${status.commit.slice(0, 12)}` : ""}`],
    ["Runs since", `${moment(status.started_at)}, for ${duration(status.uptime_seconds)}`],
    ["Processor", processor.model || processor.architecture],
    ["Cores", `${count(processor.cores)}, of which ${plural(status.threads, "thread")} compute`],
    ["Kernels",
      `${processor.family}${features}, ${processor.engine}, embeddings in ${processor.precision}`],
    ["Memory", `${bytes(memory.resident_bytes)} now, ${bytes(memory.peak_bytes)} at most, `
      + `of ${bytes(memory.machine_bytes)} of the machine; workers are not counted`],
    ["Libraries", Object.entries(libraries).map(([name, version]) => `${name} ${version}`).join(", ")],
    ["Service held to by the kernel", held.join(", ") || "nothing"],
    ["Workers held to by the kernel", confinement ? workerBounds(confinement) : "told when the first one starts"],
  ]);
}

function workerBounds(confinement) {
  const bounds = [
    confinement.landlock > 0 ? `its files (Landlock ${confinement.landlock})` : null,
    confinement.seccomp ? "no sockets and no programs (seccomp)" : null,
    confinement.no_new_privileges ? "no new privileges" : null,
  ].filter(Boolean).join(", ") || "nothing";
  return `${bounds}; told by a worker ${moment(confinement.reported_at)}`;
}

function queues(loads) {
  const rows = Object.entries(loads).map(([name, load]) => [
    queueNames[name] ?? name, count(load.running), count(load.waiting), count(load.capacity),
  ]);
  return table("Queues", ["What waits", "under way", "waiting", "may wait"], rows);
}

function disk(use) {
  const isKnown = Number.isFinite(use.total_bytes) && Number.isFinite(use.free_bytes);
  const parts = [];
  if (isKnown) {
    const taken = (use.total_bytes - use.free_bytes) / use.total_bytes;
    parts.push(element("progress",
      { max: "1", value: String(taken), class: taken > 0.95 ? "failed" : "", "aria-label": "Disk in use" }),
      element("p", { class: "note" },
        `${bytes(use.free_bytes)} of ${bytes(use.total_bytes)} are free (${percent(1 - taken)}).`));
  }
  if (!use.measured_at) return [...parts, element("p", { class: "note" }, "What takes it is being measured.")];
  const shares = [["Datasets", use.datasets, "datasets"], ["Runs", use.runs, "runs"],
    ["Indexes", use.indexes, "indexes"]];
  parts.push(facts([
    ...shares.map(([name, share]) => [name, `${bytes(share.bytes)} in ${count(share.count)}`]),
    ["Database", bytes(use.database_bytes)], ["On its way in or out", bytes(use.unfinished_bytes)],
    ["Other", bytes(use.other_bytes)],
    ["Measured", `${moment(use.measured_at)}${use.complete ? "" : ", not everything was looked at"}`],
  ]));
  for (const [name, share, path] of shares) {
    if (!share.largest.length) continue;
    parts.push(element("h3", {}, `${name} that take most`),
      element("ol", { class: "largest" }, share.largest.slice(0, shownLargest).map((one) => element("li", {},
      path === "indexes" ? element("span", {}, one.name ?? one.id)
        : element("a", { href: `#/${path}/${one.id}` }, one.name ?? `${one.id}, of which there is no record`),
      element("span", { class: "note" }, bytes(one.bytes))))));
  }
  return parts;
}

function models(list, runs) {
  if (!list.length) return element("p", { class: "note" }, "None: a model is read when it is used first.");
  const names = new Map(runs.map((run) => [run.id, run.name]));
  return table("Models in memory", ["Model", "weights", "used last"], list.map((model) => {
    const [run, step] = model.name.split("@");
    return [names.has(run) ? `${names.get(run)}${step ? `, step ${step}` : ""}` : model.name, model.bytes === null
      ? "file is gone" : bytes(model.bytes), moment(model.last_used_at)];
  }));
}

function errors(list) {
  if (!list.length) return element("p", { class: "note" }, "None since the start.");
  return element("ul", { class: "log" }, list.map((one) => element("li", {},
    element("time", { datetime: one.time }, moment(one.time)),
    element("span", { class: "kind" },
      `${one.status} ${one.code}${one.count > 1 ? `, ${count(one.count)} times` : ""}`),
    element("span", {}, `${one.operation}: ${one.detail} `,
      element("span", { class: "note" }, `request ${one.request}`)))));
}

function limits(values) {
  return facts(Object.entries(values).map(([name, value]) => [
    name.replaceAll("_", " ").replace(/ bytes$/, ""), name.endsWith("bytes") ? bytes(value) : count(value)]));
}
