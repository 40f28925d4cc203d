// A list of messages that grows without jumping: it follows the end only if one is at the end.

import { dayOf, messageNode, updateNode } from "/message.js";
import { el } from "/mrkdwn.js";

const day = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

export class Log {
  constructor(scroll, newer) {
    this.scroll = scroll;
    this.newer = newer;
    this.nodes = new Map();
    this.atEnd = true;
    scroll.addEventListener("scroll", () => {
      this.atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
      if (this.atEnd) newer.hidden = true;
    });
    newer.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.atEnd && this.toEnd()).observe(scroll);
  }

  toEnd() {
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.atEnd = true;
    this.newer.hidden = true;
  }

  /** Shows exactly these messages, oldest first. */
  show(messages, context, empty) {
    const follow = this.atEnd;
    const wanted = new Set(messages.map((message) => message.ts));
    const changedOrder = [...this.nodes.keys()].some((ts) => !wanted.has(ts))
      || messages.some((message, index) => !this.nodes.has(message.ts) && index < messages.length - 1);
    if (changedOrder || !this.nodes.size) this.rebuild(messages, context, empty);
    else {
      messages.forEach((message, index) => {
        const node = this.nodes.get(message.ts);
        if (node) updateNode(node, message, context);
        else this.append(message, messages[index - 1], context);
      });
    }
    if (follow) this.toEnd();
    else if (this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight > 60) this.newer.hidden = false;
  }

  rebuild(messages, context, empty) {
    const top = this.scroll.scrollTop;
    this.nodes.clear();
    this.scroll.replaceChildren();
    if (!messages.length) {
      this.scroll.append(el("p", { class: "empty" }, el("strong", {}, empty.title), empty.text));
    }
    messages.forEach((message, index) => this.append(message, messages[index - 1], context));
    this.scroll.scrollTop = top;
  }

  append(message, previous, context) {
    if (!previous || dayOf(previous.ts) !== dayOf(message.ts)) {
      if (!previous) this.scroll.replaceChildren();
      this.scroll.append(el("div", { class: "day" }, day.format(message.ts * 1000)));
    }
    const node = messageNode(message, previous, context);
    this.nodes.set(message.ts, node);
    this.scroll.append(node);
  }

  clear() {
    this.nodes.clear();
    this.scroll.replaceChildren();
    this.atEnd = true;
    this.newer.hidden = true;
  }
}
