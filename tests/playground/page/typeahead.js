// A combobox whose options come from the app (external_select, multi_external_select).
import { h } from "./dom.js";
import { plainText } from "./mrkdwn.js";

export function typeahead(element, context, many) {
  const start = context.start?.selected_options ?? context.start?.selected_option ?? element.initial_options ?? element.initial_option ?? [];
  const chosen = [start].flat().filter(Boolean);
  const listId = `${context.id}-list`;
  const input = h("input", {
    id: context.id, role: "combobox", autocomplete: "off", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": listId,
    placeholder: plainText(element.placeholder?.text ?? "Type to search"),
  });
  const list = h("ul", { id: listId, role: "listbox", hidden: true, "aria-label": "Suggestions" });
  const chips = h("div", { class: "chosen" });
  const made = h("div", { class: "typeahead" }, chips, h("div", { class: "search" }, input, list));
  const least = element.min_query_length ?? 3;
  let active = -1, asked = 0, timer = 0;

  const rows = () => [...list.querySelectorAll("[role=option]")];
  const close = () => { list.hidden = true; active = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const highlight = (index) => {
    active = Math.max(0, Math.min(index, rows().length - 1));
    rows().forEach((row, at) => row.setAttribute("aria-selected", String(at === active)));
    const row = rows()[active];
    if (row) { input.setAttribute("aria-activedescendant", row.id); row.scrollIntoView({ block: "nearest" }); }
  };
  const show = (found) => {
    const fresh = found.filter((each) => !chosen.some((known) => known.value === each.value));
    list.replaceChildren(...fresh.map((each, at) => h("li", {
      role: "option", id: `${listId}-${at}`, data: { optionValue: each.value }, "aria-selected": "false",
      onpointerdown: (event) => { event.preventDefault(); pick(each); },
    }, plainText(each.text.text), each.description ? h("small", {}, plainText(each.description.text)) : null)));
    if (!fresh.length) list.append(h("li", { class: "none" }, "Nothing found"));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    list.pick = (at) => fresh[at] && pick(fresh[at]);
    if (fresh.length) highlight(0);
  };
  const pick = (each) => {
    if (!many) chosen.length = 0;
    chosen.push(each);
    input.value = "";
    close();
    draw();
    made.dispatchEvent(new Event("change"));
  };
  const draw = () => chips.replaceChildren(...chosen.map((each) => h("span", { class: "chip", data: { optionValue: each.value } }, plainText(each.text.text),
    h("button", { type: "button", "aria-label": `Remove ${each.text.text}`, onclick: () => { chosen.splice(chosen.indexOf(each), 1); draw(); input.focus(); } }, "✕"))));
  const search = async () => {
    const turn = ++asked;
    if (input.value.length < least) return close();
    const found = await context.suggest(element, input.value);
    if (turn === asked && document.activeElement === input) show(found);
  };
  input.addEventListener("input", (event) => { event.stopPropagation(); clearTimeout(timer); timer = setTimeout(search, 120); });
  input.addEventListener("change", (event) => event.stopPropagation());
  input.addEventListener("focus", () => { if (least === 0) search(); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); if (list.hidden) search(); else highlight(active + (event.key === "ArrowDown" ? 1 : -1)); }
    else if (event.key === "Enter") { event.preventDefault(); if (!list.hidden) list.pick(active); }
    else if (event.key === "Escape" && !list.hidden) { event.preventDefault(); event.stopPropagation(); close(); }
    else if (event.key === "Backspace" && !input.value && chosen.length) { chosen.pop(); draw(); }
  });
  made.read = () => (many ? chosen.map((each) => each.value) : chosen[0]?.value ?? null);
  draw();
  return made;
}
