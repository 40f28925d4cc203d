// The message box: drafts, completion of @people and /commands, Enter to send.

import { Attachments } from "/files.js";
import { el } from "/mrkdwn.js";

export class Composer {
  /** `options`: {testid, label, people(), commands(), send(text, editing, files, progress) -> error, editLast()}. */
  constructor(slot, options) {
    this.options = options;
    this.key = "";
    this.choices = [];
    this.chosen = 0;
    this.editing = null;
    this.box = el("textarea", { rows: "1", "data-testid": options.testid, "aria-label": options.label, id: options.testid, role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": `${options.testid}-list` });
    this.button = el("button", { type: "submit", disabled: true, "data-testid": options.testid === "composer" ? "send" : `${options.testid}-send` }, "Send");
    this.list = el("ul", { class: "complete", id: `${options.testid}-list`, role: "listbox", "data-testid": "completion", hidden: true });
    this.note = el("div", { class: "note", "aria-live": "polite" });
    this.attachments = new Attachments(() => this.changed());
    const { chips, input, button } = this.attachments;
    const form = el("form", { class: "composer" }, chips, button, input, this.box, this.button);
    slot.append(this.list, form, this.note);
    this.box.addEventListener("paste", (event) => {
      if (!event.clipboardData?.files.length) return;
      event.preventDefault();
      this.attachments.add(event.clipboardData.files);
    });
    form.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.box.addEventListener("input", () => this.changed());
    this.box.addEventListener("keydown", (event) => this.key_(event));
    this.box.addEventListener("blur", () => setTimeout(() => { if (document.activeElement !== this.box) this.complete([]); }, 150));
  }

  /** Turns to another place; its draft comes back, also after a reload. */
  turnTo(key, placeholder) {
    this.stopEditing();
    this.key = key;
    this.box.placeholder = placeholder;
    this.box.value = sessionStorage.getItem(`parley.draft/${key}`) ?? "";
    this.changed();
  }

  edit(message, text) {
    this.editing = message;
    this.box.value = text;
    this.note.textContent = "Editing your message. Esc leaves it as it was.";
    this.changed();
    this.box.focus();
  }

  stopEditing() {
    if (!this.editing) return;
    this.editing = null;
    this.box.value = sessionStorage.getItem(`parley.draft/${this.key}`) ?? "";
    this.note.textContent = "";
    this.changed();
  }

  async submit() {
    const text = this.box.value;
    if ((!text.trim() && !this.attachments.files.length) || this.sending) return;
    const files = this.editing ? [] : this.attachments.take();
    this.sending = true;
    this.button.disabled = true;
    const editing = this.editing;
    this.box.value = "";
    this.editing = null;
    this.note.textContent = "";
    this.changed();
    const error = await this.options.send(text, editing, files, (share) => {
      this.note.textContent = share < 1 ? `Uploading, ${Math.round(100 * share)} %` : "";
    });
    this.sending = false;
    this.note.textContent = "";
    if (error) {
      if (files.length) this.attachments.add(files);
      this.note.textContent = error;
      if (!this.box.value) this.box.value = text;
    }
    this.changed();
  }

  changed() {
    if (this.key && !this.editing) this.keepDraft();
    this.box.style.height = "auto";
    const height = this.box.scrollHeight; // 0 while the panel is not shown
    if (height) this.box.style.height = `${height}px`;
    this.button.disabled = (!this.box.value.trim() && !this.attachments?.files.length) || this.sending;
    if (this.attachments?.error) { this.note.textContent = this.attachments.error; this.attachments.error = ""; }
    this.complete(this.found());
  }

  keepDraft() {
    const name = `parley.draft/${this.key}`;
    if (this.box.value) sessionStorage.setItem(name, this.box.value);
    else sessionStorage.removeItem(name);
  }

  found() {
    const before = this.box.value.slice(0, this.box.selectionStart);
    const slash = before.match(/^\/(\w*)$/);
    if (slash) {
      return this.options.commands().filter((each) => each.name.startsWith(`/${slash[1]}`))
        .map((each) => ({ text: `${each.name} `, from: 0, label: each.usage, more: each.description }));
    }
    const at = before.match(/(?:^|\s)@([\p{L}-]*)$/u);
    if (!at) return [];
    const from = before.length - at[1].length - 1;
    return this.options.people().filter((each) => each.name.toLowerCase().split(" ").some((word) => word.startsWith(at[1].toLowerCase())))
      .map((each) => ({ text: `@${each.name} `, from, label: each.name, more: each.title, person: each }));
  }

  complete(choices) {
    this.choices = choices;
    this.chosen = 0;
    this.list.hidden = !choices.length;
    this.box.setAttribute("aria-expanded", String(!!choices.length));
    this.list.replaceChildren(...choices.map((choice, index) => {
      const face = choice.person && el("span", { class: "face", style: `background:${choice.person.color}` }, choice.label[0]);
      const item = el("li", { role: "option", "aria-selected": String(index === 0) }, face, el("span", {}, choice.label), el("small", {}, choice.more ?? ""));
      item.addEventListener("mousedown", (event) => { event.preventDefault(); this.take(index); });
      return item;
    }));
  }

  take(index) {
    const choice = this.choices[index];
    const end = this.box.selectionStart;
    this.box.value = this.box.value.slice(0, choice.from) + choice.text + this.box.value.slice(end);
    this.box.selectionStart = this.box.selectionEnd = choice.from + choice.text.length;
    this.changed();
    this.box.focus();
  }

  key_(event) {
    if (event.isComposing) return;
    if (this.choices.length) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        event.preventDefault();
        this.chosen = (this.chosen + step + this.choices.length) % this.choices.length;
        [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.chosen)));
        this.list.children[this.chosen].scrollIntoView({ block: "nearest" });
        return;
      }
      if (event.key === "Enter" || event.key === "Tab") { event.preventDefault(); this.take(this.chosen); return; }
      if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); this.complete([]); return; }
    }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); this.submit(); }
    else if (event.key === "ArrowUp" && !this.box.value) { if (this.options.editLast()) event.preventDefault(); }
    else if (event.key === "Escape" && this.editing) { event.stopPropagation(); this.stopEditing(); }
  }
}
