// What a model is, in words.

import { modelName } from "../search/words.js";
import { count, plural } from "../format.js";

// An alias is known by its own name, everything else by its run's or its own.
export const modelTitle = (model, state) => (model.source === "alias" ? model.id : modelName(model.checkpoint, state));

export function modelFacts(model, state) {
  const source = {
    alias: `an alias of ${modelName(model.checkpoint, state)}`, upload: "uploaded",
    run: model.id === model.run ? "the latest checkpoint of its run" : "a pinned checkpoint",
  }[model.source];
  return [source, model.architecture, plural(model.dimension, "component"), `${count(model.input_size)} px`]
    .filter(Boolean).join(", ");
}

export const modelAddress = (model) => `#/models/${encodeURIComponent(model.id)}`;
