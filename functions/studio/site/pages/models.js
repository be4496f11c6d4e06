import { call } from "../api.js";
import { draft } from "../draft.js";
import { h } from "../dom.js";
import { date, moment, t, tOf } from "../words.js";
import { state } from "./parts.js";

export async function render({ me, signal }) {
  const [models, jobs] = await Promise.all([
    call("models", { query: { limit: 100 }, signal }), call("jobs", { query: { limit: 20 }, signal }),
  ]);
  const open = jobs.data.filter((job) => job.status === "starting" || job.status === "processing");
  const past = jobs.data.filter((job) => job.status === "failed" || job.status === "canceled");
  const title = open.length ? t("models.busy", { n: open.length })
    : models.data.length ? t("models.title", { n: models.data.length }) : t("models.none");
  const begin = me.scopes.includes("train") && h("p", {}, h("a", { class: "button primary", href: "#/new" }, t("models.begin")), " ",
    h("a", { class: "button", href: "#/new/lora" }, t("lora.link")));
  const unfinished = draft(me.tenant).photos.length;
  return { title, body: [
    unfinished > 0 && h("div", { class: "notice" }, h("p", {}, t("models.unfinished", { n: unfinished })),
      h("p", {}, h("a", { class: "button", href: "#/new/photos" }, t("models.go_on")))),
    !models.data.length && !open.length && h("p", { class: "muted" }, t("models.explained")),
    begin,
    open.length > 0 && section(t("models.training"), open.map(jobCard)),
    models.data.length > 0 && section(t("models.ready"), models.data.map(modelCard)),
    past.length > 0 && section(t("models.ended"), past.map(jobCard)),
  ] };
}

const section = (title, cards) => [h("h2", {}, title), h("ul", { class: "list" }, cards), h("p", {})];

const modelCard = (model) => h("li", { class: "card" },
  h("h3", {}, h("a", { href: `#/models/${model.id}` }, model.trigger_words?.join(", ") || model.trigger_word)),
  h("dl", {}, h("dt", {}, t("model.made")), h("dd", {}, date(model.created_at)),
    h("dt", {}, t("model.base")), h("dd", {}, model.base_id)));

const jobCard = (job) => h("li", { class: "card" },
  h("h3", {}, h("a", { href: `#/jobs/${job.id}` }, tOf(job, "job.of", { when: moment(job.created_at) }))),
  h("p", {}, state(job)),
  job.status === "processing" && h("progress", { max: "100", value: String(job.percent), "aria-label": tOf(job, "job.progress") }));
