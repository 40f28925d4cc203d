// Adaptive Cards as Teams shows them: texts, choices, stacks, buttons that submit.

import { codeBlock, el } from "/mrkdwn.js";
import { renderTeams } from "/teams.js";

/** A card; `submit(data, control)` sends a button's data with what was chosen. */
export function cardNode(card, submit) {
  const inputs = new Map();
  const press = (action, control) => {
    const chosen = Object.fromEntries([...inputs].map(([id, value]) => [id, value()]));
    submit({ ...(action.associatedInputs === "none" ? {} : chosen), ...action.data }, control);
  };
  const node = el("div", { class: "block card", dir: card.rtl ? "rtl" : "auto" });
  node.append(...stack(card.body, inputs, press), ...actions(card.actions, press));
  return node;
}

const stack = (items, inputs, press) => (items ?? []).flatMap((item) => element(item, inputs, press));

/** The nodes of an element; none if this page does not know its type. */
function element(item, inputs, press) {
  switch (item.type) {
    case "TextBlock": return [textBlock(item)];
    case "RichTextBlock": return [richText(item.inlines ?? [])];
    case "Container": return [el("div", { class: item.style === "emphasis" ? "quote" : "stack" }, ...stack(item.items, inputs, press))];
    case "Table": return [table(item, inputs, press)];
    case "CodeBlock": return [codeBlock(item.codeSnippet ?? "")];
    case "ColumnSet": return (item.columns ?? []).map((each) => el("div", { class: "stack" }, ...stack(each.items, inputs, press)));
    case "ActionSet": return actions(item.actions, press);
    case "Input.ChoiceSet": return [item.style === "expanded" || item.isMultiSelect ? expanded(item, inputs) : compact(item, inputs)];
    default: return typeof item.fallback === "object" ? element(item.fallback, inputs, press) : [];
  }
}

function textBlock(item) {
  const node = el("div", { class: `text teams ${item.isSubtle ? "small" : "line"}${item.weight === "Bolder" ? " bolder" : ""}` });
  node.append(renderTeams(item.text ?? ""));
  return node;
}

function richText(inlines) {
  const runs = inlines.map((run) => (typeof run === "string" ? { text: run } : run));
  const node = el("div", { dir: "auto", class: runs.every((run) => run.isSubtle) ? "small" : "line" }, ...runs.map(textRun));
  if (/^[_*]?(Thinking|Still thinking|Fetching|Reading|Making|It is long)|waits its turn/.test(node.textContent)) node.classList.add("working");
  return node;
}

/** Characters and how they look: no Markdown. */
function textRun(run) {
  let node = el(run.fontType === "Monospace" ? "code" : run.weight === "Bolder" ? "strong" : run.italic ? "em" : run.strikethrough ? "s" : "span", {}, run.text ?? "");
  if (run.fontType === "Monospace") node.style.whiteSpace = "pre-wrap";
  if (run.size === "Large" || run.size === "Medium") node.classList.add(`size-${run.size.toLowerCase()}`);
  const url = run.selectAction?.type === "Action.OpenUrl" ? run.selectAction.url : "";
  if (/^https?:/.test(url)) {
    const link = el("a", { href: url, target: "_blank", rel: "noopener noreferrer" });
    link.append(node);
    node = link;
  }
  return node;
}

function table(item, inputs, press) {
  const head = item.firstRowAsHeader !== false;
  const rows = (item.rows ?? []).map((row, index) => el("tr", {}, ...(row.cells ?? []).map((cell) =>
    el(head && index === 0 ? "th" : "td", {}, ...stack(cell.items, inputs, press)))));
  return el("div", { class: "table" }, el("table", {}, ...rows));
}

function compact(item, inputs) {
  const label = item.label ?? item.placeholder ?? "Choose…";
  const select = el("select", { "data-testid": "picker", "aria-label": label },
    item.value ? null : el("option", { value: "", disabled: true, selected: true }, item.placeholder ?? "Choose…"),
    ...(item.choices ?? []).map((choice) => el("option", { value: choice.value, selected: choice.value === item.value }, choice.title)));
  inputs.set(item.id, () => select.value);
  return el("div", { class: "actions" }, select);
}

let groups = 0;

/** All choices in sight: one of them, or several (their values come joined by commas). */
function expanded(item, inputs) {
  const name = `choices-${(groups += 1)}`;
  const before = item.isMultiSelect ? (item.value ?? "").split(",") : [item.value];
  const boxes = (item.choices ?? []).map((choice) => el("input", { type: item.isMultiSelect ? "checkbox" : "radio", name, value: choice.value, checked: before.includes(choice.value) }));
  inputs.set(item.id, () => boxes.filter((box) => box.checked).map((box) => box.value).join(","));
  return el("fieldset", { class: "choices", "data-testid": "picker" },
    el("legend", { class: "small" }, item.label ?? item.placeholder ?? "Choose…"),
    ...boxes.map((box, index) => el("label", {}, box, item.choices[index].title)));
}

function actions(all, press) {
  const known = (all ?? []).filter((action) => action.type === "Action.Submit");
  return known.length ? [el("div", { class: "actions" }, ...known.map((action) => button(action, press)))] : [];
}

function button(action, press) {
  const style = { positive: "primary", destructive: "danger" }[action.style] ?? "";
  const name = action.data?.parley ?? action.title;
  const node = el("button", { type: "button", class: style, "data-testid": `action-parley:${name}` }, action.title);
  const spoken = { "👍": "Good answer", "👎": "Bad answer" }[action.title];
  if (spoken) node.setAttribute("aria-label", spoken);
  node.addEventListener("click", () => press(action, node));
  return node;
}
