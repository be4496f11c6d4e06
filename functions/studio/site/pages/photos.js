import { begun, call } from "../api.js";
import { takePhotos } from "../camera.js";
import { ACCEPT, GOOD, MAX_PHOTOS, draft, forgetDraft } from "../draft.js";
import { announce, ask, h } from "../dom.js";
import { POSES } from "../poses.js";
import { code, date, money, t, time } from "../words.js";

const ENOUGH = 10;

export async function render({ me, settings, signal, go, fail }) {
  const found = draft(me.tenant);
  if (found.consent === null) { go("/new", { replace: true }); return null; }
  try {
    await found.restored();
  } catch (error) {
    if (error.status !== 404) throw error;
    forgetDraft(); // the photos of an old visit have expired
    go("/new", { replace: true });
    return null;
  }
  const min = settings.min_photos;
  const list = h("ul", { class: "grid" });
  const items = new Map();
  const says = h("p", { class: "muted", id: "photos-state" });
  const price = h("dl", {});
  const why = h("p", { class: "hint", id: "why" });
  const poses = h("ul", { class: "stages" });
  const begin = h("button", { class: "primary wide", type: "button", "aria-describedby": "why" }, t("photos.start"));
  let estimated = 0;

  const note = h("p", { class: "bad-text", role: "alert" }, found.lost > 0 && t("photos.lost", { n: found.lost }));

  const add = (files, pose) => {
    const { added, many, known } = found.add(files, pose);
    note.textContent = [known > 0 && t("photos.known", { n: known }), many > 0 && t("photos.too_many", { n: MAX_PHOTOS })].filter(Boolean).join(" ");
    if (added) announce(t("photos.added", { n: added }));
  };

  function item(photo) {
    const picture = h("img", { class: "photo", src: photo.url, alt: t("photos.number", { n: found.photos.indexOf(photo) + 1 }) });
    picture.onerror = () => picture.replaceWith(h("div", { class: "photo" }, photo.type.split("/")[1]?.toUpperCase() ?? "?"));
    const verdict = h("div", { class: "verdict" });
    const line = h("li", {}, picture, verdict, h("div", { class: "row" },
      h("button", { type: "button", class: "quiet", onclick: () => { const next = line.nextElementSibling ?? line.previousElementSibling;
        found.remove(photo).catch(fail); (next?.querySelector("button") ?? choose).focus(); } },
      t("photos.remove"), h("span", { class: "unseen" }, ` ${picture.alt ?? ""}`))));
    return { line, verdict };
  }

  function judge(photo, { line, verdict }) {
    const good = GOOD.includes(photo.state);
    const about = photo.codes.map(code).filter(({ title }) => title);
    const words = good && photo.advised ? t("verdict.advised") : t(`verdict.${photo.state}`);
    line.className = good ? (photo.advised ? "advice" : "good") : ["refused", "failed"].includes(photo.state) ? "refused" : "";
    const shown = good && !photo.advised ? [] : about;
    const again = photo.state === "failed" && h("button", { type: "button", class: "quiet", onclick: () => found.retry(photo) },
      t("error.again"));
    verdict.replaceChildren(
      h("b", { class: "sign", "aria-hidden": "true" }, good ? (photo.advised ? "!" : "✓") : line.className ? "✕" : "…"),
      h("span", {}, h("b", {}, words), shown.map(({ title, hint }) => [h("br"), `${title}. ${hint}`]), again || ""));
  }

  function refresh(changed) {
    for (const photo of found.photos) {
      if (!items.has(photo)) { items.set(photo, item(photo)); list.append(items.get(photo).line); judge(photo, items.get(photo)); }
    }
    for (const [photo, { line }] of items) if (!found.photos.includes(photo)) { line.remove(); items.delete(photo); }
    if (changed && items.has(changed)) judge(changed, items.get(changed));
    const good = found.good.length;
    const bad = found.photos.length - good - found.busy.length;
    const title = good < min ? t("photos.more", { n: min - good }) : good < ENOUGH ? t("photos.enough") : t("photos.plenty");
    document.querySelector("h1")?.replaceChildren(title);
    says.textContent = found.photos.length
      ? [t("photos.good", { n: good }), bad > 0 && t("photos.bad", { n: bad }), found.busy.length > 0 && t("photos.busy", { n: found.busy.length })]
        .filter(Boolean).join(" ") : t("photos.advice");
    const reason = found.busy.length ? t("photos.wait") : good < min ? t("photos.min", { n: min }) : "";
    begin.setAttribute("aria-disabled", reason !== "");
    choose.className = good < min ? "primary" : "";
    why.textContent = reason || t("photos.leave");
    poses.replaceChildren(...POSES.map((pose) => {
      const n = found.good.filter((photo) => photo.pose === pose).length;
      return h("li", {}, h("span", { "aria-hidden": "true" }, n ? "✓" : "○"), h("span", {}, t(`pose.${pose}`)), h("small", {}, String(n)));
    }));
    if (!found.busy.length) { announce(`${title}. ${says.textContent}`); estimate(); }
    return title;
  }

  async function estimate() {
    const photos = Math.max(found.good.length, min);
    if (photos === estimated) return;
    estimated = photos;
    let figures = [];
    try {
      const { seconds, usd } = await call("estimate", { body: { photos, request: found.request }, signal });
      figures = [[t("photos.time"), t("about", { what: time(seconds) })], [t("photos.price"), money(usd)]];
    } catch (error) {
      if (signal.aborted) return;
      figures = [[t("photos.price"), code(error.code ?? "offline").title]];
    }
    const end = new Date(Date.now() + settings.photo_retention_days * 86_400_000);
    price.replaceChildren(...[...figures, [t("photos.kept"), date(end)]].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  async function start() {
    if (begin.getAttribute("aria-disabled") === "true") { announce(why.textContent); return; }
    begin.setAttribute("aria-disabled", "true");
    begin.textContent = t("photos.starting");
    try {
      const job = await begun(await found.settled(), found.request, signal);
      forgetDraft();
      go(`/jobs/${job}`, { replace: true });
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
  }

  const file = h("input", { type: "file", accept: ACCEPT, multiple: true, class: "unseen", tabindex: "-1", "aria-hidden": "true",
    onchange: () => { add(file.files); file.value = ""; } });
  const choose = h("button", { type: "button", class: "primary", onclick: () => file.click() }, t("photos.choose"));
  const camera = h("button", { type: "button", onclick: () => takePhotos((photo, pose) => add([photo], pose)) }, t("photos.camera"));
  const drop = h("div", { class: "drop",
    ondragover: (event) => { event.preventDefault(); drop.dataset.over = ""; },
    ondragleave: () => { delete drop.dataset.over; },
    ondrop: (event) => { event.preventDefault(); delete drop.dataset.over; add(event.dataTransfer.files); },
  }, h("p", {}, t("photos.drop")), h("div", { class: "row" }, choose, camera), file, h("small", {}, t("photos.types")));
  begin.addEventListener("click", start);
  const discard = h("button", { type: "button", class: "quiet danger wide", onclick: async () => {
    const body = [t("photos.discard_goes"), t("erase.final")];
    if (!await ask({ title: t("photos.discard_title"), body, yes: t("photos.discard"), no: t("cancel"), danger: true })) return;
    try {
      for (const photo of [...found.photos]) await found.remove(photo);
      forgetDraft();
      go("/models");
    } catch (error) {
      fail(error);
    }
  } }, t("photos.discard"));
  found.changed = (photo) => { if (!signal.aborted) refresh(photo); };

  const title = refresh();
  const word = h("input", { type: "text", value: found.word, maxlength: "24", autocapitalize: "off", spellcheck: "false",
    onchange: () => { found.word = word.value.trim() || "sks"; word.value = found.word; found.save(); } });
  return { title, step: "photos", body: [says, drop, note, list], facts: [
    found.subject === "face" && h("div", { class: "card" }, h("h2", {}, t("poses.title")), poses, h("p", { class: "hint" }, t("poses.counted"))),
    h("div", { class: "card" }, h("h2", {}, t("photos.before")), price,
      h("label", { class: "field" }, h("span", {}, t("photos.word")), word, h("span", { class: "hint" }, t("photos.word_hint"))),
      begin, why, discard),
  ].filter(Boolean) };
}
