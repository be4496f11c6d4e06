import { call, pause } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { moment, t, time } from "../words.js";
import { ENDED, facts, failure } from "./parts.js";

const STAGES = [["InspectPhotos", ["AcceptRequest", "InspectPhotos"]], ["TrainAdapter", ["CaptionPhotos", "TrainAdapter", "SweepAdapter"]],
  ["PublishAdapter", ["PublishAdapter"]], ["WarmModel", ["WarmModel", "NotifyOwner", "NotifyFailure"]]];
const WAIT = 20;

export async function render({ id, me, signal, redraw, fail }) {
  const first = await call("job", { ids: { job_id: id }, signal });
  const drawn = h("div", {});
  const context = { id, me, signal, redraw, fail, drawn };
  samples(context);
  follow(first, context);
  return page(first, context);
}

/** Ask again and again until the job has ended; a closed tab may come back at any time. */
async function follow(known, context) {
  const { id, signal, redraw, fail } = context;
  let job = known;
  while (!ENDED.includes(job.status) && !signal.aborted) {
    try {
      const now = await call("job", { ids: { job_id: id }, query: { wait: WAIT, after: job.version }, signal });
      if (signal.aborted) return;
      if (now.version === job.version) continue;
      const turned = now.status !== job.status || now.stage !== job.stage;
      job = now;
      if (turned) { redraw(page(job, context)); announce(headline(job)); } else update(job);
      if (job.step) await samples(context);
    } catch (error) {
      if (signal.aborted) return;
      if (error.status && error.status !== 429 && error.status < 500) { fail(error); return; }
      await pause(3000);
    }
  }
}

/** Show what the training has drawn so far, one row a step. */
async function samples({ id, signal, drawn }) {
  const { data } = await call("samples", { ids: { job_id: id }, signal }).catch(() => ({ data: [] }));
  if (signal.aborted || data.length === drawn.querySelectorAll("img").length) return;
  drawn.className = "card";
  drawn.replaceChildren(h("h2", {}, t("job.samples")), h("p", { class: "muted" }, t("job.samples_text")),
    h("ul", { class: "pictures small" }, data.map(({ step, url }, index) => h("li", {}, h("figure", {},
      h("img", { src: url, alt: t("model.picture", { n: index + 1 }), loading: "lazy" }), h("figcaption", {}, t("job.sample", { step })))))));
}

function headline(job) {
  if (job.status === "succeeded") return t("job.ready");
  if (job.status === "failed") return t("job.failed");
  if (job.status === "canceled") return t("job.canceled");
  if (job.waiting_for) return t(`job.waiting.${job.waiting_for}`);
  if (job.stage === "TrainAdapter" && job.eta_seconds !== null) return t("job.left", { what: time(job.eta_seconds) });
  return t(`job.now.${job.stage}`);
}

const stepsDone = (job) => job.total_steps ? t("job.step", { step: job.step ?? 0, total: job.total_steps }) : t("job.percent", { n: job.percent });

function update(job) {
  document.querySelector("h1").textContent = headline(job);
  document.title = `${headline(job)} · Likeness`;
  const bar = document.querySelector("main progress");
  if (bar) { bar.value = job.percent; bar.nextElementSibling.textContent = stepsDone(job); }
}

function page(job, context) {
  const { me, drawn } = context;
  const ended = ENDED.includes(job.status);
  const place = job.status === "succeeded" ? STAGES.length : STAGES.findIndex(([, stages]) => stages.includes(job.stage));
  const lines = STAGES.map(([name], index) => {
    const now = index === place && !ended;
    const broken = index === place && ended && job.status !== "succeeded";
    return h("li", { "aria-current": now ? "step" : false },
      h("span", { "aria-hidden": "true" }, index < place ? "✓" : broken ? "✕" : now ? "●" : "○"),
      h(now ? "b" : "span", {}, t(`stage.${name}`), h("span", { class: "unseen" }, index < place ? t("steps.done") : "")), h("small", {}),
      now && h("div", { class: "more" },
        h("progress", { max: "100", value: String(job.percent), "aria-label": t("job.progress") }), h("small", {}, stepsDone(job))));
  });
  const body = [
    job.status === "succeeded" && h("p", {}, h("a", { class: "button primary", href: `#/models/${job.model_id}` }, t("job.open"))),
    job.failure && failure(job.failure),
    (job.status === "failed" || job.status === "canceled") && h("p", {}, h("a", { class: "button primary", href: "#/new" }, t("job.anew"))),
    !ended && h("p", { class: "muted" }, t("job.close")),
    h("div", { class: "card" }, h("ol", { class: "stages" }, lines)), drawn,
  ];
  const stop = !ended && me.scopes.includes("train") && h("button", { type: "button", class: "danger wide", onclick: () => cancel(job) }, t("job.stop"));
  return { title: headline(job), step: job.status === "succeeded" ? "pictures" : "training", body, facts: h("div", { class: "card" },
    h("h2", {}, t("job.this")),
    facts([[t("job.started"), moment(job.created_at)], [t("job.changed"), moment(job.updated_at)],
      job.queue_place !== null && [t("job.queue"), String(job.queue_place)],
      [t("job.id"), h("code", { title: job.id }, job.id.slice(0, 8))]]),
    stop || "") };
}

async function cancel(job) {
  const sure = await ask({ title: t("job.stop_title"), body: [t("job.stop_text")], yes: t("job.stop"), no: t("job.keep"), danger: true });
  if (!sure) return;
  const { outcome } = await call("cancel", { ids: { job_id: job.id } });
  announce(t(`job.${outcome}`));
}
