import { call } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { code, moment, money, t, tOf } from "../words.js";
import { ENDED, numbers, pages, state, table } from "./parts.js";

export async function render({ me, signal, go, fail }) {
  const [jobs, usage] = await Promise.all([call("jobs", { query: { limit: 100 }, signal }), call("usage", { signal })]);
  const failed = jobs.data.filter((job) => job.status === "failed");
  const open = jobs.data.filter((job) => !ENDED.includes(job.status));
  const waiting = open.filter((job) => job.waiting_for || job.queue_place !== null);
  const today = new Date().toISOString().slice(0, 10);
  const ended = jobs.data.filter((job) => ENDED.includes(job.status) && job.updated_at.startsWith(today));
  const well = ended.filter((job) => job.status === "succeeded").length;
  const quota = usage.quotas;
  return { title: failed.length ? t("operator.failed", { n: failed.length }) : t("operator.well"), body: [
    pages(me, "/operator"),
    h("div", { class: "card" }, h("h2", {}, t("operator.now")), numbers([
      [String(open.length - waiting.length), t("operator.running")], [String(waiting.length), t("operator.waiting")],
      [ended.length ? `${well} / ${ended.length}` : "–", t("operator.ended_well")],
      [money(usage.usd), t("operator.spent_in", { month: usage.month })],
    ])),
    h("div", { class: "card" }, h("h2", {}, t("quota.title")), numbers([
      [`${quota.trainings_today} / ${quota.trainings_per_day}`, t("quota.trainings")],
      [String(quota.pictures_per_minute), t("quota.pictures")], [String(quota.requests_per_minute), t("quota.requests")],
    ]), h("p", { class: "muted after" }, t("quota.change"))),
    jobs.data.length === 0 ? h("p", { class: "muted" }, t("operator.none")) : h("div", { class: "card" },
      table(t("operator.jobs"), ["job", "state", "what", "changed", "do"].map((name) => t(`operator.${name}`)),
        jobs.data.map((job) => [h("a", { href: `#/jobs/${job.id}` }, h("code", {}, job.id.slice(0, 8))), state(job), what(job),
          moment(job.updated_at), action(job, go, fail)]))),
  ] };
}

function what(job) {
  if (!job.failure) {
    if (job.status !== "processing") return "";
    const place = job.queue_place === null ? "" : ` ${t("job.queue")}: ${job.queue_place}`;
    return `${job.waiting_for ? t(`job.waiting.${job.waiting_for}`) : tOf(job, `job.now.${job.stage}`)} (${job.percent} %)${place}`;
  }
  const { hint } = code(job.failure.code);
  return [hint, h("br"), h("code", {}, job.failure.code)];
}

function action(job, go, fail) {
  const id = h("span", { class: "unseen" }, ` ${job.id.slice(0, 8)}`);
  if (job.status === "failed") {
    return h("button", { type: "button", class: "small", onclick: () => redrive(job, go, fail) }, t("operator.redrive"), id);
  }
  if (ENDED.includes(job.status)) return "";
  return h("button", { type: "button", class: "small danger", onclick: () => stop(job, go, fail) }, t("operator.stop"), id);
}

async function redrive(job, go, fail) {
  const sure = await ask({ title: t("operator.redrive_title"), body: [code(job.failure.code).hint, t("operator.redrive_text")],
    yes: t("operator.redrive"), no: t("cancel") });
  if (!sure) return;
  try {
    const { outcome } = await call("redrive", { ids: { job_id: job.id } });
    await go("/operator");
    announce(t(`operator.${outcome}`));
  } catch (error) {
    fail(error);
  }
}

async function stop(job, go, fail) {
  const sure = await ask({ title: tOf(job, "job.stop_title"), body: [tOf(job, "job.stop_text")], yes: tOf(job, "job.stop"), no: t("job.keep"), danger: true });
  if (!sure) return;
  try {
    const { outcome } = await call("cancel", { ids: { job_id: job.id } });
    await go("/operator");
    announce(tOf(job, `job.${outcome}`));
  } catch (error) {
    fail(error);
  }
}
