import { call } from "../api.js";
import { announce, ask, h } from "../dom.js";
import { moment, t } from "../words.js";

export async function render({ id, me, settings, signal, fail }) {
  const files = await call("files", { ids: { model_id: id }, signal });
  return { title: t("model.downloads"), body: [
    h("p", {}, h("a", { href: `#/models/${id}` }, t("files.back"))),
    groups(files.data),
    settings.hub && me.scopes.includes("admin") && hub(id, fail),
    h("p", { class: "muted" }, t("model.links", { until: moment(files.expires_at) })),
  ] };
}

const KINDS = [["webui", /(^|\/)webui\//], ["diffusers", /\/(pytorch_lora_weights\.safetensors|manifest\.json)$/], ["peft", /(^|\/)peft\//], ["other", /./]];

function groups(files) {
  const rest = [...files];
  return KINDS.map(([name, pattern]) => {
    const of = rest.filter(({ path }) => pattern.test(path));
    of.forEach((file) => rest.splice(rest.indexOf(file), 1));
    if (!of.length) return "";
    const links = h("ul", { class: "files" }, of.map(({ path, url, sha256 }) => h("li", {}, h("a", { href: url, download: true }, path),
      " ", h("small", {}, `SHA-256 ${sha256.slice(0, 12)}…`))));
    return h("div", { class: "card" }, name === "other" ? h("details", {}, h("summary", {}, t("files.rest")), links)
      : [h("h2", {}, t(`files.${name}`)), h("p", { class: "muted" }, t(`files.${name}_hint`)), links]);
  });
}

/** Copy the model into the operator's hub, after a question: others may read it there. */
function hub(id, fail) {
  const place = h("p", { role: "status" });
  const push = async () => {
    if (!await ask({ title: t("hub.ask"), body: [t("hub.readers"), t("hub.erased")], yes: t("hub.push"), no: t("cancel") })) return;
    button.disabled = true;
    try {
      const made = await call("push", { ids: { model_id: id } });
      place.replaceChildren(t("hub.pushed", { n: made.files, when: moment(made.pushed_at) }), " ", h("code", {}, made.uri));
      announce(place.textContent);
      button.textContent = t("hub.again");
    } catch (error) {
      return void fail(error);
    } finally {
      button.disabled = false;
    }
  };
  const button = h("button", { type: "button", onclick: push }, t("hub.push"));
  return h("div", { class: "card" }, h("h2", {}, t("hub.title")), h("p", { class: "muted" }, t("hub.text")), place, button);
}
