import { call } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { code, date, moment, money, t } from "../words.js";
import { state } from "./parts.js";

export async function render({ signal, go }) {
  const [jobs, usage, keys] = await Promise.all([
    call("jobs", { query: { limit: 100 }, signal }), call("usage", { signal }), call("keys", { signal }),
  ]);
  const failed = jobs.data.filter((job) => job.status === "failed");
  const number = (value, name) => h("div", {}, h("b", {}, value), h("span", { class: "muted" }, name));
  return { title: failed.length ? t("operator.failed", { n: failed.length }) : t("operator.well"), body: [
    h("div", { class: "card" }, h("h2", {}, t("operator.month", { month: usage.month })), h("div", { class: "numbers" },
      number(String(usage.trainings), t("operator.trainings")), number(String(usage.succeeded), t("status.succeeded")),
      number(String(usage.failed), t("status.failed")), number(money(usage.usd), t("operator.spent")))),
    h("div", { class: "card" }, table(t("operator.jobs"), ["job", "state", "what", "changed"].map((name) => t(`operator.${name}`)),
      jobs.data.map((job) => [h("a", { href: `#/jobs/${job.id}` }, h("code", {}, job.id.slice(0, 8))), state(job), what(job), moment(job.updated_at)]))),
    h("div", { class: "card" }, table(t("keys.title"), ["name", "scopes", "used", "ends", "do"].map((name) => t(`keys.${name}`)),
      keys.data.map((key) => [key.name, key.scopes.join(", "), key.last_used_at ? moment(key.last_used_at) : t("keys.never"),
        key.revoked_at ? t("keys.revoked") : key.expires_at ? date(key.expires_at) : t("keys.endless"),
        key.revoked_at ? "" : h("button", { type: "button", class: "quiet danger", onclick: () => revoke(key, go) }, t("keys.revoke"),
          h("span", { class: "unseen" }, ` ${key.name}`))])), newKey(go)),
  ] };
}

function what(job) {
  if (!job.failure) return job.status === "processing" ? `${t(`job.now.${job.stage}`)} (${job.percent} %)` : "";
  const { hint } = code(job.failure.code);
  return [hint, h("br"), h("code", {}, job.failure.code)];
}

function table(caption, heads, rows) {
  return h("div", { class: "table", tabindex: "0", role: "region", "aria-label": caption }, h("table", {}, h("caption", {}, caption),
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, index) =>
      h("td", { data: { label: heads[index] }, class: index === 2 ? "words" : "" }, h("div", {}, cell))))))));
}

async function revoke(key, go) {
  const sure = await ask({ title: t("keys.revoke_title", { name: key.name }), body: [t("keys.revoke_text")], yes: t("keys.revoke"),
    no: t("cancel"), danger: true });
  if (!sure) return;
  await call("revokeKey", { ids: { key_id: key.id } });
  announce(t("keys.revoked"));
  go("/operator");
}

function newKey() {
  const name = h("input", { type: "text", required: true, maxlength: "64" });
  const scopes = h("select", {}, ["read", "read,train", "read,train,draw"].map((one) => h("option", { value: one }, one.replaceAll(",", ", "))));
  const made = h("p", { role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    if (!name.value.trim()) { name.focus(); return; }
    try {
      const { token } = await call("createKey", { body: { name: name.value.trim(), scopes: scopes.value.split(",") } });
      made.replaceChildren(t("keys.once"), " ", h("code", {}, token));
    } catch (error) {
      made.textContent = code(error.code ?? "offline").title;
    }
  };
  return h("form", { onsubmit: submit, novalidate: true, class: "narrow after" }, h("h2", {}, t("keys.new")),
    h("label", { class: "field" }, h("span", {}, t("keys.name")), name),
    h("label", { class: "field" }, h("span", {}, t("keys.scopes")), scopes),
    h("button", { type: "submit" }, t("keys.make")), made);
}
