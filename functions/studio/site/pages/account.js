import { call, credential, ownKey } from "../api.js";
import { forgetDraft } from "../draft.js";
import { ask, h } from "../dom.js";
import { money, t } from "../words.js";
import { begin } from "./erased.js";
import { facts } from "./parts.js";

export async function render({ me, signal, fail }) {
  const usage = await call("usage", { signal });
  const out = async () => {
    const made = ownKey.get();
    if (made !== null) await call("revokeKey", { ids: { key_id: made } }).catch(() => {}); // it ends within a day
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
    me.scopes.includes("erase") && h("div", { class: "card narrow" }, h("h2", {}, t("erase.all_title")), h("p", {}, t("erase.all_goes")),
      h("button", { type: "button", class: "danger", onclick: erase }, t("erase.all")))] };
}
