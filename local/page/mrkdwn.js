// Slack's mrkdwn as DOM nodes. Text goes in as text nodes only.

const INLINE = /(`[^`\n]+`)|<([^<>\n]+)>|(?<![\p{L}\p{N}_*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\p{L}\p{N}*])|(?<![\p{L}\p{N}_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\p{L}\p{N}~])/gu;

export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

const unescape = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

/** A fragment for a mrkdwn text; `names` maps user and channel ids to names. */
export function render(text, names) {
  const out = document.createDocumentFragment();
  text.split("```").forEach((piece, index) => {
    if (index % 2) out.append(codeBlock(unescape(piece.replace(/^\n|\n$/g, ""))));
    else if (piece.trim()) lines(piece.replace(/^\n+|\n+$/g, ""), names, out);
  });
  return out;
}

export function codeBlock(code) {
  const copy = el("button", { class: "copy", type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  return el("div", { class: "pre" }, el("pre", { tabindex: "0" }, code), copy);
}

function lines(text, names, out) {
  let plain = [];
  let quoted = [];
  const flush = () => {
    if (plain.length) out.append(inline(plain.join("\n"), names));
    if (quoted.length) {
      const block = el("div", { class: "quote" });
      block.append(inline(quoted.join("\n"), names));
      out.append(block);
    }
    plain = [];
    quoted = [];
  };
  for (const line of text.split("\n")) {
    const quote = line.match(/^(?:&gt;|>) ?(.*)$/);
    if (quote ? plain.length : quoted.length) flush();
    (quote ? quoted : plain).push(quote ? quote[1] : line);
  }
  flush();
}

function inline(text, names) {
  const out = document.createDocumentFragment();
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    out.append(unescape(text.slice(at, match.index)));
    out.append(span(match, names));
    at = match.index + match[0].length;
  }
  out.append(unescape(text.slice(at)));
  return out;
}

function span([, code, special, bold, italic, strike], names) {
  if (code) return el("code", {}, unescape(code.slice(1, -1)));
  if (special) return reference(special, names);
  const [name, inner] = bold ? ["strong", bold] : italic ? ["em", italic] : ["s", strike];
  const node = el(name);
  node.append(inline(inner, names));
  return node;
}

function reference(special, names) {
  const [target, label] = special.split("|");
  if (/^[@#]/.test(target)) {
    return el("span", { class: "at" }, target[0] + (names.get(target.slice(1)) ?? label ?? target.slice(1)));
  }
  if (target.startsWith("!")) return el("span", { class: "at" }, "@" + (label ?? target.slice(1)));
  const url = unescape(target);
  if (!/^(https?|mailto):/.test(url)) return document.createTextNode(unescape(label ?? target));
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, unescape(label ?? url));
}
