// The desk's clock, and instants in a persona's own time zone.

let offset = 0;

export const setOffset = (seconds) => { offset = seconds; };
export const deskNow = () => Date.now() / 1000 + offset;

function parts(seconds, zone) {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  return Object.fromEntries(format.formatToParts(seconds * 1000).map((part) => [part.type, part.value]));
}

const show = (seconds, zone, options, locale = "en-GB") =>
  new Intl.DateTimeFormat(locale, { timeZone: zone, ...options }).format(seconds * 1000);

export const clockTime = (seconds, zone, locale) => show(seconds, zone, { hour: "2-digit", minute: "2-digit" }, locale);

function dayNumber(seconds, zone) {
  const { year, month, day } = parts(seconds, zone);
  return Math.round(Date.UTC(+year, +month - 1, +day) / 86400000);
}

const STYLES = {
  date: { day: "numeric", month: "long", year: "numeric" },
  date_short: { day: "numeric", month: "short", year: "numeric" },
  date_long: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
};

const LOCALES = { fr: "fr-FR", en: "en-GB" };
const NEAR = {
  "fr-FR": { 0: "aujourd’hui", 1: "demain", "-1": "hier" },
  "en-GB": { 0: "today", 1: "tomorrow", "-1": "yesterday" },
};

function pretty(seconds, zone, style, locale) {
  const days = dayNumber(seconds, zone) - dayNumber(deskNow(), zone);
  return NEAR[locale][days] ?? show(seconds, zone, STYLES[style], locale);
}

function ago(seconds, locale) {
  const minutes = Math.round((seconds - deskNow()) / 60);
  const words = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  if (Math.abs(minutes) < 60) return words.format(minutes, "minute");
  if (Math.abs(minutes) < 1440) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / 1440), "day");
}

// Slack's <!date^UNIX^format|fallback>, in the language of whoever reads it
export function fillDate(seconds, format, zone, language) {
  const locale = LOCALES[language] ?? LOCALES.en;
  return format.replace(/\{(\w+)\}/g, (whole, token) => {
    if (token === "time") return clockTime(seconds, zone, locale);
    if (token === "time_secs") return show(seconds, zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }, locale);
    if (token === "date_num") { const p = parts(seconds, zone); return `${p.year}-${p.month}-${p.day}`; }
    if (token === "ago") return ago(seconds, locale);
    if (token.endsWith("_pretty")) return pretty(seconds, zone, token.slice(0, -7), locale);
    return STYLES[token] ? show(seconds, zone, STYLES[token], locale) : whole;
  });
}

export const fullDate = (seconds, zone) =>
  show(seconds, zone, { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" });

export const deskClock = (zone) =>
  show(deskNow(), zone, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const shortDay = (seconds, zone) =>
  dayNumber(seconds, zone) === dayNumber(deskNow(), zone)
    ? clockTime(seconds, zone)
    : show(seconds, zone, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

// "2026-10-25T15:40" as written by a person in that zone <-> seconds
export function toWall(seconds, zone) {
  const p = parts(seconds, zone);
  return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}`;
}

export function fromWall(text, zone) {
  const wanted = Date.parse(`${text}:00Z`) / 1000;
  let guess = wanted;
  for (let round = 0; round < 2; round += 1) guess += wanted - Date.parse(`${toWall(guess, zone)}:00Z`) / 1000;
  return guess;
}
