import { h } from "../dom.js";
import { code, t } from "../words.js";

export function render({ enter }) {
  const problem = h("p", { class: "bad-text", id: "key-problem", role: "alert" });
  const key = h("input", { type: "password", id: "key", autocomplete: "current-password", required: true,
    "aria-describedby": "key-hint key-problem", spellcheck: "false" });
  const stay = h("input", { type: "checkbox" });
  const submit = async (event) => {
    event.preventDefault();
    const token = key.value.trim();
    if (!token) { problem.textContent = t("signin.empty"); key.focus(); return; }
    try {
      await enter(token, stay.checked);
    } catch (error) {
      const { title, hint } = code(error.code ?? "offline");
      problem.textContent = error.code ? `${title}. ${hint}` : t("offline.hint");
      key.setAttribute("aria-invalid", "true");
      key.focus();
    }
  };
  return { title: t("signin.title"), body: h("div", { class: "card narrow" },
    h("p", {}, t("signin.text")),
    h("form", { onsubmit: submit, novalidate: true },
      h("label", { class: "field" }, h("span", {}, t("signin.key")), key,
        h("span", { class: "hint", id: "key-hint" }, t("signin.hint"))),
      problem,
      h("label", { class: "tick" }, stay, h("span", {}, t("signin.stay"))),
      h("button", { class: "primary", type: "submit" }, t("signin.enter")))) };
}
