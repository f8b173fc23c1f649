// The mail beside the workspace: writing as a data subject, reading any mailbox.
import { $, ask, complain, h, post, tell } from "./dom.js";
import { fullDate, shortDay } from "./time.js";

const ZONE = "Europe/Paris";
const read = new Set();
let ready = [], listed = "", open = null, answered = {};

export async function startMail() {
  try {
    await fillMailboxes();
  } catch {
    $("mail").replaceChildren(h("p", { class: "empty" }, "No mail host is running beside this workspace."));
    return;
  }
  $("compose-letter").addEventListener("change", fillLetter);
  $("compose-form").addEventListener("submit", send);
  $("mailbox").addEventListener("change", () => { listed = ""; close(); list(); });
  list();
  setInterval(() => { if (!document.hidden) list(); }, 1000);
}

async function fillMailboxes() {
  const { mailboxes, letters } = await ask("/desk/mailboxes");
  const before = $("mailbox").value;
  const groups = [...new Set(mailboxes.map((each) => each.group))];
  $("mailbox").replaceChildren(...groups.map((group) => h("optgroup", { label: group },
    mailboxes.filter((each) => each.group === group).map((each) => h("option", { value: each.address }, `${each.name} – ${each.address}`)))));
  if (before) $("mailbox").value = before;
  if (ready.length) return;
  ready = letters;
  $("compose-letter").append(...letters.map((each) => h("option", { value: each.id }, each.label)));
}

function fillLetter() {
  const letter = ready.find((each) => each.id === $("compose-letter").value);
  answered = {};
  if (letter) for (const name of ["from", "to", "subject", "body"]) $(`compose-${name}`).value = letter[name];
}

async function send(event) {
  event.preventDefault();
  const letter = ready.find((each) => each.id === $("compose-letter").value);
  const wish = Object.fromEntries(new FormData($("compose-form")));
  $("compose-send").disabled = true;
  const file = await attached();
  const answer = await post("/desk/send", { ...wish, file, headers: letter?.headers ?? answered }).catch(() => ({ trouble: "The letter could not be sent." }));
  $("compose-send").disabled = false;
  if (answer.trouble) return complain(answer.trouble);
  $("compose-file").value = "";
  tell("The letter is on its way.");
  await fillMailboxes();
}

// The chosen document as the server reads it, or null.
async function attached() {
  const file = $("compose-file").files[0];
  if (!file) return null;
  const octets = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (const octet of octets) binary += String.fromCharCode(octet);
  return { name: file.name, type: file.type, content: btoa(binary) };
}

async function list() {
  const address = $("mailbox").value;
  const { letters } = await ask(`/desk/mail?${new URLSearchParams({ address })}`).catch(() => ({ letters: null }));
  if (!letters || address !== $("mailbox").value) return;
  const mark = JSON.stringify([address, letters, [...read]]);
  if (mark === listed) return;
  listed = mark;
  const focus = $("letters").contains(document.activeElement) ? document.activeElement.dataset.uid : null;
  $("letters").replaceChildren(...letters.map((each) => row(address, each)));
  if (!letters.length) $("letters").append(h("li", { class: "empty" }, "This mailbox is empty."));
  if (focus) $("letters").querySelector(`[data-uid="${focus}"]`)?.focus();
}

function row(address, letter) {
  const key = `${address} ${letter.folder} ${letter.uid}`;
  const show = () => { read.add(key); openLetter({ address, folder: letter.folder, uid: letter.uid }); list(); };
  return h("li", {}, h("button", {
    type: "button", class: read.has(key) ? "" : "unread", data: { address, uid: letter.uid, folder: letter.folder, subject: letter.subject },
    "aria-current": open === key ? "true" : null, onclick: () => { open = key; show(); } },
  h("span", { class: "who" }, letter.from.replace(/<.*>/, "").replaceAll('"', "").trim() || letter.from),
  h("time", {}, shortDay(letter.at, ZONE)),
  h("span", { class: "what" }, letter.subject || "(no subject)"),
  letter.folder === "INBOX" ? null : h("small", {}, letter.folder)));
}

function close() {
  open = null;
  $("reader").replaceChildren();
}

async function openLetter(where) {
  const query = new URLSearchParams(where);
  const letter = await ask(`/desk/letter?${query}`).catch((problem) => { complain(String(problem.message)); return null; });
  if (!letter) return;
  $("reader").replaceChildren(
    where.within ? h("button", { type: "button", id: "reader-back", onclick: () => openLetter(outer(where)) }, "← Back to the outer letter") : "",
    where.within || where.address.startsWith("privacy@") ? "" : h("button", { type: "button", id: "reader-reply", onclick: () => reply(where.address, letter) }, "Reply"),
    h("dl", {}, letter.headers.flatMap(([name, value]) => [h("dt", {}, name), h("dd", { data: { header: name } }, name === "Date" ? readable(value) : value)])),
    parts(letter, where, query), body(letter, query));
  $("compose").open = false;
  $("reader").focus({ preventScroll: true });
  $("reader").scrollIntoView({ block: "nearest" });
}

// As a mail program does: to Reply-To, with the words below. The case is known by the address that they go to.
function reply(address, letter) {
  const field = Object.fromEntries(letter.headers);
  $("compose-letter").value = "";
  $("compose-from").value = address;
  $("compose-to").value = field["Reply-To"] ?? field.From;
  $("compose-subject").value = `Re: ${field.Subject ?? ""}`;
  $("compose-body").value = "";
  answered = { "In-Reply-To": letter.id, References: letter.id };
  $("compose").open = true;
  $("compose-body").focus();
}

const outer = ({ within, ...where }) => (within.includes(",") ? { ...where, within: within.replace(/,\d+$/, "") } : where);

const readable = (value) => (Number.isNaN(Date.parse(value)) ? value : fullDate(Date.parse(value) / 1000, ZONE));

function body(letter, query) {
  const text = h("pre", { id: "reader-text" }, letter.text || "(no text)");
  if (!letter.html) return text;
  const frame = h("iframe", { id: "reader-html", title: "The letter as HTML", sandbox: "", src: `/desk/letter.html?${query}` });
  const show = (html) => { frame.hidden = !html; text.hidden = html; asHtml.setAttribute("aria-pressed", String(html)); asText.setAttribute("aria-pressed", String(!html)); };
  const asHtml = h("button", { type: "button", id: "reader-as-html", onclick: () => show(true) }, "HTML");
  const asText = h("button", { type: "button", id: "reader-as-text", onclick: () => show(false) }, "Text");
  show(true);
  return h("div", {}, h("div", { class: "switch", role: "group", "aria-label": "Show the letter as" }, asHtml, asText), frame, text);
}

function parts(letter, where, query) {
  if (!letter.parts.length) return "";
  return h("ul", { id: "reader-parts", "aria-label": "Attachments" }, letter.parts.map((part) => {
    const source = new URLSearchParams(query);
    source.set("number", part.number);
    const within = [where.within, part.number].filter((each) => each !== undefined).join(",");
    return h("li", { data: { part: part.number } }, h("span", { class: "clip", "aria-hidden": "true" }, "📎"),
      part.letter ? h("button", { type: "button", class: "link", onclick: () => openLetter({ ...where, within }) }, `Open “${part.name}”`) : h("span", {}, part.name),
      h("small", {}, `${part.type}, ${Math.max(1, Math.round(part.size / 1024))} KB`),
      h("a", { href: `/desk/part?${source}`, target: "_blank", rel: "noopener" }, part.letter ? "Source" : "View"));
  }));
}
