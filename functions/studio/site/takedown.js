// A report of a picture by anybody: no account, no sign-in, nothing kept in the browser.

import { call } from "./api.js";
import { announce, h } from "./dom.js";
import { MAX_BYTES, draw, field, read } from "./public.js";
import { load, moment, preferred, said, t } from "./words.js";

const REASONS = ["intimate", "minor", "no_consent", "other"];
const SPEAKERS = ["shown_person", "representative"];

const choice = (values, word) => h("select", {}, values.map((one) => h("option", { value: one }, word(one))));

function form() {
  const file = h("input", { type: "file", accept: "image/*", required: true, "aria-describedby": "takedown-problem" });
  const reason = choice(REASONS, (one) => t(`takedown.reason.${one}`));
  const speaker = choice(SPEAKERS, (one) => t(`takedown.i_am.${one}`));
  const words = h("textarea", { maxlength: "2000", rows: "4" });
  const contact = h("input", { type: "text", maxlength: "254", autocomplete: "email" });
  const problem = h("p", { class: "bad-text", id: "takedown-problem", role: "alert" });
  const button = h("button", { class: "primary", type: "submit" }, t("takedown.send"));
  const submit = async (event) => {
    event.preventDefault();
    const [picture] = file.files;
    if (!picture || picture.size > MAX_BYTES) { problem.textContent = t("takedown.file_needed"); file.focus(); return; }
    button.disabled = true;
    try {
      done(await call("reportPicture", { token: null, body: {
        picture: await read(picture), reason: reason.value, i_am: speaker.value, words: words.value, contact: contact.value,
      } }));
    } catch (error) {
      problem.textContent = said(error);
      button.disabled = false;
    }
  };
  return [h("div", { class: "card narrow" }, h("p", {}, t("takedown.text")), h("p", {}, t("takedown.marks")),
    h("p", {}, h("a", { href: "verify.html" }, t("verify.title"))),
    h("form", { onsubmit: submit, novalidate: true },
      field(t("takedown.file"), file, t("takedown.file_hint")),
      field(t("takedown.reason"), reason), field(t("takedown.i_am"), speaker),
      field(t("takedown.words"), words), field(t("takedown.contact"), contact, t("takedown.contact_hint")),
      problem, button)), lookUp()];
}

function done(made) {
  announce(t("takedown.sent"));
  draw("takedown.sent", h("div", { class: "card narrow" }, h("p", {}, t("takedown.until", { at: moment(made.due_at) })),
    h("p", {}, t("takedown.keep"), " ", h("code", {}, made.id))), () => done(made));
}

function lookUp() {
  const id = h("input", { type: "text", maxlength: "35", spellcheck: "false", autocomplete: "off" });
  const found = h("p", { role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      const { status } = await call("takedown", { token: null, ids: { case_id: id.value.trim() } });
      found.textContent = t(`takedown.status.${status}`);
    } catch (error) {
      found.textContent = said(error);
    }
  };
  return h("div", { class: "card narrow" }, h("form", { onsubmit: submit },
    field(t("takedown.ask"), id), h("button", { type: "submit" }, t("takedown.look")), found));
}

const show = () => draw("takedown.title", form(), show);

await load(preferred());
show();
