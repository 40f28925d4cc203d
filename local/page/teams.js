// What Teams shows: its Markdown and sources, as DOM nodes. Text goes in as text only.

import { codeBlock, el } from "/mrkdwn.js";

const INLINE = new RegExp([
  String.raw`\\([!-/:-@[-\x60{-~])`,
  String.raw`(\x60+)([^]*?[^\x60])\2(?!\x60)`,
  String.raw`\*\*(?=\S)((?:\\[^]|[^\\])+?)\*\*`,
  String.raw`(?<![\p{L}\p{N}])([*_])(?=\S)((?:\\[^]|(?!\5)[^\\])+?)\5(?![\p{L}\p{N}])`,
  String.raw`~~(?=\S)((?:\\[^]|[^\\])+?)~~`,
  String.raw`\[((?:\\.|[^\]\\])*)\]\(<?((?:\\.|[^\s()<>\\])+)>?\)`,
  String.raw`<(https?:[^<>\s]+)>`,
  String.raw`\[(\d{1,3})\]`,
  String.raw`&(#\d{1,7}|#x[\da-f]{1,6}|\w{2,8});`,
].join("|"), "giu");
const NAMED = { lt: "<", gt: ">", amp: "&", quot: '"', nbsp: "\u00a0", apos: "'" };
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const FENCE = /^\s*(`{3,}|~{3,})/;

/** A fragment for a message of the bot's; `sources` are its citations. */
export function renderTeams(text, sources = []) {
  const out = document.createDocumentFragment();
  blocks(text.split("\n"), sources, out);
  return out;
}

function blocks(lines, sources, out) {
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const fence = line.match(FENCE);
    if (!line.trim()) at += 1;
    else if (fence) {
      let end = at + 1;
      while (end < lines.length && !(lines[end].trim().startsWith(fence[1]) && !lines[end].trim().replaceAll(fence[1][0], ""))) end += 1;
      out.append(codeBlock(lines.slice(at + 1, end).join("\n")));
      at = end + 1;
    } else if (/^\s*>/.test(line)) {
      let end = at;
      while (end < lines.length && /^\s*>/.test(lines[end])) end += 1;
      const quote = el("div", { class: "quote" });
      blocks(lines.slice(at, end).map((each) => each.replace(/^\s*> ?/, "")), sources, quote);
      out.append(quote);
      at = end;
    } else if (ITEM.test(line)) {
      let end = at;
      while (end < lines.length && (ITEM.test(lines[end]) || (lines[end].trim() && /^\s/.test(lines[end])) || (!lines[end].trim() && /^\s+\S/.test(lines[end + 1] ?? "")))) end += 1;
      out.append(list(lines.slice(at, end), sources));
      at = end;
    } else {
      let end = at;
      while (end < lines.length && lines[end].trim() && !FENCE.test(lines[end]) && !/^\s*>/.test(lines[end]) && !ITEM.test(lines[end])) end += 1;
      const paragraph = el("p", {});
      paragraph.append(inline(lines.slice(at, end).map((each) => each.trimEnd()).join("\n"), sources));
      out.append(paragraph);
      at = end;
    }
  }
}

/** Items of the first one's indent; what is further in belongs to the item above. */
function list(lines, sources) {
  const [, indent, sign] = lines[0].match(ITEM);
  const node = /\d/.test(sign) ? el("ol", { start: parseInt(sign, 10) }) : el("ul");
  let inner = [];
  let item = null;
  const flush = () => { if (item && inner.length) blocks(inner, sources, item); inner = []; };
  for (const line of lines) {
    const found = line.match(ITEM);
    if (found && found[1].length <= indent.length) {
      flush();
      item = el("li");
      item.append(inline(found[3].trimEnd(), sources));
      node.append(item);
    } else inner.push(line.slice(Math.min(indent.length + sign.length + 1, line.length - line.trimStart().length)));
  }
  flush();
  return node;
}

function inline(text, sources) {
  const out = document.createDocumentFragment();
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    out.append(text.slice(at, match.index));
    out.append(span(match, sources));
    at = match.index + match[0].length;
  }
  out.append(text.slice(at));
  return out;
}

function span(match, sources) {
  const [whole, escaped, , code, bold, , italic, strike, label, target, address, cited, entity] = match;
  if (escaped) return escaped;
  if (code != null) return el("code", {}, code.replace(/^ (.*) $/s, "$1"));
  for (const [name, inner] of [["strong", bold], ["em", italic], ["s", strike]]) {
    if (inner != null) { const node = el(name); node.append(inline(inner, sources)); return node; }
  }
  if (target != null) return link(target.replace(/\\(.)/g, "$1"), inline(label, sources));
  if (address) return link(address, address);
  if (cited) return pill(Number(cited), sources) ?? whole;
  if (entity) return NAMED[entity] ?? (entity[0] === "#" ? String.fromCodePoint(Math.min(0x10ffff, entity[1] === "x" ? parseInt(entity.slice(2), 16) : parseInt(entity.slice(1), 10))) : whole);
  return whole;
}

function link(url, label) {
  if (!/^(https?|mailto):/.test(url)) return label;
  const node = el("a", { href: url, target: "_blank", rel: "noopener noreferrer" });
  node.append(label);
  return node;
}

/** A source's number: what it is shows on hover and focus, itself on click. */
function pill(number, sources) {
  const source = sources.find((each) => each.number === number);
  if (!source) return null;
  const told = { class: "cite", "data-testid": "cite", "data-name": source.name, "data-abstract": source.abstract ?? "", "aria-label": `Source ${number}: ${source.name}`, "aria-description": source.abstract };
  if (!/^https?:/.test(source.url ?? "")) return el("span", { ...told, role: "note", tabindex: "0" }, String(number));
  return el("a", { ...told, href: source.url, target: "_blank", rel: "noopener noreferrer" }, String(number));
}

const peek = el("div", { class: "peek", "data-testid": "peek", "aria-hidden": "true", hidden: true });

/** Shows what a source's number under the pointer or the focus stands for. */
export function peekAtSources() {
  const hide = () => (peek.hidden = true);
  const show = ({ target }) => {
    const cite = target.closest?.(".cite");
    if (!cite) { hide(); return; }
    peek.replaceChildren(el("b", {}, cite.dataset.name), cite.dataset.abstract);
    peek.hidden = false;
    const at = cite.getBoundingClientRect();
    const above = at.top - peek.offsetHeight - 6;
    peek.style.left = `${Math.max(8, Math.min(at.left - 12, innerWidth - peek.offsetWidth - 8))}px`;
    peek.style.top = `${above > 8 ? above : at.bottom + 6}px`;
  };
  document.body.append(peek);
  for (const kind of ["mouseover", "focusin"]) document.addEventListener(kind, show);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || peek.hidden) return;
    event.stopPropagation(); // the thread stays open
    hide();
  }, true);
}

/** What a person wrote, names highlighted. */
export function renderSaid(text, names) {
  const known = [...names].filter(Boolean).map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const out = document.createDocumentFragment();
  text.split(new RegExp(`(@(?:${known.join("|")})(?![A-Za-z0-9_]))`, "i")).forEach((piece, index) => {
    out.append(index % 2 ? el("span", { class: "at" }, piece) : piece);
  });
  return out;
}
