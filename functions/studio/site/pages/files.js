import { call } from "../api.js";
import { h } from "../dom.js";
import { moment, t } from "../words.js";

export async function render({ id, signal }) {
  const files = await call("files", { ids: { model_id: id }, signal });
  return { title: t("model.downloads"), body: [
    h("p", {}, h("a", { href: `#/models/${id}` }, t("files.back"))),
    groups(files.data),
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
