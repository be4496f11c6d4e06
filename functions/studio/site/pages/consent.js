import { draft } from "../draft.js";
import { h } from "../dom.js";
import { language, t } from "../words.js";

const DAY = 86_400_000;
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** Whose consent it is: who signs in, in the letters of an id; other issuers write auth0|6c8a. */
export const opaque = (subject) => subject.replace(/^\w+:/, "").replace(/[^A-Za-z0-9_-]/g, "-").replace(/^[_-]+/, "").slice(0, 64) || "person";

/**
 * What is asked before photos, or a LoRA, are uploaded. `found` has subject, shows and consent, and keeps the choices;
 * `agreed` is called once all is agreed to.
 */
export function asking(found, { me, settings }, agreed) {
  const days = settings.photo_retention_days;
  const problem = h("p", { class: "bad-text", id: "consent-problem", role: "alert" });
  const ticks = ["person", "purpose", "age"].map((name) => {
    const box = h("input", { type: "checkbox", checked: found.consent !== null, "aria-describedby": "consent-problem" });
    return { box, line: h("label", { class: "tick" }, box, h("span", {}, t(`consent.${name}`))) };
  });
  const proof = h("input", { type: "text", maxlength: "64", autocomplete: "off", "aria-describedby": "permission-hint",
    value: found.consent?.permission ?? "" });
  const asked = h("div", { hidden: found.shows !== "permitted" }, h("label", {}, h("span", {}, t("consent.permission")), proof),
    h("p", { id: "permission-hint" }, t("consent.permission.hint")));
  const whom = h("fieldset", { class: "plain", hidden: found.subject !== "face" }, h("legend", {}, t("consent.for")),
    choice("shows", "self"), choice("shows", "permitted"), asked);
  function choice(field, name) {
    const picked = () => {
      found[field] = name;
      found.picked?.();
      whom.hidden = found.subject !== "face";
      asked.hidden = found.shows !== "permitted";
    };
    return h("label", { class: "tick" }, h("input", { type: "radio", name: field, class: "radio",
      checked: found[field] === name, onchange: picked }), h("span", {}, t(`consent.${name}`)));
  }
  const submit = (event) => {
    event.preventDefault();
    const missing = ticks.find(({ box }) => !box.checked);
    if (missing) { problem.textContent = t("consent.missing"); missing.box.focus(); return; }
    const permitted = found.subject === "face" && found.shows === "permitted";
    if (permitted && !ID.test(proof.value)) { problem.textContent = t("consent.permission.hint"); proof.focus(); return; }
    const now = Date.now();
    found.consent = {
      given_by: opaque(me.subject), given_for: permitted ? "other" : "self",
      ...(permitted ? { permission: proof.value } : {}), given_at: new Date(now).toISOString(), adult: true,
      purposes: ["avatar"], text_version: settings.consent_text_version, language, retention_days: days,
      expires_at: new Date(now + settings.consent_days * DAY).toISOString(),
    };
    return agreed();
  };
  return { submit, problem,
    text: [h("p", {}, t("consent.text")),
      h("ul", {}, ["kept", "used", "marked", "deleted", "expires", "proof"].map((name) => h("li", {}, t(`consent.${name}`, { n: days }))))],
    subject: [choice("subject", "face"), choice("subject", "object")], whom,
    agree: h("fieldset", { class: "plain" }, h("legend", {}, t("consent.agree")), ticks.map(({ line }) => line)) };
}

export function render({ me, settings, go }) {
  const found = draft(me.tenant);
  const { submit, problem, text, subject, whom, agree } = asking(found, { me, settings }, () => { found.save(); go("/new/photos"); });
  return { title: t("consent.title"), step: "consent", body: [
    h("form", { class: "card narrow", onsubmit: submit, novalidate: true }, text,
      h("fieldset", { class: "plain" }, h("legend", {}, t("consent.subject")), subject), whom, agree, problem,
      h("button", { class: "primary", type: "submit" }, t("consent.next"))),
    h("p", {}, h("a", { href: "#/new/lora" }, t("lora.link"))),
  ] };
}
