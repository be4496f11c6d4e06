import { call } from "../api.js";
import { announce, h } from "../dom.js";
import { code, moment, t } from "../words.js";
import { all, facts, table } from "./parts.js";

const REASONS = ["rule_is_right", "not_shown", "duplicate", "other"];

/** The appeals of all tenants, for whoever has the scope `operate`: the open ones with what was refused. */
export async function render({ signal, go, fail }) {
  const data = await all("appeals", signal);
  const open = data.filter((one) => one.status === "open").reverse();
  const decided = data.filter((one) => one.status !== "open");
  const found = await Promise.all(open.map((one) => call("appealText", { ids: { appeal_id: one.appeal_id }, signal })));
  return { title: open.length ? t("appeals.waiting", { n: open.length }) : t("appeals.none"), body: [
    found.map((one) => card(one, go, fail)),
    decided.length > 0 && h("div", { class: "card" }, table(t("appeals.decided"),
      [t("appeals.tenant"), t("appeals.status"), t("appeals.text"), t("appeals.asked"), t("keys.do")],
      decided.map((one) => [one.tenant, t(`appeals.status.${one.status}`), code(one.code).title, moment(one.asked_at),
        one.status === "granted" ? takeBack(one, go, fail) : t(`appeals.why.${one.why}`)]))),
  ] };
}

function card({ appeal, text }, go, fail) {
  const why = h("select", {}, REASONS.map((one) => h("option", { value: one }, t(`appeals.why.${one}`))));
  return h("div", { class: "card", data: { appeal: appeal.appeal_id } }, h("h2", {}, code(appeal.code).title),
    facts([[t("appeals.tenant"), appeal.tenant], [t("appeals.asked"), moment(appeal.asked_at)]]),
    h("h3", {}, t("appeals.text")), text ? text.texts.flat().filter(Boolean).map((one) => h("p", { class: "prompt" }, one))
      : h("p", {}, t("appeals.gone")),
    text?.picture && h("p", { class: "hint" }, t("appeals.picture", { seed: text.picture.arguments.seed })),
    text?.words && [h("h3", {}, t("appeals.words")), h("p", {}, text.words)],
    h("label", { class: "field" }, h("span", {}, t("appeals.why")), why),
    h("div", { class: "row" },
      h("button", { type: "button", onclick: () => decide("refuseAppeal", appeal, { why: why.value }, go, fail) }, t("appeals.refuse")),
      text && h("button", { type: "button", class: "primary", onclick: () => decide("grantAppeal", appeal, undefined, go, fail) },
        t("appeals.grant"))));
}

const takeBack = (appeal, go, fail) => h("button", { type: "button", class: "small danger",
  onclick: () => decide("refuseAppeal", appeal, { why: "other" }, go, fail) }, t("appeals.take_back"),
h("span", { class: "unseen" }, ` ${appeal.appeal_id}`));

async function decide(name, appeal, body, go, fail) {
  try {
    const { status } = await call(name, { ids: { appeal_id: appeal.appeal_id }, body });
    await go("/appeals");
    announce(t(`appeals.status.${status}`));
  } catch (error) {
    fail(error);
  }
}
