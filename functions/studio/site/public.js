// What the pages for everybody share: no account, no sign-in, nothing kept in the browser.

import { h } from "./dom.js";
import { keepingTyped } from "./typed.js";
import { LANGUAGES, language, load, t } from "./words.js";

export const MAX_BYTES = 4_000_000;

/** Read a file as base64 without the prefix of a data address. */
export function read(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.split(",")[1] ?? ""));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

/** Show a page; `again` returns its body anew, in the language that was chosen. */
export function draw(title, body, again) {
  document.title = `${t(title)} · Likeness`;
  const heading = h("h1", { tabindex: "-1" }, t(title));
  const list = h("select", { onchange: (event) => keepingTyped(async () => { await load(event.target.value); again(); }) },
    Object.entries(LANGUAGES).map(([tag, name]) => h("option", { value: tag, lang: tag, selected: tag === language }, name)));
  document.getElementById("frame").replaceChildren(
    h("main", { id: "main" }, h("section", { class: "single" }, heading, body)),
    h("footer", { class: "foot" }, h("label", {}, t("foot.language"), list)));
  heading.focus({ preventScroll: true });
}

export const field = (words, input, hint) => h("label", { class: "field" }, h("span", {}, words), input,
  hint && h("span", { class: "hint" }, hint));
