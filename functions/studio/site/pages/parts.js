import { h } from "../dom.js";
import { code, t } from "../words.js";

export const ENDED = ["succeeded", "failed", "canceled"];

/** A job's state in words; a failure says which. */
export const state = (job) => h("span", { class: "state", data: { state: job.status } },
  job.failure ? code(job.failure.code).title : t(`status.${job.status}`));

/** What a failure means and what to do, with its code for whoever asks for help. */
export function failure(found) {
  const { title, hint } = code(found.code);
  return h("div", { class: "notice bad" }, h("p", {}, h("b", {}, title)), h("p", {}, hint),
    h("p", { class: "muted" }, t("error.code"), " ", h("code", {}, found.code)));
}

export const facts = (rows) => h("dl", {}, rows.filter(Boolean).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
