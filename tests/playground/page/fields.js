// The elements a person fills in. Each answers read() with what the server's gestures understand.
import { h } from "./dom.js";
import { plainText } from "./mrkdwn.js";
import { deskNow, fromWall, toWall } from "./time.js";
import { typeahead } from "./typeahead.js";

export function field(element, context) {
  const made = MAKE[element.type](element, context);
  made.dataset.actionId = element.action_id;
  made.dataset.kind = element.type;
  const input = made.matches("input, select, textarea") ? made : made.querySelector("input, select, textarea");
  if (input && !input.id) input.id = context.id;
  if (context.name) (input ?? made).setAttribute("aria-label", context.name);
  if (context.describedBy) input?.setAttribute("aria-describedby", context.describedBy);
  if (element.focus_on_load) made.dataset.focus = "yes";
  if (context.dispatches) made.addEventListener("change", () => context.act(element, made.read()));
  return made;
}

export const readFields = (form) =>
  Object.fromEntries([...form.querySelectorAll("[data-kind]")].map((each) => [each.dataset.actionId, each.read()]));

const option = (each, chosen) => h("option", { value: each.value, selected: chosen === each.value }, plainText(each.text.text));

function options(element, chosen) {
  if (!element.option_groups) return element.options.map((each) => option(each, chosen));
  return element.option_groups.map((group) => h("optgroup", { label: plainText(group.label.text) }, group.options.map((each) => option(each, chosen))));
}

const flat = (element) => element.options ?? element.option_groups.flatMap((group) => group.options);

function text(kind) {
  return (element, context) => {
    const tag = element.multiline ? "textarea" : "input";
    const made = h(tag, {
      type: element.multiline ? null : kind, rows: element.multiline ? 4 : null, maxlength: element.max_length ?? 3000,
      placeholder: element.placeholder && plainText(element.placeholder.text), autocomplete: "off",
      value: context.start?.value ?? element.initial_value ?? "",
    });
    made.read = () => made.value;
    return made;
  };
}

function select(element, context) {
  const chosen = context.start?.selected_option?.value ?? element.initial_option?.value;
  const made = h("select", {}, h("option", { value: "" }, plainText(element.placeholder?.text ?? "Choose…")), options(element, chosen));
  made.read = () => made.value || null;
  return made;
}

function choices(type) {
  return (element, context) => {
    const before = context.start?.selected_options ?? element.initial_options ?? [];
    const one = context.start?.selected_option ?? element.initial_option;
    const chosen = new Set((type === "radio" ? [one] : before).filter(Boolean).map((each) => each.value));
    const made = h("div", { class: "choices", role: type === "radio" ? "radiogroup" : "group", "aria-labelledby": `${context.id}-label` },
      flat(element).map((each) => h("label", { class: "choice" },
        h("input", { type, name: context.id, id: `${context.id}-${each.value}`, value: each.value, checked: chosen.has(each.value) }),
        h("span", {}, plainText(each.text.text), each.description ? h("small", {}, plainText(each.description.text)) : null))));
    const picked = () => [...made.querySelectorAll("input:checked")].map((each) => each.value);
    made.read = () => (type === "radio" ? picked()[0] ?? null : picked());
    return made;
  };
}

function instant(element, context) {
  const before = context.start?.selected_date_time ?? element.initial_date_time;
  const input = h("input", { type: "datetime-local", id: context.id, value: before ? toWall(before, context.zone) : "" });
  const now = () => { input.value = toWall(deskNow(), context.zone); input.dispatchEvent(new Event("change", { bubbles: true })); };
  const made = h("div", { class: "instant" }, input,
    h("button", { type: "button", onclick: now, "aria-label": "Now, by the desk's clock" }, "Now"),
    h("small", {}, context.zone.replace("_", " ")));
  made.read = () => (input.value ? fromWall(input.value, context.zone) : null);
  return made;
}

function day(element, context) {
  const made = h("input", { type: "date", value: context.start?.selected_date ?? element.initial_date ?? "" });
  made.read = () => made.value || null;
  return made;
}

function person(element, context) {
  const names = Object.values(context.people).filter((each) => each.role !== "app");
  const chosen = context.start?.selected_user ?? element.initial_user;
  const made = h("select", {}, h("option", { value: "" }, "Choose…"),
    names.map((each) => h("option", { value: each.id, selected: each.id === chosen }, each.name)));
  made.read = () => made.value || null;
  return made;
}

function people(element, context) {
  const options = Object.values(context.people).filter((each) => each.role !== "app")
    .map((each) => ({ value: each.id, text: { type: "plain_text", text: each.name } }));
  const initial = (context.start?.selected_users ?? element.initial_users ?? []).map((value) => ({ value }));
  return choices("checkbox")({ ...element, options, initial_options: initial }, { ...context, start: null });
}

function overflow(element, context) {
  const made = select({ ...element, placeholder: { text: "More…" } }, context);
  made.classList.add("overflow");
  return made;
}

const MAKE = {
  plain_text_input: text("text"),
  email_text_input: text("email"),
  number_input: text("number"),
  static_select: select,
  multi_static_select: choices("checkbox"),
  external_select: (element, context) => typeahead(element, context, false),
  multi_external_select: (element, context) => typeahead(element, context, true),
  users_select: person,
  multi_users_select: people,
  radio_buttons: choices("radio"),
  checkboxes: choices("checkbox"),
  datepicker: day,
  datetimepicker: instant,
  overflow,
};
