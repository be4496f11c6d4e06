import { call } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { date, percent, t } from "../words.js";
import { facts } from "./parts.js";

const PICTURES = /\.(png|jpe?g)$/;

export async function render({ id, me, signal, go, fail }) {
  const ids = { model_id: id };
  const [model, files, job] = await Promise.all([
    call("model", { ids, signal }), call("files", { ids, signal }), call("job", { ids: { job_id: id }, signal }),
  ]);
  const pictures = files.data.filter(({ path }) => PICTURES.test(path));
  return { title: headline(model.gate), step: "pictures", body: [
    h("p", { class: "muted" }, likeness(model.gate)),
    pictures.length > 0 && h("div", { class: "card" }, h("h2", {}, t("model.sheet")),
      h("ul", { class: "pictures" }, pictures.map(({ path, url }) => h("li", {}, h("figure", {},
        h("img", { src: url, alt: path, loading: "lazy" }), h("figcaption", {}, path.split("/").pop())))))),
    h("div", { class: "card" }, h("h2", {}, t("model.downloads")), groups(files.data),
      h("p", { class: "muted" }, t("model.links", { until: date(files.expires_at) }))),
  ], facts: [h("div", { class: "card" }, h("h2", {}, t("model.yours")), facts([
    [t("model.word"), h("code", {}, model.trigger_word)], [t("model.version"), String(model.version)],
    [t("model.made"), date(model.created_at)], [t("model.base"), model.base_id],
  ])), me.scopes.includes("erase") && h("div", { class: "card" }, h("h2", {}, t("erase.title")), h("p", {}, t("erase.promise")),
    h("button", { type: "button", class: "danger wide", onclick: () => erase("model", "eraseModel", ids, go, fail) }, t("erase.model")),
    h("button", { type: "button", class: "danger wide", onclick: () => erase("upload", "eraseUpload", { upload_id: job.upload_id }, go, fail) },
      t("erase.upload")))].filter(Boolean) };
}

/** Ask, with what goes and what stays, and erase. The receipt is made when the last byte has gone. */
async function erase(what, name, ids, go, fail) {
  const body = [t(`erase.${what}_goes`), t(`erase.${what}_stays`), t("erase.final")];
  if (!await ask({ title: t(`erase.${what}_title`), body, yes: t(`erase.${what}`), no: t("cancel"), danger: true })) return;
  try {
    await call(name, { ids });
    go("/models");
    announce(t("erase.done"));
  } catch (error) {
    fail(error);
  }
}

/** The likeness in words first; figures follow in brackets. */
function headline(gate) {
  if (!gate || gate.identity === null) return t("model.title");
  const share = gate.identity_photos ? gate.identity / gate.identity_photos : gate.identity;
  return share >= 0.9 ? t("model.alike") : share >= 0.75 ? t("model.near") : t("model.far");
}

function likeness(gate) {
  if (!gate || gate.identity === null) return t("model.unmeasured");
  const values = { identity: percent(gate.identity), photos: percent(gate.identity_photos ?? 1), follows: percent(gate.prompt_following ?? 0) };
  return [t("model.likeness", values), gate.prompt_following !== null && t("model.follows", values)].filter(Boolean).join(" ");
}

const KINDS = [["webui", /^webui\//], ["diffusers", /^adapter\//], ["peft", /^peft\//], ["other", /./]];

function groups(files) {
  const rest = [...files];
  return KINDS.map(([name, pattern]) => {
    const of = rest.filter(({ path }) => pattern.test(path));
    of.forEach((file) => rest.splice(rest.indexOf(file), 1));
    if (!of.length) return "";
    const links = h("ul", {}, of.map(({ path, url, sha256 }) => h("li", {}, h("a", { href: url, download: true }, path.split("/").pop()),
      " ", h("small", {}, `SHA-256 ${sha256.slice(0, 12)}…`))));
    return name === "other" ? h("details", {}, h("summary", {}, t("files.rest")), links)
      : [h("h3", {}, t(`files.${name}`)), h("p", { class: "muted" }, t(`files.${name}_hint`)), links];
  });
}
