import { call, pause } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { moment, t, tOf, time } from "../words.js";
import { ENDED, facts, failure } from "./parts.js";

const STAGES = [["InspectPhotos", ["AcceptRequest", "InspectPhotos"]], ["TrainAdapter", ["CaptionPhotos", "TrainAdapter", "SweepAdapter"]],
  ["PublishAdapter", ["PublishAdapter"]], ["WarmModel", ["WarmModel", "NotifyOwner", "NotifyFailure"]]];
const WAIT = 20;
const SILENT_SECONDS = 15;

export async function render({ id, me, signal, redraw, fail }) {
  const first = await call("job", { ids: { job_id: id }, signal });
  const drawn = h("div", {});
  const quiet = h("small", {});
  const context = { id, me, signal, redraw, fail, drawn, quiet, bell: bell() };
  context.heard = Date.parse(first.updated_at);
  samples(context);
  follow(first, context);
  const timer = setInterval(() => silence(context), 5000);
  signal.addEventListener("abort", () => clearInterval(timer));
  silence(context);
  return page(first, context);
}

/** A button that asks the browser to tell the end of the training while the page stays in the background. */
function bell() {
  if (!("Notification" in window) || Notification.permission === "denied") return h("span", {});
  const button = h("button", { type: "button", class: "wide", onclick: async () => {
    const allowed = await Notification.requestPermission() === "granted";
    if (allowed) button.dataset.on = "";
    button.replaceWith(h("p", { class: "hint", role: "status" }, t(allowed ? "job.bell_on" : "job.bell_off")));
  } }, t("job.bell"));
  return button;
}

function notify(words, { id }) {
  try {
    const shown = new Notification(words, { tag: id, icon: "icon.svg" });
    shown.onclick = () => { focus(); shown.close(); };
  } catch { /* a phone's browser knows such notices of apps only; the page says the same */ }
}

/** After a silence say that the work goes on, and since when nothing was heard. */
function silence({ heard, quiet }) {
  const seconds = (Date.now() - heard) / 1000;
  quiet.textContent = seconds > SILENT_SECONDS ? t("job.silence", { ago: time(seconds) }) : "";
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
      context.heard = Date.now();
      const turned = now.status !== job.status || now.stage !== job.stage;
      job = now;
      if (turned) { redraw(page(job, context)); announce(headline(job)); } else update(job);
      if ("on" in context.bell.dataset && ENDED.includes(job.status)) notify(headline(job), context);
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
  if (job.status === "succeeded") return tOf(job, "job.ready");
  if (job.status === "failed") return tOf(job, "job.failed");
  if (job.status === "canceled") return tOf(job, "job.canceled");
  if (job.waiting_for) return t(`job.waiting.${job.waiting_for}`);
  if (job.stage === "TrainAdapter" && job.eta_seconds !== null) return t("job.left", { what: time(job.eta_seconds) });
  return tOf(job, `job.now.${job.stage}`);
}

const stepsDone = (job) => job.total_steps ? t("job.step", { step: job.step ?? 0, total: job.total_steps }) : t("job.percent", { n: job.percent });

function update(job) {
  document.querySelector("h1").textContent = headline(job);
  document.title = `${headline(job)} · Likeness`;
  const bar = document.querySelector("main progress");
  if (bar) { bar.value = job.percent; bar.nextElementSibling.textContent = stepsDone(job); }
  document.querySelector("[data-changed]")?.replaceChildren(moment(job.updated_at));
}

function page(job, context) {
  const { me, drawn, quiet } = context;
  const ended = ENDED.includes(job.status);
  const place = job.status === "succeeded" ? STAGES.length : STAGES.findIndex(([, stages]) => stages.includes(job.stage));
  const lines = STAGES.map(([name], index) => {
    const now = index === place && !ended;
    const broken = index === place && ended && job.status !== "succeeded";
    return h("li", { "aria-current": now ? "step" : false },
      h("span", { "aria-hidden": "true" }, index < place ? "✓" : broken ? "✕" : now ? "●" : "○"),
      h(now ? "b" : "span", {}, tOf(job, `stage.${name}`), h("span", { class: "unseen" }, index < place ? t("steps.done") : "")), h("small", {}),
      now && h("div", { class: "more" },
        h("progress", { max: "100", value: String(job.percent), "aria-label": tOf(job, "job.progress") }), h("small", {}, stepsDone(job)), h("br"), quiet));
  });
  const body = [
    job.status === "succeeded" && h("p", {}, h("a", { class: "button primary", href: `#/models/${job.model_id}` }, t("job.open"))),
    job.failure && failure(job.failure),
    (job.status === "failed" || job.status === "canceled") && h("p", {}, h("a", { class: "button primary", href: job.kind === "import" ? "#/new/lora" : "#/new" }, t("job.anew"))),
    !ended && h("p", { class: "muted" }, tOf(job, "job.close")),
    h("div", { class: "card" }, h("ol", { class: "stages" }, lines)), drawn,
  ];
  const stop = !ended && me.scopes.includes("train") && h("button", { type: "button", class: "danger wide", onclick: () => cancel(job, context.fail) }, tOf(job, "job.stop"));
  return { title: headline(job), way: job.kind, step: job.status === "succeeded" ? "pictures" : job.kind, body, facts: h("div", { class: "card" },
    h("h2", {}, tOf(job, "job.this")),
    facts([[t("job.started"), moment(job.created_at)], [t("job.changed"), h("span", { data: { changed: "" } }, moment(job.updated_at))],
      job.queue_place !== null && [t("job.queue"), String(job.queue_place)],
      [t("job.id"), h("code", { title: job.id }, job.id.slice(0, 8))]]),
    ended ? "" : context.bell, stop || "") };
}

async function cancel(job, fail) {
  const sure = await ask({ title: tOf(job, "job.stop_title"), body: [tOf(job, "job.stop_text")], yes: tOf(job, "job.stop"), no: t("job.keep"), danger: true });
  if (!sure) return;
  try {
    const { outcome } = await call("cancel", { ids: { job_id: job.id } });
    announce(tOf(job, `job.${outcome}`));
  } catch (error) {
    fail(error);
  }
}
