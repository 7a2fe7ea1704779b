// What stands where no run is yet: the way to the first one.

import { element } from "../dom.js";

export function welcome(datasets) {
  const isReady = datasets.some((dataset) => dataset.state === "ready");
  return element("div", { class: "panel welcome" },
    element("h2", {}, isReady ? "Ready for a first run" : "Start with your pictures"),
    element("p", {}, isReady
      ? "Everything but the dataset has a default: say how many minutes you have, and start."
      : "Drop an archive, a folder or picture files anywhere on this page. Folders are read as labels; "
        + "they are optional."),
    element("p", {}, isReady
      ? element("a", { class: "button primary", href: "#/new" }, "New run")
      : element("a", { class: "button primary", href: "#/datasets" }, "Upload pictures")),
    element("ol", { class: "steps" },
      element("li", { class: isReady ? "done" : "now" }, element("strong", {}, "Upload pictures"),
        " No labels needed; a few thousand are a good start."),
      element("li", { class: isReady ? "now" : "" }, element("strong", {}, "Start a run"),
        " Watch the quality, the loss, and the verdict on collapse."),
      element("li", {}, element("strong", {}, "Get embeddings"),
        " From the first checkpoint on: search by example, a map, or POST /v1/embeddings.")));
}
