import { call, pause } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { signOut } from "../sign_out.js";
import { code, date, decimal, moment, money, t } from "../words.js";
import { begin } from "./erased.js";
import { facts, table } from "./parts.js";
import { secondFactor } from "./second_factor.js";

/** What was agreed to, each with a button that takes it back. */
function consents(found, { may, fail, go }) {
  const withdraw = async (id) => {
    const body = [t("erase.upload_goes"), t("consents.stays"), t("erase.final")];
    if (!await ask({ title: t("consents.withdraw_title"), body, yes: t("consents.withdraw"), no: t("cancel"), danger: true })) return;
    try {
      await begin("withdraw", { consent_id: id });
      go("/erased");
    } catch (error) {
      fail(error);
    }
  };
  const action = (one) => one.withdrawn_at ? t("consents.withdrawn", { day: date(one.withdrawn_at) })
    : may && h("button", { type: "button", class: "danger", onclick: () => withdraw(one.id) }, t("consents.withdraw"));
  return table(t("consents.title"), [t("consents.day"), t("consents.until"), t("consents.purposes"), t("keys.do")],
    found.map((one) => [date(one.consent.given_at), one.consent.expires_at ? date(one.consent.expires_at) : t("keys.endless"),
      one.consent.purposes.map((word) => word === "avatar" ? t("purpose.avatar") : word).join(", "), action(one)]), { headed: true });
}

/** A copy of everything: asked for, waited for, downloaded. A reload of the page goes on waiting. */
function copy(newest, { fail, signal }) {
  const state = h("p", {});
  const begin = async () => {
    try {
      follow(await call("createExport", { body: {}, signal }));
    } catch (error) {
      fail(error);
    }
  };
  const download = async (one) => {
    try {
      const file = await call("exportFile", { ids: { export_id: one.id }, signal });
      h("a", { href: file.url, download: true }).click();
    } catch (error) {
      fail(error);
    }
  };
  const show = (one) => {
    const wrong = one.failure && code(one.failure.code);
    state.replaceChildren(...{
      processing: () => [t("export.processing")],
      failed: () => [`${wrong.title}. ${wrong.hint}`],
      expired: () => [t("export.expired")],
      succeeded: () => [t("export.succeeded", { day: moment(one.updated_at), mb: decimal(one.size / 1e6), files: one.files }), " ",
        h("button", { type: "button", onclick: () => download(one) }, t("export.download"))],
    }[one.status]());
    button.disabled = one.status === "processing";
  };
  const follow = async (one) => {
    show(one);
    if (one.status !== "processing") return;
    for (let now = one; !signal.aborted;) {
      await pause(2000);
      now = await call("export", { ids: { export_id: one.id }, signal }).catch(() => now);
      if (now.status === "processing" || signal.aborted) continue;
      show(now);
      announce(state.textContent);
      return;
    }
  };
  const button = h("button", { type: "button", onclick: begin }, t("export.begin"));
  if (newest) follow(newest);
  return h("div", { class: "card narrow" }, h("h2", {}, t("export.title")), h("p", {}, t("export.text")), state, button);
}

export async function render({ me, signal, fail, go }) {
  const leave = h("button", { type: "button", onclick: signOut }, t("account.leave"));
  const allowed = [t("account.may"), me.scopes.map((scope) => t(`scope.${scope}`)).join(", ")];
  if (!me.scopes.includes("read")) { // who runs the stack has nothing of a tenant
    return { title: t("account.title"), body: [h("div", { class: "card narrow" }, facts([allowed]), leave), await secondFactor()] };
  }
  const owns = me.scopes.includes("admin");
  const [usage, given, exported, factor] = await Promise.all([call("usage", { signal }), call("consents", { query: { limit: 50 }, signal }),
    owns && call("exports", { query: { limit: 1 }, signal }), secondFactor()]);
  const may = me.scopes.includes("erase");
  const erase = async () => {
    const body = [t("erase.all_goes"), t("erase.all_stays"), t("erase.final")];
    const word = { label: t("erase.all_name", { tenant: me.tenant }), text: me.tenant };
    if (!await ask({ title: t("erase.all_title"), body, yes: t("erase.all"), no: t("cancel"), danger: true, word })) return;
    try {
      const { erasure_id: id } = await begin("eraseMe");
      await ask({ title: t("erase.going"), body: [t("erase.me_text"), `${t("receipt.id")}: ${id}`], yes: t("account.leave"), no: t("close") });
      await signOut();
    } catch (error) {
      fail(error);
    }
  };
  return { title: t("account.title"), body: [h("div", { class: "card narrow" },
    facts([[t("account.tenant"), me.tenant], allowed,
      [t("account.month", { month: usage.month }), t("account.trainings", { n: usage.trainings })], [t("operator.spent"), money(usage.usd)]]),
    leave),
    factor, given.data.length > 0 && h("div", { class: "card" }, h("h2", {}, t("consents.title")), h("p", {}, t("consent.deleted")),
      consents(given.data, { may, fail, go })),
    exported && copy(exported.data[0], { fail, signal }),
    may && h("div", { class: "card narrow" }, h("h2", {}, t("erase.all_title")), h("p", {}, t("erase.all_goes")),
      h("button", { type: "button", class: "danger", onclick: erase }, t("erase.all")))] };
}
