// Block Kit as elements. `context`: {zone, language, people, act(element, value), suggest(element, typed), values}
import { h } from "./dom.js";
import { field } from "./fields.js";
import { mrkdwn, plainText } from "./mrkdwn.js";

export const renderBlocks = (blocks, context) => blocks.map((block) => RENDER[block.type]?.(block, context) ?? h("p", {}, block.type));

export const words = (text, context) => (text.type === "mrkdwn" ? mrkdwn(text.text, context) : [h("p", { class: "asis" }, plainText(text.text))]);

const RENDER = {
  section: (block, context) => h("div", { class: "section", data: { blockId: block.block_id } },
    h("div", { class: "words" },
      block.text ? words(block.text, context) : null,
      block.fields ? h("div", { class: "fields" }, block.fields.map((each) => h("div", {}, words(each, context)))) : null),
    block.accessory ? h("div", { class: "accessory" }, element(block.accessory, block, context)) : null),
  header: (block) => h("h3", { data: { blockId: block.block_id } }, plainText(block.text.text)),
  divider: () => h("hr"),
  context: (block, context) => h("div", { class: "context" }, block.elements.map((each) => h("div", {}, words(each, context)))),
  actions: (block, context) => h("div", { class: "actions", data: { blockId: block.block_id } },
    block.elements.map((each) => element(each, block, context))),
  input: (block, context) => inputBlock(block, context),
};

function inputBlock(block, context) {
  const id = `field-${block.block_id}-${block.element.action_id}`;
  const error = h("p", { class: "field-error", id: `error-${block.block_id}`, hidden: true });
  return h("div", { class: "field", data: { blockId: block.block_id } },
    h("label", { for: id, id: `${id}-label` }, plainText(block.label.text), block.optional ? h("small", {}, " (optional)") : null),
    field(block.element, { ...context, id, dispatches: block.dispatch_action === true, block, describedBy: error.id }),
    block.hint ? h("p", { class: "hint" }, plainText(block.hint.text)) : null,
    error);
}

function element(each, block, context) {
  if (each.type === "button") return button(each, context);
  const name = each.placeholder?.text ?? block.text?.text ?? each.action_id;
  return field(each, { ...context, id: `field-${block.block_id}-${each.action_id}`, dispatches: true, block, name: plainText(name) });
}

function button(each, context) {
  const attributes = {
    type: "button", class: each.style ?? "", "aria-label": each.accessibility_label,
    data: { actionId: each.action_id, ...(each.value ? { value: each.value } : {}) },
  };
  return h("button", { ...attributes, onclick: () => context.act(each, each.value) }, plainText(each.text.text));
}
