// The page: who you are, where you look, and word of every change.
import { $, ask, complain, h, post, tell } from "./dom.js";
import { renderBlocks } from "./blocks.js";
import { startMail } from "./mail.js";
import { confirmed, showModal } from "./modal.js";
import { avatar, drawStream } from "./stream.js";
import { deskClock, deskNow, setOffset } from "./time.js";

const CHANNEL = "C01PRIVACY";
let me = sessionStorage.getItem("persona") ?? "U01ANNE";
let place = "channel";
let state = null, homeMark = "", reading = false, again = false;

async function refresh() {
  if (reading) { again = true; return; }
  reading = true;
  try {
    state = await ask(`/desk/state?user=${me}`);
    draw();
  } finally {
    reading = false;
    if (again) { again = false; refresh(); }
  }
}

function context() {
  const people = Object.fromEntries(state.people.map((each) => [each.id, each]));
  const { timezone: zone, language } = people[me];
  const base = { people, zone, language, me, dayMark: Math.floor(deskNow() / 3600) };
  return {
    ...base,
    messageShortcuts: state.menu.shortcuts.filter((each) => each.type === "message"),
    shortcut: (callbackId, message) => gesture({ kind: "shortcut", callback_id: callbackId, ...where(message) }),
    actIn: (target) => async (element, value) => {
      if (await confirmed(element.confirm, base)) await gesture({ kind: "click", ...where(target), action_id: element.action_id, value });
    },
    suggestIn: (target) => async (element, typed) =>
      (await gesture({ kind: "suggest", ...where(target), action_id: element.action_id, typed })).options ?? [],
  };
}

const where = (target) => (target.view ? { view: target.view } : { channel: target.channel, ts: target.ts });

// `quiet`: the caller shows the trouble itself
async function gesture(wish, quiet = false) {
  const answer = await post("/desk/gesture", { user: me, ...wish }).catch(() => ({ trouble: "The workspace does not answer." }));
  if (answer.trouble && !quiet) complain(answer.trouble);
  await refresh();
  return answer;
}

function draw() {
  setOffset(state.offset);
  const own = context();
  drawPersonas(own);
  drawConnection();
  drawStream($("panel-channel"), state.messages, own, "Nothing has happened yet. Send a letter on the right, or try a command below.");
  drawStream($("panel-direct"), state.direct, own, "No direct messages.");
  $("direct-count").textContent = state.direct.length || "";
  drawHome(own);
  drawChips();
  tick();
  showModal(state.modal, state.depth, own, gesture);
  $("room-note").textContent = state.channel.archived ? "archived" : state.channel.shared ? "shared with another company" : "private channel";
}

function drawPersonas({ people }) {
  if ($("personas").childElementCount) return state.personas.forEach(markPersona);
  $("personas").append(...state.personas.map((id) => h("button", {
    type: "button", role: "radio", id: `persona-${id}`, data: { persona: id }, "aria-label": `${people[id].name}, ${people[id].role}`, onclick: () => become(id) },
  avatar(people[id]), h("span", {}, people[id].name, h("small", {}, people[id].role)))));
  $("personas").addEventListener("keydown", turnPersona);
  state.personas.forEach(markPersona);
}

function markPersona(id) {
  $(`persona-${id}`).setAttribute("aria-checked", String(id === me));
  $(`persona-${id}`).tabIndex = id === me ? 0 : -1;
}

function turnPersona(event) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const ids = state.personas;
  const next = ids[(ids.indexOf(me) + step + ids.length) % ids.length];
  become(next);
  $(`persona-${next}`).focus();
}

async function become(id) {
  me = id;
  sessionStorage.setItem("persona", id);
  homeMark = "";
  await refresh();
  if (place === "home") await gesture({ kind: "home" });
}

function drawConnection() {
  const count = state.connections;
  $("connection").textContent = count ? `App connected${count > 1 ? ` · ${count} sockets` : ""}` : "The app is not connected";
  $("connection").dataset.state = count ? "up" : "down";
}

function drawHome(own) {
  const mark = `${me} ${state.home?.hash} ${own.dayMark}`;
  if (mark === homeMark) return;
  homeMark = mark;
  const target = { view: state.home?.id };
  const home = { ...own, act: own.actIn(target), suggest: own.suggestIn(target) };
  const blocks = state.home ? renderBlocks(state.home.blocks, home) : [h("p", { class: "empty" }, "The app has published nothing here yet.")];
  $("panel-home").replaceChildren(h("div", { class: "home" }, blocks));
}

function drawChips() {
  if ($("chips").childElementCount) return;
  const commands = state.menu.commands.map((each) => h("button", {
    type: "button", data: { command: each.command }, title: [each.description, each.usage_hint].filter(Boolean).join(" – "),
    onclick: () => { $("composer-input").value = `${each.command} `; $("composer-input").focus(); } }, each.command));
  const shortcuts = state.menu.shortcuts.filter((each) => each.type === "global").map((each) => h("button", {
    type: "button", data: { callbackId: each.callback_id }, title: each.description,
    onclick: () => gesture({ kind: "shortcut", callback_id: each.callback_id }) }, `⚡ ${each.name}`));
  $("chips").append(...commands, ...shortcuts);
}

const TITLES = { channel: "# privacy-desk", direct: "Direct messages with Privacy Desk", home: "App Home" };

function go(name) {
  place = name;
  for (const each of Object.keys(TITLES)) {
    $(`tab-${each}`).setAttribute("aria-selected", String(each === name));
    $(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    $(`panel-${each}`).hidden = each !== name;
  }
  $("room-title").textContent = TITLES[name];
  $("room-note").hidden = name !== "channel";
  $("composer").hidden = name === "home";
  if (name === "home" && state) gesture({ kind: "home" });
}

function turnPlace(event) {
  const names = Object.keys(TITLES);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  go(names[(names.indexOf(place) + step + names.length) % names.length]);
  $(`tab-${place}`).focus();
}

async function send(event) {
  event.preventDefault();
  const line = $("composer-input").value.trim();
  if (!line) return;
  $("composer-input").value = "";
  const channel = place === "direct" ? `D${me.slice(1)}` : CHANNEL;
  await gesture(line.startsWith("/") ? { kind: "command", line, channel } : { kind: "say", text: escape(line), channel });
  $(`panel-${place}`).scrollTop = $(`panel-${place}`).scrollHeight;
}

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

async function moveClock(hours) {
  const answer = await post("/desk/clock", { seconds: hours * 3600 });
  if (answer.trouble) return complain(answer.trouble);
  await refresh();
  tell(`The clock moved ${hours === 1 ? "one hour" : `${hours} hours`} forward.`);
}

function tick() {
  if (!state) return;
  const zone = state.people.find((each) => each.id === me).timezone;
  $("clock-time").textContent = deskClock(zone);
  $("clock-time").dateTime = new Date(deskNow() * 1000).toISOString();
  $("clock-zone").textContent = zone.split("/")[1];
  $("clock-time").dataset.moved = String(state.offset > 0);
}

function listen() {
  const changes = new EventSource("/desk/changes");
  changes.onmessage = () => { document.body.dataset.live = "yes"; refresh(); };
  changes.onerror = () => { $("connection").textContent = "The workspace does not answer"; $("connection").dataset.state = "down"; };
}

for (const name of Object.keys(TITLES)) $(`tab-${name}`).addEventListener("click", () => go(name));
document.querySelector(".places").addEventListener("keydown", turnPlace);
$("composer").addEventListener("submit", send);
$("clock-plus-1").addEventListener("click", () => moveClock(1));
$("clock-plus-12").addEventListener("click", () => moveClock(12));
go("channel");
listen();
setInterval(tick, 500);
startMail();
