import { call } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { date, moment, said, t } from "../words.js";
import { pages, table } from "./parts.js";

const SCOPES = ["read", "read,train", "read,train,draw", "read,train,draw,erase", "read,train,draw,erase,admin"];

export async function render({ me, signal, go, fail }) {
  const keys = await call("keys", { signal });
  const live = keys.data.filter((key) => !key.revoked_at);
  return { title: t("keys.count", { n: live.length }), body: [
    pages(me, "/operator/keys"),
    h("p", { class: "muted" }, t("keys.people")),
    h("div", { class: "card" }, table(t("keys.title"), ["name", "scopes", "used", "ends", "do"].map((name) => t(`keys.${name}`)),
      keys.data.map((key) => [key.name, key.scopes.map((scope) => t(`scope.${scope}`)).join(", "),
        key.last_used_at ? moment(key.last_used_at) : t("keys.never"),
        key.revoked_at ? t("keys.revoked") : key.expires_at ? date(key.expires_at) : t("keys.endless"),
        key.revoked_at ? "" : h("button", { type: "button", class: "small danger", onclick: () => revoke(key, go, fail) }, t("keys.revoke"),
          h("span", { class: "unseen" }, ` ${key.name}`))]))),
    newKey(me),
  ] };
}

async function revoke(key, go, fail) {
  const sure = await ask({ title: t("keys.revoke_title", { name: key.name }), body: [t("keys.revoke_text")], yes: t("keys.revoke"),
    no: t("cancel"), danger: true });
  if (!sure) return;
  try {
    await call("revokeKey", { ids: { key_id: key.id } });
    await go("/operator/keys");
    announce(t("keys.revoked"));
  } catch (error) {
    fail(error);
  }
}

function newKey(me) {
  const name = h("input", { type: "text", required: true, maxlength: "64", autocomplete: "off" });
  const own = SCOPES.filter((some) => some.split(",").every((one) => me.scopes.includes(one)));
  const scopes = h("select", {}, own.map((some) =>
    h("option", { value: some }, some.split(",").map((one) => t(`scope.${one}`)).join(", "))));
  const days = h("input", { type: "number", min: "1", max: "365", value: "90" });
  const made = h("p", { role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    if (!name.value.trim()) { name.focus(); return; }
    try {
      const { token } = await call("createKey", { body: { name: name.value.trim(), scopes: scopes.value.split(","), days: Number(days.value) || 90 } });
      made.replaceChildren(t("keys.once"), " ", h("code", {}, token));
    } catch (error) {
      made.textContent = said(error);
    }
  };
  return h("form", { onsubmit: submit, novalidate: true, class: "card" }, h("h2", {}, t("keys.new")),
    h("div", { class: "narrow" }, h("label", { class: "field" }, h("span", {}, t("keys.name")), name),
      h("label", { class: "field" }, h("span", {}, t("keys.scopes")), scopes),
      h("label", { class: "field" }, h("span", {}, t("keys.days")), days),
      h("button", { type: "submit", class: "primary" }, t("keys.make")), made));
}
