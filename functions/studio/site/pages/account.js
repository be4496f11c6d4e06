import { call, credential } from "../api.js";
import { h } from "../dom.js";
import { money, t } from "../words.js";
import { facts } from "./parts.js";

export async function render({ me, signal }) {
  const usage = await call("usage", { signal });
  const out = async () => {
    credential.clear();
    location.hash = "/models";
    location.reload();
  };
  return { title: t("account.title"), body: [h("div", { class: "card narrow" },
    facts([[t("account.tenant"), me.tenant], [t("account.may"), me.scopes.map((scope) => t(`scope.${scope}`)).join(", ")],
      [t("account.month", { month: usage.month }), t("account.trainings", { n: usage.trainings })], [t("operator.spent"), money(usage.usd)]]),
    h("button", { type: "button", onclick: out }, t("account.leave")))] };
}
