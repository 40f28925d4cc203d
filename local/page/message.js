// One message as DOM, and its blocks. A message that grows is changed in place.

import { cardNode } from "/card.js";
import { filesNode } from "/files.js";
import { el, render } from "/mrkdwn.js";
import { renderSaid, renderTeams } from "/teams.js";

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const WORKING = /^_(Thinking|Still thinking|Fetching|Reading|Making|It is long)|waits its turn/;
export const dayOf = (ts) => new Date(Number(ts) * 1000).toDateString();

/** `context`: {users, names, me, inThread, onAction, onReply, onEdit, onDelete, onDeleteFile, onDismiss, onSubmit, onRate, onStop}. */
export function messageNode(message, previous, context) {
  const author = context.users.get(message.user) ?? { name: "Somebody", color: "#888" };
  const follows = previous && previous.user === message.user && !message.ephemeral
    && !previous.ephemeral && Number(message.ts) - Number(previous.ts) < 300
    && dayOf(previous.ts) === dayOf(message.ts);
  const initials = author.name.split(" ").map((word) => word[0]).slice(0, 2).join("");
  const body = el("div", { class: "body" },
    el("div", { class: "who" },
      el("b", {}, author.name),
      author.is_bot ? el("span", { class: "tag" }, "App") : null,
      el("span", { class: "tag ai", "data-testid": "ai", hidden: true }, "AI generated"),
      el("time", { datetime: new Date(message.ts * 1000).toISOString() }, clock.format(message.ts * 1000)),
    ),
    el("div", { class: "content" }),
  );
  const node = el("article", {
    class: `msg${follows ? " follows" : ""}${message.ephemeral ? " private" : ""}`,
    "data-testid": message.ephemeral ? "ephemeral" : "message",
    "data-ts": message.ts,
  }, el("span", { class: "face", style: `background:${author.color}`, "aria-hidden": "true" }, initials), body);
  updateNode(node, message, context);
  return node;
}

/** Shows a message's present text, leaving in place what did not change. */
export function updateNode(node, message, context) {
  const content = node.querySelector(".content");
  const before = node.shown ?? {};
  const blocks = message.blocks?.length ? message.blocks : [{ type: "section", text: { text: message.text } }];
  const shown = { blocks: blocks.map((block) => JSON.stringify(block)), extra: JSON.stringify([message.edited, message.reply_count, message.files, message.stream, message.citations, message.feedback]) };
  const label = node.querySelector(".ai");
  if (label) label.hidden = !message.ai;
  const kept = [...content.querySelectorAll(":scope > .block")];
  blocks.forEach((block, index) => {
    if (kept[index] && before.blocks?.[index] === shown.blocks[index] && before.extra === shown.extra) return;
    const fresh = blockNode(block, message, context);
    if (kept[index]) kept[index].replaceWith(fresh);
    else content.insertBefore(fresh, content.querySelector(":scope > .after"));
  });
  kept.slice(blocks.length).forEach((extra) => extra.remove());
  if (before.extra !== shown.extra) {
    content.querySelector(":scope > .after")?.remove();
    content.append(afterNode(message, context));
    node.querySelector(":scope > .tools")?.remove();
    if (!message.ephemeral) node.append(toolsNode(message, context));
  }
  node.shown = shown;
  node.message = message;
}

function blockNode(block, message, context) {
  if (block.type === "card") return cardNode(block.card, (data, control) => submit(message, data, control, context));
  if (block.type === "said" || block.type === "teams") {
    const busy = message.stream === "informative" || WORKING.test(block.text.replace(/^\*/, "_"));
    const text = el("div", { class: `block text${block.type === "teams" ? " teams" : ""}${busy ? " working" : ""}` });
    text.append(block.type === "teams" ? renderTeams(block.text, message.citations) : renderSaid(block.text, context.names.values()));
    for (const link of text.querySelectorAll("a[href]")) openAs(link, context.me);
    return block.text.trim() || block.type === "teams" ? text : el("div", { class: "block" });
  }
  if (block.type === "actions") {
    return el("div", { class: "block actions" }, ...block.elements.map((each) => elementNode(each, message, context)));
  }
  if (block.type === "context") {
    const small = el("div", { class: "block small" });
    block.elements.forEach((each) => small.append(render(each.text ?? "", context.names)));
    return small;
  }
  if (block.type === "divider") return el("hr", { class: "block" });
  const working = WORKING.test(block.text?.text ?? "");
  if (!block.text?.text) return el("div", { class: "block" });
  const text = el("div", { class: `block text${working ? " working" : ""}` });
  text.append(render(block.text.text, context.names));
  for (const link of text.querySelectorAll("a[href]")) openAs(link, context.me);
  return text;
}

async function submit(message, data, control, context) {
  control.disabled = true;
  await context.onSubmit(message, data);
  control.disabled = false;
}

/** Files are opened as the person one is. */
function openAs(link, me) {
  const url = new URL(link.href);
  if (url.origin !== location.origin || !/^(\/teams)?\/(ui\/file|files)\//.test(url.pathname)) return;
  url.searchParams.set("user", me);
  link.href = url.href;
  link.dataset.testid ??= "source";
}

function elementNode(element, message, context) {
  const testid = `action-${element.action_id}`;
  const send = async (control, extra) => {
    control.disabled = true;
    await context.onAction(message, element, extra);
    control.disabled = false;
  };
  if (element.type === "static_select") {
    const chosen = element.initial_option?.value;
    const select = el("select", { "data-testid": "picker", "aria-label": element.placeholder?.text ?? "Choose" },
      chosen ? null : el("option", { value: "", disabled: true, selected: true }, element.placeholder?.text ?? "Choose…"),
      ...element.options.map((option) => el("option", { value: option.value, selected: option.value === chosen }, option.text.text)));
    select.addEventListener("change", () => send(select, { selected: select.value }));
    return select;
  }
  const button = el("button", { type: "button", class: element.style ?? "", "data-testid": testid }, element.text.text);
  const spoken = { "👍": "Good answer", "👎": "Bad answer" }[element.text.text];
  if (spoken) button.setAttribute("aria-label", spoken);
  button.addEventListener("click", () => send(button, { value: element.value }));
  return button;
}

function afterNode(message, context) {
  const after = el("div", { class: "after" });
  if (message.files?.length) after.append(filesNode(message.files, context, message.user === context.me));
  if (message.stream) {
    after.append(el("div", { class: "actions" }, el("button", { type: "button", "data-testid": "stop-stream", onclick: () => context.onStop(message) }, "Stop")));
  }
  if (message.feedback) {
    after.append(el("div", { class: "actions" }, ...[["like", "👍", "Good answer"], ["dislike", "👎", "Bad answer"]].map(([reaction, sign, spoken]) =>
      el("button", { type: "button", "aria-label": spoken, "data-testid": `rate-${reaction}`, onclick: (event) => context.onRate(message, reaction, event.currentTarget) }, sign))));
  }
  if (message.edited) after.append(el("span", { class: "edited" }, "(edited)"));
  if (message.reply_count && !context.inThread) {
    const label = message.reply_count === 1 ? "1 reply" : `${message.reply_count} replies`;
    after.append(el("button", { class: "replies", type: "button", "data-testid": "replies", onclick: () => context.onReply(message) }, label));
  }
  if (message.ephemeral) {
    after.append(el("div", { class: "private-note" }, "Only visible to you",
      el("button", { type: "button", onclick: () => context.onDismiss(message) }, "Dismiss")));
  }
  return after;
}

function toolsNode(message, context) {
  const tools = el("div", { class: "tools" });
  const tool = (label, action) => tools.append(el("button", { type: "button", onclick: () => action(message) }, label));
  if (!context.inThread && context.threads) tool("Reply in thread", context.onReply);
  if (message.user === context.me) {
    tool("Edit", context.onEdit);
    tool("Delete", context.onDelete);
  }
  return tools;
}
