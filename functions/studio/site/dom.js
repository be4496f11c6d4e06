// Elements without markup in strings: user text can only ever become text.

/** Make an element. `on*` are listeners, `data` a dataset; true and false set and leave out an attribute. */
export function h(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "value" || name === "checked" || name === "srcObject") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Say something to readers of screens without moving the focus. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}

/** Ask in a modal dialog; resolves to whether the person has agreed. */
export function ask({ title, body, yes, no, danger = false }) {
  return new Promise((resolve) => {
    const close = (answer) => { resolve(answer); dialog.close(); };
    const dialog = h("dialog", { "aria-labelledby": "ask", onclose: () => { resolve(false); dialog.remove(); } },
      h("h2", { id: "ask" }, title),
      body.map((text) => h("p", {}, text)),
      h("div", { class: "row" },
        h("button", { type: "button", onclick: () => close(false), autofocus: true }, no),
        h("button", { type: "button", class: danger ? "danger" : "primary", onclick: () => close(true) }, yes)));
    document.body.append(dialog);
    dialog.showModal();
  });
}
