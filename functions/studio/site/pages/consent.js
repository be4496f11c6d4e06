import { draft } from "../draft.js";
import { h } from "../dom.js";
import { t } from "../words.js";

export function render({ me, settings, go }) {
  const found = draft(me.tenant);
  const days = settings.photo_retention_days;
  const problem = h("p", { class: "bad-text", id: "consent-problem", role: "alert" });
  const ticks = ["person", "purpose", "age"].map((name) => {
    const box = h("input", { type: "checkbox", checked: found.consent !== null, "aria-describedby": "consent-problem" });
    return { box, line: h("label", { class: "tick" }, box, h("span", {}, t(`consent.${name}`))) };
  });
  const kind = (name) => h("label", { class: "tick" },
    h("input", { type: "radio", name: "subject", class: "radio", checked: found.subject === name,
      onchange: () => { found.subject = name; } }), h("span", {}, t(`consent.${name}`)));
  const submit = (event) => {
    event.preventDefault();
    const missing = ticks.find(({ box }) => !box.checked);
    if (missing) { problem.textContent = t("consent.missing"); missing.box.focus(); return; }
    found.consent = {
      given_by: me.subject.replace(/^\w+:/, "").slice(0, 64), given_at: new Date().toISOString(), purpose: "avatar",
      text_version: settings.consent_text_version === "none" ? "studio-1" : settings.consent_text_version,
      retention_days: days,
    };
    found.save();
    go("/new/photos");
  };
  return { title: t("consent.title"), step: "consent", body: h("form", { class: "card narrow", onsubmit: submit, novalidate: true },
    h("p", {}, t("consent.text")),
    h("ul", {}, ["kept", "used", "marked", "deleted"].map((name) => h("li", {}, t(`consent.${name}`, { n: days })))),
    h("fieldset", { class: "plain" }, h("legend", {}, t("consent.subject")), kind("face"), kind("object")),
    h("fieldset", { class: "plain" }, h("legend", {}, t("consent.agree")), ticks.map(({ line }) => line)),
    problem,
    h("button", { class: "primary", type: "submit" }, t("consent.next"))) };
}
