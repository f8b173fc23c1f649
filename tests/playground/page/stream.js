// Messages: cards, threads, what only one person sees. Only what changed is drawn again, so that focus stays.
import { h } from "./dom.js";
import { renderBlocks } from "./blocks.js";
import { mrkdwn } from "./mrkdwn.js";
import { fullDate, shortDay } from "./time.js";

const dismissed = new Set();

export function drawStream(panel, messages, context, empty) {
  const atEnd = panel.scrollHeight - panel.scrollTop - panel.clientHeight < 80;
  const shown = messages.filter((each) => !dismissed.has(each.ts));
  const tops = shown.filter((each) => !each.thread || each.broadcast || each.ephemeral);
  const replies = byThread(shown.filter((each) => each.thread && !each.ephemeral));
  const wanted = tops.map((each) => ({ each, key: each.ts, made: () => article(each, replies.get(each.ts) ?? [], context, panel),
    mark: JSON.stringify([each, replies.get(each.ts), context.me, context.zone, context.dayMark]) }));
  merge(panel, wanted);
  panel.querySelector(".empty")?.remove();
  if (!tops.length) panel.append(h("p", { class: "empty" }, empty));
  if (atEnd) panel.scrollTop = panel.scrollHeight;
}

function byThread(messages) {
  const threads = new Map();
  for (const each of messages) threads.set(each.thread, [...(threads.get(each.thread) ?? []), each]);
  return threads;
}

function merge(panel, wanted) {
  const old = new Map([...panel.children].filter((each) => each.dataset.ts).map((each) => [each.dataset.ts, each]));
  const first = old.size === 0 && !panel.querySelector(".empty");
  let before = null;
  for (const { key, made, mark } of wanted) {
    let node = old.get(key);
    old.delete(key);
    if (node?.mark !== mark) node = swap(node, made(), mark, first);
    const place = before ? before.nextSibling : panel.firstChild;
    if (place !== node) panel.insertBefore(node, place);
    before = node;
  }
  old.forEach((each) => each.remove());
}

function swap(old, fresh, mark, first) {
  const focus = old?.contains(document.activeElement) ? document.activeElement.dataset.actionId : null;
  fresh.mark = mark;
  old?.replaceWith(fresh);
  if (!old && !first) fresh.classList.add("fresh");
  if (focus) (fresh.querySelector(`[data-action-id="${CSS.escape(focus)}"]`) ?? fresh).focus();
  return fresh;
}

function article(message, replies, context, panel) {
  const author = context.people[message.user];
  const own = { ...context, act: context.actIn(message), suggest: context.suggestIn(message) };
  const kind = message.ephemeral ? "ephemeral" : "message";
  return h("article", { class: kind, tabindex: "-1", data: { ts: message.ts, kind }, "aria-label": `${author.name}: ${message.text}` },
    avatar(author),
    h("div", { class: "bubble" },
      h("header", {}, h("strong", {}, author.name), author.role === "app" ? h("span", { class: "badge" }, "APP") : null,
        h("time", { title: fullDate(+message.ts, context.zone) }, shortDay(+message.ts, context.zone)),
        message.edited ? h("small", {}, "edited") : null,
        message.broadcast ? h("small", {}, "replied to a thread, and here") : null,
        tools(message, context, panel)),
      message.ephemeral ? h("p", { class: "only" }, "Only visible to you") : null,
      h("div", { class: message.blocks.length ? "card" : "words" },
        message.blocks.length ? renderBlocks(message.blocks, own) : mrkdwn(message.text, context)),
      replies.length ? thread(replies, context) : null));
}

export const avatar = (person) =>
  h("span", { class: `avatar ${person.role}`, "aria-hidden": "true" }, person.name.split(" ").map((word) => word[0]).join("").slice(0, 2));

function tools(message, context, panel) {
  if (message.ephemeral) {
    const dismiss = (event) => { dismissed.add(message.ts); event.target.closest("article").remove(); panel.focus(); };
    return h("button", { type: "button", class: "plain", onclick: dismiss }, "Dismiss");
  }
  return context.messageShortcuts.map((each) => h("button", {
    type: "button", class: "plain", title: each.description, data: { callbackId: each.callback_id },
    onclick: () => context.shortcut(each.callback_id, message) }, each.name));
}

function thread(replies, context) {
  const count = replies.length === 1 ? "1 reply" : `${replies.length} replies`;
  return h("details", { class: "thread", open: true }, h("summary", {}, count), replies.map((each) => {
    const own = { ...context, act: context.actIn(each), suggest: context.suggestIn(each) };
    return h("div", { class: "reply", data: { ts: each.ts } },
      h("header", {}, h("strong", {}, context.people[each.user].name), h("time", { title: fullDate(+each.ts, context.zone) }, shortDay(+each.ts, context.zone))),
      each.blocks.length ? renderBlocks(each.blocks, own) : mrkdwn(each.text, context));
  }));
}
