// A LoRA that another tool has trained: the file, its word, what it shows, and the consent; then its import begins.

import { begun, call, sendLarge } from "../api.js";
import { announce, h } from "../dom.js";
import { code, date, money, said, t, time } from "../words.js";
import { asking } from "./consent.js";

const TYPE = "application/x-safetensors";
const NAME = "000.safetensors";
const MAX_LORA_BYTES = 419_430_400;
const WORD = /^[\p{L}\p{M}\p{N}_-]+( [\p{L}\p{M}\p{N}_-]+)*$/u;

let sent = null; // a file whose upload has no import yet: after a refusal it is not sent again

const promptsOf = (subject, word, thing) => {
  if (subject === "face") return { instance_prompt: `a photo of ${word} person`, class_prompt: "a photo of a person" };
  if (!thing) return { instance_prompt: `a photo of ${word}`, class_prompt: "a photo of an object" };
  return { instance_prompt: `a photo of ${word} ${thing}`, class_prompt: `a photo of a ${thing}` };
};

export function render(context) {
  const { settings, signal, go } = context;
  const found = { subject: "face", shows: "self", consent: null, picked: () => { what.hidden = found.subject === "face"; } };
  const file = h("input", { type: "file", accept: ".safetensors", required: true });
  const word = h("input", { type: "text", maxlength: "24", autocapitalize: "off", spellcheck: "false", required: true });
  const thing = h("input", { type: "text", maxlength: "60", autocapitalize: "off" });
  const alpha = h("input", { type: "number", min: "0", step: "any", inputmode: "decimal" });
  const what = field("lora.thing", thing);
  what.hidden = true;
  const bar = h("progress", { max: "1", value: 0, hidden: true, "aria-label": t("lora.sending") });
  const begin = h("button", { class: "primary", type: "submit" }, t("lora.start"));
  const price = h("dl", {});
  const { submit, problem, text, subject, whom, agree } = asking(found, context, bring);

  function fields(event) {
    const [chosen] = file.files;
    const good = chosen?.name.toLowerCase().endsWith(".safetensors") && chosen.size > 0 && chosen.size <= MAX_LORA_BYTES;
    const named = word.value.trim().length > 1 && WORD.test(word.value.trim());
    problem.textContent = good ? named ? "" : t("lora.word_needed") : t("lora.file_needed");
    if (good && named) return submit(event);
    event.preventDefault();
    (good ? word : file).focus();
  }

  async function bring() {
    const { consent, subject: shown } = found;
    const request = { adapter_file: NAME, trigger_word: word.value.trim(), consent, ...(alpha.value ? { lora_alpha: Number(alpha.value) } : {}),
      ...promptsOf(shown, word.value.trim(), thing.value.trim()) };
    try {
      const upload = await uploaded(file.files[0]);
      begin.textContent = t("photos.starting");
      const job = await begun(upload, request, signal);
      sent = null;
      go(`/jobs/${job}`, { replace: true });
    } catch (error) {
      if (error.status === undefined) sent = null;
      if (signal.aborted) return;
      problem.textContent = said(error);
      begin.textContent = t("lora.start");
    } finally {
      bar.hidden = true;
    }
  }

  async function uploaded(chosen) {
    if (sent?.file === chosen) return sent.upload;
    const made = await call("createUpload", { body: { files: [{ type: TYPE, size: chosen.size }] }, signal });
    bar.hidden = false;
    begin.textContent = t("lora.sending");
    announce(t("lora.sending"));
    await sendLarge(made.forms[0], chosen, (share) => { bar.value = share; }, signal);
    sent = { file: chosen, upload: made.id };
    return made.id;
  }

  async function estimate() {
    let figures = [];
    try {
      const { seconds, usd } = await call("estimate", { body: { request: { adapter_file: NAME, ...promptsOf("face", "sks") } }, signal });
      figures = [[t("photos.time"), t("about", { what: time(seconds) })], [t("photos.price"), money(usd)]];
    } catch (error) {
      if (signal.aborted) return;
      figures = [[t("photos.price"), code(error.code ?? "offline").title]];
    }
    const end = new Date(Date.now() + settings.photo_retention_days * 86_400_000);
    price.replaceChildren(...[...figures, [t("lora.kept"), date(end)]].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  estimate();
  return { title: t("lora.title"), way: "import", step: "lora", body: h("form", { class: "card narrow", onsubmit: fields, novalidate: true },
    h("p", {}, t("lora.text")), field("lora.file", file, t("lora.file_hint")), field("photos.word", word, t("lora.word_hint")),
    h("fieldset", { class: "plain" }, h("legend", {}, t("lora.subject")), subject), what,
    field("lora.alpha", alpha, t("lora.alpha_hint")),
    h("h2", {}, t("consent.title")), h("p", {}, t("lora.consent")), text, whom, agree, bar, problem, begin,
  ), facts: h("div", { class: "card" }, h("h2", {}, t("photos.before")), price) };
}

const field = (key, input, hint) => h("label", { class: "field" }, h("span", {}, t(key)), input, hint && h("span", { class: "hint" }, hint));
