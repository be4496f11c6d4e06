// Who made a picture, for anybody who has it: no account, no sign-in; the picture is read, and kept nowhere.

import { call } from "./api.js";
import { announce, h } from "./dom.js";
import { MAX_BYTES, draw, field, read } from "./public.js";
import { load, moment, preferred, said, t } from "./words.js";

const LIMITS = ["no_mark", "who", "copied"];
let verdict = null;

function form() {
  const file = h("input", { type: "file", accept: "image/*", required: true, "aria-describedby": "verify-problem" });
  const problem = h("p", { class: "bad-text", id: "verify-problem", role: "alert" });
  const button = h("button", { class: "primary", type: "submit" }, t("verify.send"));
  const check = async (picture) => {
    problem.textContent = "";
    if (!picture || picture.size > MAX_BYTES) { problem.textContent = t("takedown.file_needed"); file.focus(); return; }
    button.disabled = true;
    button.textContent = t("verify.busy");
    announce(t("verify.busy"));
    try {
      verdict = await call("verify", { token: null, body: { picture: await read(picture) } });
      show();
      announce(answer());
    } catch (error) {
      problem.textContent = said(error);
      button.disabled = false;
      button.textContent = t("verify.send");
    }
  };
  const drop = h("div", { class: "drop",
    ondragover: (event) => { event.preventDefault(); drop.dataset.over = ""; },
    ondragleave: () => { delete drop.dataset.over; },
    ondrop: (event) => { event.preventDefault(); delete drop.dataset.over; check(event.dataTransfer.files[0]); },
  }, h("p", {}, t("verify.drop")), field(t("takedown.file"), file, t("takedown.file_hint")));
  const submit = (event) => { event.preventDefault(); check(file.files[0]); };
  return h("div", { class: "card narrow" }, h("p", {}, t("verify.text")),
    h("form", { onsubmit: submit, novalidate: true }, drop, problem, button));
}

const answer = () => t(verdict.made_here ? "verify.yes" : "verify.no");

/** What the watermark says; where our own credentials say why there is none, that reason. */
function watermark() {
  if (verdict.watermark) return t("verify.watermark.found");
  const known = verdict.watermark_stated === "off" || verdict.watermark_stated === "too-small";
  return t(`verify.watermark.${known ? verdict.watermark_stated : "none"}`);
}

function result() {
  const rows = [["credentials", t(`verify.credentials.${verdict.credentials}`)], ["watermark", watermark()],
    ["made_at", verdict.made_at ? moment(verdict.made_at) : t("verify.made_at.unknown")]];
  return h("div", { class: "card narrow", data: { verdict: verdict.made_here ? "yes" : "no" } },
    h("h2", {}, answer()), h("p", {}, t(verdict.made_here ? "verify.yes_text" : "verify.no_text")),
    rows.map(([name, words]) => [h("h3", {}, t(`verify.${name}`)), h("p", {}, words)]),
    h("h3", {}, t("verify.limits")), h("ul", {}, LIMITS.map((one) => h("li", {}, t(`verify.limit.${one}`)))),
    h("p", {}, h("a", { href: "takedown.html" }, t("takedown.title"))));
}

const show = () => draw("verify.title", [verdict && result(), form()], show);

await load(preferred());
show();
