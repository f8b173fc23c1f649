// Slack's mrkdwn as elements, never as HTML text.
import { h } from "./dom.js";
import { fillDate } from "./time.js";

const EMOJI = { card_file_box: "🗃️", leftwards_arrow_with_hook: "↩️", office: "🏢", handshake: "🤝",
  warning: "⚠️", rotating_light: "🚨", white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", hourglass: "⌛",
  hourglass_flowing_sand: "⏳", clock1: "🕐", alarm_clock: "⏰", bell: "🔔", no_bell: "🔕", email: "📧", envelope: "✉️",
  incoming_envelope: "📨", inbox_tray: "📥", outbox_tray: "📤", mailbox: "📫", mag: "🔍", memo: "📝", lock: "🔒",
  shield: "🛡️", telephone_receiver: "📞", phone: "☎️", tada: "🎉", point_right: "👉", eyes: "👀", question: "❓",
  information_source: "ℹ️", red_circle: "🔴", large_orange_circle: "🟠", large_yellow_circle: "🟡",
  large_green_circle: "🟢", large_blue_circle: "🔵", white_circle: "⚪", no_entry: "⛔", zap: "⚡", fire: "🔥",
  busts_in_silhouette: "👥", calendar: "📅", file_folder: "📁", test_tube: "🧪", arrow_right: "➡️", pushpin: "📌",
  paperclip: "📎", package: "📦", arrow_forward: "▶️", arrows_counterclockwise: "🔄", double_vertical_bar: "⏸️",
  grey_question: "❔", raising_hand: "🙋",
};
const INLINE = /<([^<>\n]+)>|`([^`\n]+)`|(?<![\w*])\*([^*\n]+)\*(?![\w*])|(?<![\w_])_([^_\n]+)_(?![\w_])|(?<![\w~])~([^~\n]+)~(?![\w~])|:([a-z0-9_+-]+):/g;

export const plainText = (text) => unescape(text).replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);

const unescape = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

// `context`: {zone, language, people}
export function mrkdwn(text, context) {
  return text.split("```").flatMap((piece, index) =>
    index % 2 ? h("pre", {}, unescape(piece.replace(/^\n/, ""))) : lines(piece, context));
}

function lines(text, context) {
  const out = [];
  for (const line of text.split("\n")) {
    const [, mark, rest] = line.match(/^(&gt;|>|[•‣-] |\d+\. )\s?(.*)$/) ?? [null, "", line];
    const kind = mark === "&gt;" || mark === ">" ? "blockquote" : mark ? "li" : "p";
    add(out, kind, inline(rest, context), mark);
  }
  return out;
}

function add(out, kind, content, mark) {
  const last = out.at(-1);
  if (kind === "li") {
    const list = /^\d/.test(mark) ? "OL" : "UL";
    const into = last?.tagName === list ? last : out[out.push(h(list.toLowerCase(), { start: /^\d/.test(mark) ? parseInt(mark, 10) : null })) - 1];
    into.append(h("li", {}, content));
  } else if (last?.tagName === kind.toUpperCase() && last.dataset.open !== "no") {
    last.append(h("br"), ...content);
  } else out.push(h(kind, {}, content));
}

export function inline(text, context) {
  const out = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    out.push(unescape(text.slice(at, match.index)), token(match, context));
    at = match.index + match[0].length;
  }
  return [...out, unescape(text.slice(at))].filter((part) => part !== "");
}

function token([whole, angle, code, bold, italic, strike, emoji], context) {
  if (angle) return special(angle, context);
  if (code) return h("code", {}, unescape(code));
  if (bold) return h("strong", {}, inline(bold, context));
  if (italic) return h("em", {}, inline(italic, context));
  if (strike) return h("s", {}, inline(strike, context));
  return EMOJI[emoji] ?? whole;
}

function special(inside, { zone, language, people }) {
  const [target, label] = splitOnce(inside, "|");
  if (target.startsWith("!date^")) return date(target, label ?? "", zone, language);
  if (target.startsWith("@")) return h("span", { class: "mention" }, `@${people[target.slice(1)]?.name ?? target.slice(1)}`);
  if (target.startsWith("#")) return h("span", { class: "mention" }, `#${label ?? target.slice(1)}`);
  if (target.startsWith("!")) return h("span", { class: "mention loud" }, `@${target.slice(1).split("^")[0]}`);
  if (!/^(https?|mailto|tel):/.test(target)) return unescape(label ?? target);
  return h("a", { href: unescape(target), target: "_blank", rel: "noreferrer noopener" }, unescape(label ?? target));
}

function date(target, fallback, zone, language) {
  const [, unix, format] = target.split("^");
  if (!/^\d+$/.test(unix)) return unescape(fallback);
  return h("time", { datetime: new Date(unix * 1000).toISOString(), title: unescape(fallback) }, unescape(fillDate(+unix, format, zone, language)));
}

function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
