// Files: chosen, dropped or pasted into a message; shown as cards; opened by those who may.

import { here } from "/api.js";
import { el } from "/mrkdwn.js";

const LARGEST = 200 * 1024 * 1024;
const KINDS = [
  [/^image\//, "Image"], [/pdf/, "PDF"], [/word|officedocument\.wordprocessing/, "Document"],
  [/sheet|excel|csv|tab-separated/, "Table"], [/presentation|powerpoint/, "Slides"], [/^text\/|json|xml/, "Text"],
];

export function sizeOf(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const [value, unit] = bytes < 1024 ** 2 ? [bytes / 1024, "KB"] : [bytes / 1024 ** 2, "MB"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

const kindOf = (file) => KINDS.find(([pattern]) => pattern.test(file.mimetype ?? ""))?.[1] ?? "File";
export const addressOf = (file, me) => `${here("/ui/file")}/${encodeURIComponent(file.id)}?user=${encodeURIComponent(me)}`;

/** A message's files as cards; `context`: {me, onDeleteFile}. */
export function filesNode(files, context, own) {
  return el("div", { class: "files" }, ...files.map((file) => {
    if (file.mode === "tombstone") return el("div", { class: "file gone" }, "This file was deleted.");
    const image = /^image\/(png|jpeg|gif|webp)$/.test(file.mimetype ?? "");
    const face = image
      ? el("img", { src: addressOf(file, context.me), alt: "", loading: "lazy" })
      : el("span", { class: "kind", "aria-hidden": "true" }, kindOf(file));
    const link = el("a", { class: "open", href: addressOf(file, context.me), target: "_blank", rel: "noopener", "data-testid": "file" },
      face, el("span", { class: "told" }, el("bdi", {}, file.name ?? "a file"), el("small", {}, [kindOf(file), file.size ? sizeOf(file.size) : ""].filter(Boolean).join(", "))));
    const remove = own ? el("button", { type: "button", class: "drop", "aria-label": `Delete ${file.name}`, onclick: () => context.onDeleteFile(file) }, "Delete file") : null;
    return el("div", { class: "file" }, link, remove);
  }));
}

/** The files of a message that is being written: chips under the box. */
export class Attachments {
  constructor(changed) {
    this.files = [];
    this.changed = changed;
    this.input = el("input", { type: "file", multiple: true, hidden: true, "data-testid": "file-input" });
    this.button = el("button", { type: "button", class: "attach", "aria-label": "Attach files", title: "Attach files", "data-testid": "attach" }, "+");
    this.chips = el("ul", { class: "chips", "data-testid": "chips", hidden: true });
    this.error = "";
    this.button.addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => { this.add(this.input.files); this.input.value = ""; });
  }

  add(files) {
    this.error = "";
    for (const file of files) {
      if (file.size > LARGEST) this.error = `${file.name} is larger than ${sizeOf(LARGEST)}.`;
      else this.files.push(file);
    }
    this.show();
  }

  take() {
    const taken = this.files;
    this.files = [];
    this.show();
    return taken;
  }

  show() {
    this.chips.hidden = !this.files.length;
    this.chips.replaceChildren(...this.files.map((file, index) => el("li", {},
      el("bdi", {}, file.name), el("small", {}, sizeOf(file.size)),
      el("button", { type: "button", "aria-label": `Remove ${file.name}`, onclick: () => { this.files.splice(index, 1); this.show(); } }, "×"))));
    this.changed();
  }
}

/** Sends a message with files; `progress` hears the share that is sent. Resolves to {ok, error?}. */
export function upload(where, text, files, progress) {
  const form = new FormData();
  form.append("text", text);
  form.append("names", JSON.stringify(files.map((file) => file.name)));
  files.forEach((file) => form.append("file", file, file.name));
  const address = `${here("/ui/upload")}?${new URLSearchParams(where)}`;
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const lost = () => resolve({ ok: false, error: "The upload broke off. Your files are still here: send them again." });
    request.open("POST", address);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => (request.response ? resolve(request.response) : lost());
    request.onerror = lost;
    request.send(form);
  });
}

/** Lets files be dropped anywhere in `pane`; `drop(files)`. */
export function dropZone(pane, drop) {
  let depth = 0;
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const mark = (on) => pane.classList.toggle("dropping", on);
  pane.addEventListener("dragenter", (event) => { if (carries(event)) { event.preventDefault(); depth += 1; mark(true); } });
  pane.addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
  pane.addEventListener("dragleave", (event) => { if (carries(event)) { depth -= 1; if (depth <= 0) { depth = 0; mark(false); } } });
  pane.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    mark(false);
    drop(event.dataTransfer.files);
  });
}
