// Small tools: building elements, speaking to the server, telling the reader.

export const $ = (id) => document.getElementById(id);

// h("button", {class: "x", onclick: f, data: {ts: 1}}, "text", node)
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "data") Object.assign(element.dataset, value);
  else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

export async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.json();
}

export function tell(text) {
  $("status").textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { $("status").textContent = ""; }, 4000);
}

export function complain(text) {
  $("trouble").replaceChildren(
    h("p", {}, text),
    h("button", { type: "button", "aria-label": "Dismiss", onclick: () => $("trouble").replaceChildren() }, "✕"),
  );
}
