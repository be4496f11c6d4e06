import { call } from "../api.js";
import { h } from "../dom.js";
import { hasPool } from "../people.js";
import { code, t, tOf } from "../words.js";

export const ENDED = ["succeeded", "failed", "canceled"];

/** A job's state in words; a failure says which. */
export const state = (job) => h("span", { class: "state", data: { state: job.status } },
  job.failure ? code(job.failure.code).title : tOf(job, `status.${job.status}`));

/** What a failure means and what to do, with its code for whoever asks for help. */
export function failure(found) {
  const { title, hint } = code(found.code);
  return h("div", { class: "notice bad" }, h("p", {}, h("b", {}, title)), h("p", {}, hint),
    h("p", { class: "muted" }, t("error.code"), " ", h("code", {}, found.code)));
}

export const facts = (rows) => h("dl", {}, rows.filter(Boolean).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

/** Large figures with what they count. */
export const numbers = (rows) => h("div", { class: "numbers" }, rows.map(([value, name]) =>
  h("div", {}, h("b", {}, value), h("span", { class: "muted" }, name))));

/** A table that becomes a list of cards on a phone; ``headed``: the caption stands above it as a heading already. */
export function table(caption, heads, rows, { headed = false } = {}) {
  return h("div", { class: "table", tabindex: "0", role: "region", "aria-label": caption }, h("table", {},
    h("caption", { class: headed ? "unseen" : "" }, caption),
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, index) =>
      h("td", { data: { label: heads[index] }, class: index === 2 ? "words" : "" }, h("div", {}, cell))))))));
}

/** Every row of a list, page after page. */
export async function all(name, signal) {
  const found = [];
  for (let after; after !== null;) {
    const page = await call(name, { query: { limit: 100, after }, signal });
    found.push(...page.data);
    after = page.next;
  }
  return found;
}

/** The pages of a tenant's owner. */
export const pages = (me, here) => h("nav", { class: "tabs", "aria-label": t("bar.operator") },
  [["/operator", "operator.jobs"], ["/operator/keys", "keys.title"], hasPool() && ["/operator/people", "members.title"]].filter(Boolean).map(([address, words]) =>
    h("a", { href: `#${address}`, "aria-current": address === here ? "page" : false }, t(words))));
