// The page: who one is, where one is, and what is shown there.

import { act, get, listen, stateOf, turnTo } from "/api.js";
import { Composer } from "/composer.js";
import { dropZone, upload } from "/files.js";
import { Log } from "/log.js";
import { el } from "/mrkdwn.js";
import { peekAtSources } from "/teams.js";

const $ = (id) => document.getElementById(id);
const state = { on: "slack", me: "", channel: "", thread: null, messages: new Map(), unread: new Map(), awaiting: new Set(), loads: new Set() };
const wide = () => matchMedia("(min-width: 761px)").matches;
let world;
let users;
let names;
let stopListening = () => {};

const log = new Log($("messages"), $("newer"));
const threadLog = new Log($("thread-messages"), $("thread-newer"));
const shared = { people: () => world.users.filter((user) => user.id !== state.me), commands: () => world.commands };
const composer = new Composer($("composer-slot"), { ...shared, testid: "composer", label: "Message", send: (...said) => send(null, ...said), editLast: () => editLast(composer, null) });
const threadComposer = new Composer($("thread-composer-slot"), { ...shared, commands: () => [], testid: "thread-composer", label: "Reply in thread", send: (...said) => send(state.thread, ...said), editLast: () => editLast(threadComposer, state.thread) });

async function start() {
  const wanted = new URLSearchParams(location.search).get("on") ?? localStorage.getItem("parley.on");
  const both = await stateOf("teams").then(() => true, () => false);
  $("platforms").hidden = !both;
  for (const button of $("platforms").children) {
    button.addEventListener("click", () => turn(button.dataset.platform).catch((error) => tell({ error: error.message })));
  }
  await turn(both && wanted === "teams" ? "teams" : "slack");
}

/** Shows the other half: another workspace, the same people. */
async function turn(platform) {
  state.wanted = platform;
  const found = await stateOf(platform);
  if (state.wanted !== platform) return;
  state.on = platform;
  localStorage.setItem("parley.on", platform);
  if (!$("platforms").hidden) history.replaceState(null, "", `?on=${platform}`);
  for (const button of $("platforms").children) button.setAttribute("aria-pressed", String(button.dataset.platform === platform));
  document.body.dataset.on = platform;
  $("direct").textContent = platform === "teams" ? "Chats" : "Direct messages";
  stopListening();
  turnTo(platform);
  world = found;
  users = new Map(world.users.map((user) => [user.id, user]));
  names = new Map([...world.users, ...world.channels].map((each) => [each.id, each.name]));
  $("team").textContent = world.team.name;
  banner(world.banner);
  const people = world.users.filter((user) => !user.is_bot);
  $("person").replaceChildren(...people.map((user) => el("option", { value: user.id }, user.name)));
  const saved = localStorage.getItem("parley.me");
  become(users.has(saved) ? saved : people[0].id);
  if (!wide()) view("list");
}

function become(user) {
  state.me = user;
  localStorage.setItem("parley.me", user);
  $("person").value = user;
  state.messages.clear();
  state.unread.clear();
  state.awaiting.clear();
  state.loads.clear();
  stopListening();
  stopListening = listen(user, onEvent, (connected) => {
    $("offline").hidden = connected;
    if (connected) catchUp();
  });
  const left = placeLeft();
  const known = (id) => mine().some((channel) => channel.id === id);
  const channel = [left?.channel, state.channel].find(known) ?? mine()[0].id;
  go(channel, wide()).then(() => {
    if (left?.thread && left.channel === channel && state.channel === channel && state.messages.get(channel)?.has(left.thread)) openThread(left.thread);
  }).catch((error) => tell({ error: error.message }));
}

/** Where this person was in this half before the page was reloaded. */
function placeLeft() {
  return JSON.parse(sessionStorage.getItem(`parley.place/${state.on}/${state.me}`) ?? "null");
}

function keepPlace() {
  sessionStorage.setItem(`parley.place/${state.on}/${state.me}`, JSON.stringify({ channel: state.channel, thread: state.thread }));
}

const mine = () => world.channels.filter((channel) => channel.members.includes(state.me));
const place = () => world.channels.find((channel) => channel.id === state.channel);
const titleOf = (channel) => (channel.kind === "dm" ? "Parley" : channel.kind === "group" ? channel.name : `# ${channel.name}`);
const slug = (name) => name.toLowerCase().replaceAll(" ", "-");

async function catchUp() {
  await Promise.all(mine().filter((channel) => channel.id === state.channel || state.messages.has(channel.id)).map((channel) => load(channel.id)));
  draw();
}

/**
 * Reads a channel's messages. What happens while the answer is under way may be missing from it, so
 * those events are kept and applied to it again. An answer for another person or half is dropped.
 */
async function load(channel) {
  const pending = { channel, events: [] };
  state.loads.add(pending);
  try {
    const found = await get(`/ui/messages?channel=${channel}&user=${state.me}`);
    if (!state.loads.has(pending)) return;
    const messages = new Map(found.messages.map((message) => [message.ts, message]));
    for (const event of pending.events) apply(event, messages);
    state.messages.set(channel, messages);
  } finally {
    state.loads.delete(pending);
  }
}

function apply(event, messages) {
  if (event.type.endsWith("deleted")) messages.delete(event.message.ts);
  else messages.set(event.message.ts, event.message);
}

async function go(channel, focus = true) {
  state.channel = channel;
  state.unread.delete(channel);
  closeThread();
  log.clear();
  const where = place();
  $("title").textContent = titleOf(where);
  $("topic").textContent = where.kind === "dm" ? "Only you and Parley read this" : where.kind === "group" ? where.members.map((id) => names.get(id)).join(", ") : where.topic;
  composer.turnTo(`${state.on}/${state.me}/${channel}`, where.kind === "dm" ? "Ask Parley anything" : `Message ${titleOf(where).replace("# ", "#")}; @Parley to ask`);
  sidebar();
  if (!state.messages.has(channel)) await load(channel);
  if (state.channel !== channel) return;
  draw();
  log.toEnd();
  if (focus && wide()) composer.box.focus();
}

function sidebar() {
  const item = (channel) => {
    const unread = state.unread.get(channel.id) ?? 0;
    const sign = { dm: "●", group: "" }[channel.kind] ?? (channel.private ? "" : "#");
    const drawn = channel.kind === "group" ? " people" : channel.private ? " lock" : "";
    return el("li", {}, el("button", {
      class: `place${unread ? " unread" : ""}`, type: "button", "aria-current": String(channel.id === state.channel),
      "data-testid": `channel-${channel.kind === "dm" ? "parley" : slug(channel.name)}`,
      onclick: () => { go(channel.id); view("channel"); },
    }, el("span", { class: `sign${drawn}`, "aria-hidden": "true" }, sign), channel.name,
      unread ? el("span", { class: "badge", "aria-label": `${unread} unread` }, String(unread)) : null));
  };
  $("channels").replaceChildren(...mine().filter((channel) => channel.kind === "channel").map(item));
  $("dms").replaceChildren(...mine().filter((channel) => channel.kind !== "channel").map(item));
}

function context(inThread) {
  return {
    users, names, me: state.me, inThread, threads: hasThreads(),
    onReply: (message) => openThread(message.thread_ts ?? message.ts),
    onEdit: (message) => (inThread ? threadComposer : composer).edit(message, plain(message.text)),
    onDelete: async (message) => tell(await act("delete", { user: state.me, channel: state.channel, ts: message.ts })),
    onDeleteFile: async (file) => tell(await act("delete_file", { user: state.me, channel: state.channel, file: file.id })),
    onSubmit: async (message, data) => tell(await act("submit", { user: state.me, channel: state.channel, ts: message.ts, data })),
    onRate: async (message, reaction, control) => {
      const answer = await act("rate", { user: state.me, channel: state.channel, ts: message.ts, reaction });
      tell(answer);
      if (!answer.ok) return;
      for (const each of control.parentNode.children) each.setAttribute("aria-pressed", String(each === control));
    },
    onStop: async () => tell(await act("stop_stream", { user: state.me, channel: state.channel })),
    onDismiss: async (message) => tell(await act("dismiss", { user: state.me, channel: state.channel, ts: message.ts })),
    onAction: async (message, element, extra) => tell(await act("action", { user: state.me, channel: state.channel, ts: message.ts, action_id: element.action_id, ...extra })),
  };
}

/** Teams has threads in channels only. */
const hasThreads = () => state.on !== "teams" || place().kind === "channel";

function draw() {
  const all = [...(state.messages.get(state.channel)?.values() ?? [])].sort((a, b) => Number(a.ts) - Number(b.ts));
  const top = all.filter((message) => !hasThreads() || !message.thread_ts || message.thread_ts === message.ts);
  const direct = place().kind === "dm";
  log.show(top, context(false), direct
    ? { title: "Ask Parley anything", text: "Write a question below. The answer grows here while it is written." }
    : { title: `This is ${titleOf(place()).replace("# ", "#")}`, text: `Mention @Parley in a message to ask; the answer grows ${hasThreads() ? "in the message's thread" : "below it"}.` });
  if (state.thread) {
    threadLog.show(all.filter((message) => message.ts === state.thread || message.thread_ts === state.thread), context(true), { title: "", text: "" });
  }
}

function openThread(ts) {
  const fresh = state.thread !== ts;
  state.thread = ts;
  keepPlace();
  $("thread").hidden = false;
  $("thread-where").textContent = titleOf(place());
  threadComposer.turnTo(`${state.on}/${state.me}/${state.channel}/${ts}`, "Reply; @Parley to ask");
  if (fresh) threadLog.clear();
  draw();
  if (fresh) threadLog.toEnd();
  view("thread");
  if (wide()) threadComposer.box.focus();
}

function closeThread() {
  state.thread = null;
  keepPlace();
  $("thread").hidden = true;
  threadLog.clear();
  view("channel");
}

async function send(thread, text, editing, files, progress) {
  const where = { user: state.me, channel: state.channel };
  if (editing) return (await act("edit", { ...where, ts: editing.ts, text })).error;
  const command = !thread && text.match(/^(\/\w+)\s*([^]*)$/);
  if (command) return (await act("command", { ...where, command: command[1], text: command[2].trim() })).error;
  const said = { ...where, ...(thread ? { thread_ts: thread } : {}) };
  const answer = files.length ? await upload(said, text, files, progress) : await act("say", { ...said, text });
  (thread ? threadLog : log).toEnd();
  if (answer.ok && !thread && place().kind === "channel" && (files.length || /@parley\b/i.test(text))) state.awaiting.add(answer.ts);
  return answer.error;
}

function editLast(box, thread) {
  const own = [...(state.messages.get(state.channel)?.values() ?? [])]
    .filter((message) => message.user === state.me && !message.ephemeral && (thread ? message.thread_ts === thread : !message.thread_ts));
  const last = own.sort((a, b) => Number(a.ts) - Number(b.ts)).at(-1);
  if (last) box.edit(last, plain(last.text));
  return Boolean(last);
}

/** What was said as it is typed. Teams' half has it so already. */
const plain = (text) => (state.on === "teams" ? text : text.replace(/<@(\w+)>/g, (_, id) => `@${names.get(id) ?? id}`)
  .replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&"));

function onEvent(event) {
  if (event.type === "banner") { banner(event.banner); return; }
  const { message } = event;
  if (message) {
    const within = state.messages.get(event.channel);
    if (within) apply(event, within);
    for (const pending of state.loads) if (pending.channel === event.channel) pending.events.push(event);
  }
  const isNew = event.type === "message" || event.type === "ephemeral";
  if (isNew && message.user !== state.me && (event.channel !== state.channel || document.body.dataset.view === "list")) {
    if (event.channel !== state.channel || !wide()) {
      state.unread.set(event.channel, (state.unread.get(event.channel) ?? 0) + 1);
      sidebar();
    }
  }
  if (event.channel !== state.channel) return;
  if (isNew && state.awaiting.delete(message.thread_ts) && wide()) openThread(message.thread_ts);
  else draw();
}

function banner(shown) {
  $("banner").hidden = !shown;
  $("banner").dataset.level = shown?.level ?? "info";
  $("banner").textContent = shown?.text ?? "";
}

let hiding;
function tell(answer) {
  if (answer.ok) return;
  $("toast").textContent = answer.error;
  $("toast").hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => ($("toast").hidden = true), 5000);
}

function view(name) {
  document.body.dataset.view = name;
}

function switcher() {
  const input = $("switcher-input");
  const list = $("switcher-list");
  let chosen = 0;
  const found = () => mine().filter((channel) => channel.name.toLowerCase().includes(input.value.toLowerCase().replace("#", "")) || channel.name.toLowerCase().startsWith(input.value.toLowerCase()));
  const fill = () => list.replaceChildren(...found().map((channel, index) => el("li", {
    role: "option", "aria-selected": String(index === chosen), onclick: () => jump(channel),
  }, titleOf(channel))));
  const jump = (channel) => { $("switcher").close(); go(channel.id); view("channel"); };
  input.value = "";
  input.oninput = () => { chosen = 0; fill(); };
  input.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found().length) { event.preventDefault(); chosen = (chosen + step + found().length) % found().length; fill(); }
    if (event.key === "Enter" && found()[chosen]) { event.preventDefault(); jump(found()[chosen]); }
  };
  fill();
  $("switcher").showModal();
}

$("person").addEventListener("change", (event) => become(event.target.value));
$("thread-close").addEventListener("click", () => { closeThread(); composer.box.focus(); });
document.querySelectorAll("[data-back]").forEach((button) => button.addEventListener("click", () => {
  if (button.dataset.back === "list") view("list");
  else closeThread();
}));
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); switcher(); }
  else if (event.key === "Escape" && state.thread && !$("switcher").open) { closeThread(); composer.box.focus(); }
});
dropZone(document.querySelector(".channel"), (files) => { composer.attachments.add(files); composer.box.focus(); });
dropZone($("thread"), (files) => { threadComposer.attachments.add(files); threadComposer.box.focus(); });
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
peekAtSources();
view("list");
start().then(() => { if (!wide()) view("list"); }).catch((error) => tell({ error: error.message }));
