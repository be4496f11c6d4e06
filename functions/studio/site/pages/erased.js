// After a deletion: what has gone, and the signed receipt once the last byte is gone.

import { call, pause } from "../api.js";
import { announce, h } from "../dom.js";
import { date, moment, t } from "../words.js";
import { facts } from "./parts.js";

const PLACE = "likeness-erasure";

/** Ask for an erasure, or how far it is; a withdrawal's answer has the erasure beside the consent. */
async function ask(name, ids, signal) {
  const answer = await call(name, { ids, signal });
  return answer.erasure ?? answer;
}

/** Begin an erasure; a reload of the page goes on waiting for its receipt. */
export async function begin(name, ids = {}) {
  const answer = await ask(name, ids);
  sessionStorage.setItem(PLACE, JSON.stringify({ name, ids, id: answer.erasure_id }));
  return answer;
}

export async function render({ signal, redraw, go }) {
  const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
  if (kept === null) { go("/models", { replace: true }); return null; }
  const answer = await ask(kept.name, kept.ids, signal);
  if (!answer.receipt) follow(kept, { signal, redraw });
  return answer.receipt ? done(answer.receipt) : waiting(kept);
}

async function follow(kept, { signal, redraw }) {
  while (!signal.aborted) {
    await pause(2000);
    try {
      const answer = await ask(kept.name, kept.ids, signal);
      if (answer.receipt && !signal.aborted) {
        redraw(done(answer.receipt));
        announce(t("erase.done"));
        return;
      }
    } catch (error) {
      if (error.status && error.status < 500 && error.status !== 429) return;
    }
  }
}

const back = () => h("p", {}, h("a", { class: "button primary", href: "#/models" }, t("bar.models")));

const waiting = (kept) => ({ title: t("erase.going"), body: [h("div", { class: "card narrow" }, h("p", {}, t("erase.going_text")),
  h("progress", { "aria-label": t("erase.going") }), facts([[t("receipt.id"), h("code", {}, kept.id)]])), back()] });

function done(signed) {
  const { receipt } = signed;
  const file = URL.createObjectURL(new Blob([JSON.stringify(signed, null, 1)], { type: "application/json" }));
  const heads = [t("receipt.store"), t("receipt.found"), t("receipt.left")];
  const stores = receipt.stores.filter(({ found }) => found > 0);
  return { title: t("erase.done"), body: [h("div", { class: "card" }, h("h2", {}, t("receipt.title")), h("p", {}, t("receipt.text")),
    facts([[t("receipt.id"), h("code", {}, receipt.erasure_id)], [t("receipt.asked"), moment(receipt.requested_at)],
      [t("receipt.erased"), moment(receipt.erased_at)]]),
    h("div", { class: "table", tabindex: "0", role: "region", "aria-label": t("receipt.title") }, h("table", {},
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, stores.map((one) => h("tr", {}, [t(`store.${one.store.replaceAll(" ", "_")}`), String(one.found), String(one.remaining ?? "–")]
        .map((cell, index) => h("td", { data: { label: heads[index] } }, cell)))))))),
  h("div", { class: "card" }, h("h2", {}, t("receipt.expiring")), h("p", {}, t("receipt.expiring_text", {
    until: date(receipt.expiring.map(({ gone_at: day }) => day).filter(Boolean).sort().at(-1) ?? receipt.erased_at) })),
    h("ul", { lang: "en" }, receipt.expiring.map(({ store, holds, gone_at: day }) => h("li", {}, `${store}: ${holds}`, day && ` (${date(day)})`)))),
  h("p", { class: "row" }, h("a", { class: "button primary", href: file, download: `receipt-${receipt.erasure_id}.json` }, t("receipt.save")),
    h("a", { class: "button", href: "#/models" }, t("bar.models")))] };
}
