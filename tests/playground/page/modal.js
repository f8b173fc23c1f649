// The topmost modal of the persona, and the confirmation before a button.
import { $, h } from "./dom.js";
import { renderBlocks, words } from "./blocks.js";
import { readFields } from "./fields.js";
import { plainText } from "./mrkdwn.js";

let shown = "";
let opener = null;

// `gesture(wish)` speaks to the server; `context` is for rendering
export function showModal(view, depth, context, gesture) {
  const dialog = $("modal");
  if (!view) return hide(dialog);
  const name = `${view.id} ${view.hash}`;
  if (name === shown) return;
  const typed = shown.startsWith(`${view.id} `) ? keepTyped(dialog) : {};
  shown = name;
  draw(dialog, view, depth, context, gesture);
  restoreTyped(dialog, typed);
  if (!dialog.open) { opener = document.activeElement; dialog.showModal(); }
  firstField(dialog)?.focus();
}

function hide(dialog) {
  shown = "";
  if (!dialog.open) return;
  dialog.close();
  opener?.focus?.();
}

function draw(dialog, view, depth, context, gesture) {
  const start = view.state.values;
  const own = { ...context, act: context.actIn({ view: view.id }), suggest: context.suggestIn({ view: view.id }) };
  const body = view.blocks.map((block) => renderBlocks([block], { ...own, start: startOf(block, start) })[0]);
  const close = () => gesture({ kind: "close" });
  const form = h("form", { novalidate: true, onsubmit: (event) => { event.preventDefault(); submit(dialog, view, gesture); } },
    h("header", {}, h("h2", { id: "modal-title" }, plainText(view.title.text)),
      h("button", { type: "button", class: "plain", "aria-label": "Close", onclick: close }, "✕")),
    h("div", { class: "modal-body" }, h("p", { id: "modal-trouble", role: "alert" }), body),
    h("footer", {},
      h("button", { type: "button", id: "modal-cancel", onclick: close }, plainText(view.close?.text ?? (depth > 1 ? "Back" : "Cancel"))),
      view.submit ? h("button", { type: "submit", id: "modal-submit", class: "primary" }, plainText(view.submit.text)) : null));
  dialog.dataset.callbackId = view.callback_id;
  dialog.dataset.viewId = view.id;
  dialog.replaceChildren(form);
  dialog.oncancel = (event) => { event.preventDefault(); close(); };
}

const startOf = (block, values) => Object.values(values[block.block_id] ?? {})[0];

async function submit(dialog, view, gesture) {
  const button = $("modal-submit");
  button.disabled = true;
  const answer = await gesture({ kind: "submit", view: view.id, values: readFields(dialog) }, true);
  button.disabled = false;
  $("modal-trouble") && ($("modal-trouble").textContent = answer.trouble ?? "");
  showErrors(dialog, answer.errors ?? {});
}

function showErrors(dialog, errors) {
  for (const place of dialog.querySelectorAll(".field-error")) {
    const text = errors[place.parentElement.dataset.blockId] ?? "";
    place.textContent = text;
    place.hidden = !text;
    place.parentElement.classList.toggle("wrong", Boolean(text));
    place.parentElement.querySelectorAll("input, select, textarea").forEach((each) => each.toggleAttribute("aria-invalid", Boolean(text)));
  }
  dialog.querySelector(".field.wrong")?.querySelector("input, select, textarea")?.focus();
}

const firstField = (dialog) =>
  dialog.querySelector("[data-focus] input, input[data-focus], textarea[data-focus]") ??
  dialog.querySelector(".modal-body input, .modal-body select, .modal-body textarea, .modal-body button") ?? dialog.querySelector("button");

// What was typed in plain fields survives an update of the same view.
function keepTyped(dialog) {
  const plain = [...dialog.querySelectorAll("[data-block-id] input[id], [data-block-id] textarea[id], [data-block-id] select[id]")];
  return Object.fromEntries(plain.filter((each) => !["radio", "checkbox"].includes(each.type)).map((each) => [each.id, each.value]));
}

function restoreTyped(dialog, typed) {
  for (const each of dialog.querySelectorAll("[id]")) if (typed[each.id] && each.role !== "combobox") each.value = typed[each.id];
}

// Whether the person confirms; at once for a button without a `confirm` object.
export function confirmed(ask, context) {
  if (!ask) return Promise.resolve(true);
  const dialog = $("confirm");
  return new Promise((resolve) => {
    const end = (yes) => { dialog.close(); resolve(yes); };
    dialog.replaceChildren(
      h("h2", { id: "confirm-title" }, plainText(ask.title.text)),
      h("div", { id: "confirm-text" }, words(ask.text, context)),
      h("footer", {}, h("button", { type: "button", id: "confirm-no", onclick: () => end(false) }, plainText(ask.deny.text)),
        h("button", { type: "button", id: "confirm-yes", class: ask.style ?? "primary", onclick: () => end(true) }, plainText(ask.confirm.text))));
    dialog.oncancel = (event) => { event.preventDefault(); end(false); };
    dialog.showModal();
    $("confirm-yes").focus();
  });
}
