import { call } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { moment, said, t, time } from "../words.js";
import { all, facts, table } from "./parts.js";

const REASONS = ["no_mark", "not_this_person", "consent_shown", "duplicate", "no_ground"];
const TICK = 30_000;
const IDS = /[0-9a-f]{32}/g;

/** The reports of all pictures, for whoever has the scope `operate`: what waits, the most urgent first. */
export async function render({ signal, go, fail }) {
  const cases = await all("takedowns", signal);
  const waiting = cases.filter(due).sort((one, other) => due(one) - due(other));
  const decided = cases.filter((one) => !due(one));
  const clocks = waiting.map((one) => [h("b", { class: "state" }), due(one)]);
  const tick = () => clocks.forEach(([clock, end]) => {
    clock.textContent = left(end);
    clock.dataset.state = end < Date.now() ? "failed" : "";
  });
  tick();
  const timer = setInterval(tick, TICK);
  signal.addEventListener("abort", () => clearInterval(timer));
  return { title: waiting.length ? t("cases.waiting", { n: waiting.length }) : t("cases.none"), body: [
    waiting.map((one, index) => card(one, clocks[index][0], { signal, go, fail })),
    decided.length > 0 && h("div", { class: "card" }, table(t("cases.decided"),
      ["received", "reason", "decision", "decided_at", "do"].map((name) => t(`cases.${name}`)),
      decided.map((one) => [moment(one.received_at), t(`takedown.reason.${one.reason}`), decision(one), moment(one.decided_at),
        one.status === "accepted" ? restore(one, { go, fail }) : ""]))),
  ] };
}

/** When somebody must have decided, in milliseconds; null: nothing waits. An appeal has the time of a report. */
function due(one) {
  if (one.status === "open") return Date.parse(one.due_at);
  if (one.status !== "accepted" || !one.appealed_at) return null;
  return Date.parse(one.appealed_at) + Date.parse(one.due_at) - Date.parse(one.received_at);
}

const left = (end) => t(end < Date.now() ? "cases.late" : "cases.left", { what: time(Math.abs(end - Date.now()) / 1000) });

const decision = ({ status, why }) => [t(`cases.status.${status}`), why && [h("br"), t(`cases.why.${why}`)]];

function card(one, clock, context) {
  const mark = one.looked_at === null ? t("cases.unread") : [
    `${t("verify.credentials")}: ${t(`verify.credentials.${one.credentials ?? "not_read"}`)}`, h("br"),
    `${t("verify.watermark")}: ${t(`verify.watermark.${one.watermark ? "found" : "none"}`)}`];
  const problem = h("p", { class: "bad-text", role: "alert" });
  const decide = decider(one, context, problem);
  return h("div", { class: "card", data: { case: one.case_id } },
    h("h2", {}, t(one.status === "open" ? `takedown.reason.${one.reason}` : "cases.appealed")), clock,
    h("dl", { class: "after" }, [["received", moment(one.received_at)], ["id", h("code", {}, one.case_id)]]
      .map(([name, value]) => [h("dt", {}, t(`cases.${name}`)), h("dd", {}, value)])),
    h("h3", {}, t("cases.marks")), h("p", {}, mark), evidence(one, context), problem,
    one.status === "open" ? answer(one, decide) : again(one, decide));
}

/** Return what sends a decision, and says under `problem` why it was not taken. */
const decider = (one, { go, fail }, problem) => async (name, body) => {
  try {
    const { status } = await call(name, { ids: { case_id: one.case_id }, body });
    await go("/takedowns");
    announce(t(`cases.status.${status}`));
  } catch (error) {
    if (error.status === 401) { fail(error); return; }
    problem.textContent = said(error);
  }
};

/** What was reported. It may hurt whoever sees it, so it is fetched and shown only when somebody opens it. */
function evidence(one, { signal }) {
  const inside = h("div", {});
  const show = async () => {
    const { report, picture_url: url } = await call("takedownEvidence", { ids: { case_id: one.case_id }, signal });
    const picture = h("img", { src: url, alt: t("cases.picture"), class: "evidence" });
    picture.onerror = () => picture.replaceWith(h("p", {}, t("cases.gone")));
    inside.replaceChildren(...(report ? [facts([[t("cases.reason"), t(`takedown.reason.${report.reason}`)],
      [t("cases.by"), t(`takedown.i_am.${report.i_am}`)], report.contact && [t("cases.contact"), report.contact]]),
    report.words ? h("p", { class: "prompt" }, report.words) : ""] : [h("p", {}, t("cases.gone"))]), picture);
  };
  const opened = h("details", { ontoggle: () => {
    if (opened.open && !inside.hasChildNodes()) show().catch((error) => { inside.textContent = said(error); });
  } }, h("summary", {}, t("cases.look")), inside);
  return opened;
}

/** Yes, for the models that the marks name or the operator enters; or no, with a reason. */
function answer(one, decide) {
  const ticks = one.models.map((model) => h("input", { type: "checkbox", checked: true, value: model }));
  const more = h("input", { type: "text", spellcheck: "false", autocomplete: "off" });
  const why = h("select", {}, REASONS.map((reason) => h("option", { value: reason }, t(`cases.why.${reason}`))));
  const accept = async () => {
    const models = [...ticks.filter((box) => box.checked).map((box) => box.value), ...(more.value.match(IDS) ?? [])];
    if (!models.length) { more.setCustomValidity(t("cases.model_needed")); more.reportValidity(); more.setCustomValidity(""); return; }
    const body = [t("cases.accept_text", { n: models.length })];
    if (await ask({ title: t("cases.accept_title"), body, yes: t("cases.accept"), no: t("cancel"), danger: true })) {
      await decide("acceptTakedown", { models });
    }
  };
  return [h("fieldset", { class: "plain after" }, h("legend", {}, t("cases.models")),
    ticks.map((box) => h("label", { class: "tick" }, box, h("code", {}, box.value))),
    h("label", { class: "field" }, h("span", {}, t("cases.other_model")), more,
      h("span", { class: "hint" }, t("cases.other_model_hint"))),
    h("button", { type: "button", class: "danger", onclick: accept }, t("cases.accept"))),
  h("label", { class: "field" }, h("span", {}, t("cases.why")), why),
  h("button", { type: "button", onclick: () => decide("refuseTakedown", { why: why.value }) }, t("cases.refuse"))];
}

/** The owner of a disabled model asks to look again: the models draw again, or stay as they are. */
const again = (one, decide) => [h("p", { class: "after" }, t("cases.appealed_text")),
  h("ul", {}, one.models.map((model) => h("li", {}, h("code", {}, model)))),
  h("div", { class: "row" }, h("button", { type: "button", onclick: () => decide("acceptTakedown", {}) }, t("cases.stay")),
    h("button", { type: "button", class: "danger", onclick: () => decide("restoreTakedown") }, t("cases.restore")))];

/** A second thought about a case that nobody has appealed. */
function restore(one, context) {
  const problem = h("p", { class: "bad-text", role: "alert" });
  const decide = decider(one, context, problem);
  return [h("button", { type: "button", class: "small danger", onclick: () => decide("restoreTakedown") }, t("cases.restore"),
    h("span", { class: "unseen" }, ` ${one.case_id}`)), problem];
}
