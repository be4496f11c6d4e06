import { call, credential, ownKey } from "../api.js";
import { forgetDraft } from "../draft.js";
import { revoke } from "../people.js";
import { ask, h } from "../dom.js";
import { date, money, t } from "../words.js";
import { begin } from "./erased.js";
import { facts, table } from "./parts.js";

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
      one.consent.purposes.join(", "), action(one)]));
}

export async function render({ me, signal, fail, go }) {
  const [usage, given] = await Promise.all([call("usage", { signal }), call("consents", { query: { limit: 50 }, signal })]);
  const may = me.scopes.includes("erase");
  const out = async () => {
    const made = ownKey.get();
    if (made !== null) await call("revokeKey", { ids: { key_id: made } }).catch(() => {}); // it ends within a day
    await revoke();
    credential.clear();
    forgetDraft();
    location.hash = "/models";
    location.reload();
  };
  const erase = async () => {
    const body = [t("erase.all_goes"), t("erase.all_stays"), t("erase.final")];
    if (!await ask({ title: t("erase.all_title"), body, yes: t("erase.all"), no: t("cancel"), danger: true })) return;
    try {
      const { erasure_id: id } = await begin("eraseMe");
      await ask({ title: t("erase.going"), body: [t("erase.me_text"), `${t("receipt.id")}: ${id}`], yes: t("account.leave"), no: t("close") });
      await out();
    } catch (error) {
      fail(error);
    }
  };
  return { title: t("account.title"), body: [h("div", { class: "card narrow" },
    facts([[t("account.tenant"), me.tenant], [t("account.may"), me.scopes.map((scope) => t(`scope.${scope}`)).join(", ")],
      [t("account.month", { month: usage.month }), t("account.trainings", { n: usage.trainings })], [t("operator.spent"), money(usage.usd)]]),
    h("button", { type: "button", onclick: out }, t("account.leave"))),
    given.data.length > 0 && h("div", { class: "card" }, h("h2", {}, t("consents.title")), h("p", {}, t("consent.deleted")),
      consents(given.data, { may, fail, go })),
    may && h("div", { class: "card narrow" }, h("h2", {}, t("erase.all_title")), h("p", {}, t("erase.all_goes")),
      h("button", { type: "button", class: "danger", onclick: erase }, t("erase.all")))] };
}
