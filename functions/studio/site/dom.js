// Elements without markup in strings: user text can only ever become text.

/** Make an element. `on*` are listeners, `data` a dataset; true and false set and leave out an attribute. */
export function h(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "onclick" || name === "onsubmit") made.addEventListener(name.slice(2), once(value));
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "value" || name === "checked" || name === "srcObject") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** One press at a time: while what a press has begun goes on, another press does nothing. */
function once(listener) {
  let busy = false;
  return async (event) => {
    if (busy) { event.preventDefault(); return; }
    const shown = event.submitter ?? event.currentTarget;
    busy = true;
    const late = setTimeout(() => shown.setAttribute("aria-busy", "true"), 200);
    try { await listener(event); } finally {
      clearTimeout(late);
      shown.removeAttribute("aria-busy");
      busy = false;
    }
  };
}

/** Say something to readers of screens without moving the focus. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}

/** Ask in a modal dialog; resolves to whether the person has agreed, and has written `word` where one is asked for. */
export function ask({ title, body, yes, no, danger = false, word = null }) {
  return new Promise((resolve) => {
    const close = (answer) => { resolve(answer); dialog.close(); };
    const written = h("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
    const agree = () => { if (word && written.value.trim() !== word.text) written.focus(); else close(true); };
    const dialog = h("dialog", { "aria-labelledby": "ask", onclose: () => { resolve(false); dialog.remove(); } },
      h("h2", { id: "ask" }, title),
      body.map((text) => h("p", {}, text)),
      word && h("label", { class: "field" }, h("span", {}, word.label), written),
      h("div", { class: "row" },
        h("button", { type: "button", onclick: () => close(false), autofocus: true }, no),
        h("button", { type: "button", class: danger ? "danger" : "primary", onclick: agree }, yes)));
    document.body.append(dialog);
    dialog.showModal();
  });
}
