// The box where a model is uploaded: a safetensors file and its name. What does not fit is told tensor by tensor.

import { chooser, element, setText } from "../dom.js";
import { bytes, count, percent } from "../format.js";
import { modelAddress } from "./words.js";

const longestName = 200;

// `{ element, take(files), leave() }`; the page of a model is opened when the service has it.
export function modelBox(context) {
  const { api } = context;
  let file = null;
  let controller = null;
  const [label, input] = chooser("model-file", "Choose a safetensors file", { accept: ".safetensors" }, take);
  const what = element("p", { class: "note" });
  const name = element("input", { id: "model-name", type: "text", maxlength: longestName, autocomplete: "off",
    required: true });
  const side = element("input", { id: "model-side", type: "number", min: "16", max: "512",
    placeholder: "as it is made for" });
  const bar = element("progress", { max: "1", value: "0", "aria-label": "Upload" });
  const fault = element("div", { class: "reason bad", role: "alert", hidden: true });
  const submit = element("button", { type: "submit", class: "primary" }, "Upload");
  const form = element("form", { class: "staging", hidden: true }, what,
    element("div", { class: "index-form" },
      element("div", { class: "field" }, element("label", { for: "model-name" }, "Name"), name),
      element("div", { class: "field" },
        element("label", { for: "model-side" }, "Side of the pictures, in pixels"), side)),
    bar, element("div", { class: "dialog-foot" },
      element("button", { type: "button", onclick: () => (controller ? controller.abort() : close()) }, "Cancel"),
      submit));
  const node = element("section", { class: "panel upload-box" },
    element("p", { class: "note" },
      "A model of another program, or of another byol, is a safetensors file: a ResNet under torchvision's names, "
        + "which are timm's too. It answers, makes indexes and is judged like a model that was trained here."),
    element("div", {}, label, input), fault, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });

  function close() {
    file = null;
    form.hidden = true;
    complain(null);
  }

  // The sentence names the first tensors that do not fit; there may be hundreds.
  function complain(error) {
    fault.hidden = !error;
    if (!error) return;
    const faults = error.errors ?? [];
    fault.replaceChildren(error.message, ...(faults.length > 1 ? [element("details", {},
      element("summary", {}, `All ${count(faults.length)}`), element("ul", { class: "names" },
        faults.map((one) => element("li", {}, one.field ? `${one.field}: ` : "", one.detail))))] : []));
  }

  function take(files) {
    if (controller) return complain(new Error("An upload goes on: wait for it, or cancel it."));
    const [first] = files;
    if (files.length !== 1 || !first.name.endsWith(".safetensors")) {
      return complain(new Error("A model is one file whose name ends in .safetensors."));
    }
    complain(null);
    file = first;
    form.hidden = false;
    setText(what, `${file.name}, ${bytes(file.size)}.`);
    name.value = file.name.replace(/\.safetensors$/, "").slice(0, longestName);
    bar.hidden = true;
    name.focus();
    name.select();
  }

  function lock(isSending) {
    bar.hidden = !isSending;
    for (const control of [submit, name, side, input]) control.disabled = isSending;
  }

  async function send() {
    const query = new URLSearchParams({ name: name.value.trim(), ...(side.value ? { image_size: side.value } : {}) });
    controller = new AbortController();
    lock(true);
    complain(null);
    try {
      const model = await api.upload(file, {
        path: `/v1/models?${query}`, signal: controller.signal,
        onProgress: (loaded, total) => {
          // When all is sent the service opens the file.
          if (loaded < total) bar.value = loaded / total;
          else bar.removeAttribute("value");
          setText(what, `${file.name}: ${percent(loaded / total, 0)} of ${bytes(total)} sent.`);
        },
      });
      context.toast(`“${model.name}” can embed now.`);
      context.navigate(modelAddress(model));
    } catch (error) {
      if (!(error instanceof api.Cancelled)) complain(error);
      setText(what, `${file.name}, ${bytes(file.size)}.`);
    } finally {
      controller = null;
      lock(false);
    }
  }

  return { element: node, take, leave: () => controller?.abort() };
}
