import { call } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { date, said, t } from "../words.js";
import { pages, table } from "./parts.js";

const ROLES = ["owner", "member", "viewer"];

export async function render({ me, signal, go, fail }) {
  const people = await call("members", { signal });
  const heads = ["members.email", "members.role", "members.state", "members.since", "keys.do"].map((name) => t(name));
  return { title: t("members.count", { n: people.data.length }), body: [
    pages(me, "/operator/people"),
    h("p", { class: "muted" }, t("members.text")),
    people.data.length > 0 && h("div", { class: "card" }, table(t("members.title"), heads, people.data.map((one) => row(one, me, go, fail)))),
    invite(go, fail),
  ] };
}

function row(one, me, go, fail) {
  const own = me.subject === `person:${one.id}`;
  const unseen = h("span", { class: "unseen" }, ` ${one.email}`);
  const role = h("select", { "aria-label": `${t("members.role")} ${one.email}` },
    ROLES.map((name) => h("option", { value: name, selected: name === one.role }, t(`members.role.${name}`))));
  const save = h("button", { type: "button", class: "small", onclick: () => change(one, role.value, go, fail) }, t("members.save"), unseen);
  const out = h("button", { type: "button", class: "small danger", onclick: () => remove(one, go, fail) }, t("members.remove"), unseen.cloneNode(true));
  return [one.email, own ? t(`members.role.${one.role}`) : role, t(`members.state.${one.status}`), date(one.created_at),
    own ? t("members.you") : h("div", { class: "row" }, save, out)];
}

async function change(one, role, go, fail) {
  if (role === one.role) return;
  try {
    await call("changeRole", { ids: { member_id: one.id }, body: { role } });
    await go("/operator/people");
    announce(t("members.changed"));
  } catch (error) {
    fail(error);
  }
}

async function remove(one, go, fail) {
  const sure = await ask({ title: t("members.remove_title", { email: one.email }), body: [t("members.remove_text")],
    yes: t("members.remove"), no: t("cancel"), danger: true });
  if (!sure) return;
  try {
    await call("removeMember", { ids: { member_id: one.id } });
    await go("/operator/people");
    announce(t("members.removed", { email: one.email }));
  } catch (error) {
    fail(error);
  }
}

function invite(go, fail) {
  const email = h("input", { type: "email", required: true, maxlength: "254", autocomplete: "off", id: "invite" });
  const role = h("select", {}, ROLES.toReversed().map((name) => h("option", { value: name }, `${t(`members.role.${name}`)}: ${t(`members.may.${name}`)}`)));
  const problem = h("p", { class: "bad-text", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    if (!email.value.trim()) { email.focus(); return; }
    try {
      await call("inviteMember", { body: { email: email.value.trim(), role: role.value } });
      await go("/operator/people");
      announce(t("members.sent", { email: email.value.trim() }));
    } catch (error) {
      if (error.status === 401) return void fail(error);
      problem.textContent = error.code === "invalid_call" ? t("members.no_address") : said(error);
      email.focus();
    }
  };
  return h("form", { onsubmit: submit, novalidate: true, class: "card" }, h("h2", {}, t("members.invite")),
    h("div", { class: "narrow" }, h("p", {}, t("members.invite_text")),
      h("label", { class: "field" }, h("span", {}, t("members.email")), email),
      h("label", { class: "field" }, h("span", {}, t("members.role")), role),
      problem, h("button", { type: "submit", class: "primary" }, t("members.send"))));
}
