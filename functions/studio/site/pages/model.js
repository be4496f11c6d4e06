import { call } from "../api.js";
import { ask, h } from "../dom.js";
import { date, percent, said, t, tOf } from "../words.js";
import { begin } from "./erased.js";
import { gallery } from "./gallery.js";
import { facts } from "./parts.js";

const SHOWN = 4;

export async function render({ id, me, settings, signal, go, fail }) {
  const ids = { model_id: id };
  const [model, job] = await Promise.all([call("model", { ids, signal }), call("job", { ids: { job_id: id }, signal })]);
  const files = model.disabled ? { data: [] } : await call("files", { ids, signal });
  const upload = { upload_id: job.upload_id };
  const photos = me.scopes.includes("train") ? await call("photos", { ids: upload, signal }).catch(gone) : { data: [] };
  const may = (scope) => me.scopes.includes(scope);
  return { title: tOf(job, headline(model.gate)), way: job.kind, step: "pictures", body: [
    h("p", { class: "muted" }, likeness(model.gate, job)),
    model.disabled && disabled(ids, may("admin")),
    beside(photos.data, drawn(files.data)),
    may("draw") && !model.disabled && gallery({ model, settings, signal }),
  ], facts: [h("div", { class: "card" }, h("h2", {}, t("model.yours")), facts([
    [t("model.word"), h("code", {}, model.trigger_words?.join(", ") || model.trigger_word)], [t("model.version"), String(model.version)],
    [tOf(job, "model.made"), date(model.created_at)], [t("model.base"), model.base_id],
  ]), !model.disabled && h("a", { class: "button wide", href: `#/models/${id}/files` }, t("model.downloads")),
  may("train") && h("a", { class: "button wide", href: "#/new" }, t("models.begin"))),
  may("erase") && h("div", { class: "card" }, h("h2", {}, t("erase.title")), h("p", {}, t("erase.promise")),
    h("button", { type: "button", class: "danger wide", onclick: () => erase(job, "model", ids, go, fail) }, t("erase.model")),
    h("button", { type: "button", class: "danger wide", onclick: () => erase(job, "upload", upload, go, fail) },
      tOf(job, "erase.upload")))].filter(Boolean) };
}

/** Somebody has reported a picture: the model draws nothing, and an owner may ask to look again. */
function disabled(ids, owns) {
  const state = h("p", { role: "status" });
  const button = h("button", { type: "button", onclick: async () => {
    try {
      await call("appealTakedown", { ids });
      state.textContent = t("disabled.asked");
      button.remove();
    } catch (error) {
      state.textContent = said(error);
    }
  } }, t("disabled.ask"));
  return h("div", { class: "notice bad" }, h("p", {}, h("b", {}, t("disabled.title"))), h("p", {}, t("disabled.text")), owns && [state, button]);
}

function gone(error) {
  if (error.status === 404) return { data: [] };
  throw error;
}

/** What the model has drawn before it was published, without the sheet: the latest steps come after the rest. */
const drawn = (files) => files.filter(({ path }) => /\.(png|jpe?g)$/.test(path) && !path.endsWith("/samples.png"))
  .sort((one, other) => step(other.path) - step(one.path));

const step = (path) => Number(/step-(\d+)/.exec(path)?.[1] ?? Infinity);

function beside(photos, pictures) {
  if (!pictures.length && !photos.length) return "";
  const shown = (links, alt) => h("ul", { class: "pair" }, links.slice(0, SHOWN).map(({ url }, index) => {
    const picture = h("img", { src: url, alt: t(alt, { n: index + 1 }), loading: "lazy" });
    const line = h("li", {}, picture);
    picture.onerror = () => line.remove(); // HEIC is no picture for most browsers
    return line;
  }));
  return h("div", { class: "card beside" },
    photos.length > 0 && h("div", {}, h("h2", {}, t("model.photos")), shown(photos, "photos.number")),
    pictures.length > 0 && h("div", {}, h("h2", {}, t("model.sheet")), shown(pictures, "model.picture")));
}

/** Ask, with what goes and what stays, and erase; the next page waits for the receipt. */
async function erase(job, what, ids, go, fail) {
  const body = [tOf(job, `erase.${what}_goes`), tOf(job, `erase.${what}_stays`), t("erase.final")];
  if (!await ask({ title: tOf(job, `erase.${what}_title`), body, yes: tOf(job, `erase.${what}`), no: t("cancel"), danger: true })) return;
  try {
    await begin(what === "model" ? "eraseModel" : "eraseUpload", ids);
    go("/erased");
  } catch (error) {
    fail(error);
  }
}

/** The key of the likeness in words; figures follow below. */
function headline(gate) {
  if (!gate || gate.identity === null) return "model.title";
  const share = gate.identity_photos ? gate.identity / gate.identity_photos : gate.identity;
  return share >= 0.9 ? "model.alike" : share >= 0.75 ? "model.near" : "model.far";
}

function likeness(gate, job) {
  if (!gate || gate.identity === null) return tOf(job, "model.unmeasured");
  const values = { identity: percent(gate.identity), photos: percent(gate.identity_photos ?? 1), follows: percent(gate.prompt_following ?? 0) };
  return [t("model.likeness", values), gate.prompt_following !== null && t("model.follows", values)].filter(Boolean).join(" ");
}
