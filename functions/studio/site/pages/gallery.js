// What is drawn with a model: the prompt, its styles, and every picture that is still kept.

import { call, pause } from "../api.js";
import { announce, h } from "../dom.js";
import { isFavourite, setFavourite } from "../favourites.js";
import { code, date, said, t } from "../words.js";

const STYLES = ["photo", "cinematic", "studio", "analog", "watercolor", "oil", "pencil", "comic", "anime", "3d"];
const ORDERS = 24;
const ENDED = ["succeeded", "failed", "canceled"];
const DAY = 86_400_000;
const LEFT = 60_000;

export function gallery({ model, settings, signal }) {
  const orders = new Map();
  const list = h("ul", { class: "pictures" });
  const empty = h("p", { class: "muted", hidden: true }, t("gallery.empty"));
  const compared = [];
  const compare = h("button", { type: "button", "aria-disabled": "true", onclick: () => { if (compared.length === 2) beside(compared); } },
    t("gallery.compare_two"));
  const only = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
    only.setAttribute("aria-pressed", String(only.getAttribute("aria-pressed") !== "true"));
    show();
  } }, t("gallery.only"));

  function show() {
    const some = only.getAttribute("aria-pressed") === "true";
    for (const { order, line, pictures } of orders.values()) {
      const shown = pictures.map((item) => { item.line.hidden = some && !isFavourite(item.id); return !item.line.hidden; });
      line.hidden = some && !shown.some(Boolean);
      if (order.status !== "succeeded") line.hidden = some;
    }
    empty.hidden = [...orders.values()].some(({ line }) => !line.hidden);
    compare.setAttribute("aria-disabled", String(compared.length !== 2));
  }

  /** Show an order anew; its place in the list stays. */
  function put(order, first = false) {
    const known = orders.get(order.id);
    const line = known?.line ?? h("li", { class: "order" });
    compared.splice(0, compared.length, ...compared.filter((one) => one.order.id !== order.id));
    const pictures = order.images.map((image, index) => picture(order, image, index));
    orders.set(order.id, { order, line, pictures });
    line.replaceChildren(...(order.status === "succeeded" ? [...pictures.map((one) => one.line)] : [state(order)]));
    if (!known) list[first ? "prepend" : "append"](line);
    show();
  }

  function state(order) {
    if (!ENDED.includes(order.status)) {
      const why = order.waiting_for && code(order.waiting_for).title;
      return h("div", { class: "photo placeholder" }, h("span", {}, why || t("gallery.drawing")), h("progress", { "aria-label": t("gallery.drawing") }),
        h("button", { type: "button", class: "quiet", onclick: () => call("cancelPicture", { ids: { picture_id: order.id } }).catch(() => {}) },
          t("gallery.stop")));
    }
    const { title, hint } = order.failure ? code(order.failure.code) : { title: t("status.canceled"), hint: "" };
    return h("div", { class: "notice bad" }, h("p", {}, h("b", {}, title)), h("p", {}, hint),
      order.refusal_id && appeal(order), order.order && again(order));
  }

  /** Ask the operator to let a refused prompt through, or say how the appeal stands. */
  function appeal(order) {
    const state = h("p", { role: "status" });
    if (order.appeal) {
      state.textContent = t(`appeals.status.${order.appeal}`);
      return [state];
    }
    const button = h("button", { type: "button", class: "quiet", onclick: async () => {
      try {
        const { status } = await call("appeal", { ids: { refusal_id: order.refusal_id }, body: {} });
        state.textContent = t(`appeals.status.${status}`);
        button.remove();
      } catch (error) {
        state.textContent = said(error);
      }
    } }, t("appeals.ask"));
    return [state, button];
  }

  /** Draw it once more: with another seed, but what an operator has granted exactly as it was. */
  const again = (order) => h("button", { type: "button", class: "quiet",
    onclick: () => draw(order.appeal === "granted" ? order.order : { ...order.order, seed: undefined }) }, t("gallery.again"));

  function picture(order, image, index) {
    const id = `${order.id}/${index}`;
    const words = order.order?.prompt ?? t("model.picture", { n: index + 1 });
    const star = h("button", { type: "button", class: "chip star", "aria-pressed": String(isFavourite(id)), onclick: () => {
      setFavourite(id, !isFavourite(id));
      star.setAttribute("aria-pressed", String(isFavourite(id)));
      announce(t(isFavourite(id) ? "gallery.kept" : "gallery.not_kept"));
      show();
    } }, t("gallery.favourite"));
    const entry = { id, order, image, words };
    const tick = h("button", { type: "button", class: "chip", "aria-pressed": "false", onclick: () => {
      const place = compared.findIndex((one) => one.id === id);
      if (place >= 0) compared.splice(place, 1); else if (compared.push(entry) > 2) compared.shift().untick();
      tick.setAttribute("aria-pressed", String(place < 0));
      show();
    } }, t("gallery.compare"));
    entry.untick = () => tick.setAttribute("aria-pressed", "false");
    const until = date(new Date(Date.parse(order.created_at) + settings.photo_retention_days * DAY));
    entry.line = h("figure", {}, h("img", { src: image.url, alt: words, loading: "lazy", width: order.width, height: order.height }),
      h("figcaption", {}, h("p", { class: "prompt" }, words), h("small", {}, t("gallery.until", { until })),
        h("div", { class: "chips" }, star, tick,
          order.order && chip("gallery.again", () => draw({ ...order.order, seed: undefined })),
          chip("gallery.download", fresh(order, index, (_, { url }) => h("a", { href: url, download: true }).click())),
          chip("gallery.share", fresh(order, index, share)))));
    return entry;
  }

  /** Order; returns as soon as the order is taken, and shows the pictures when they come. */
  async function draw(wanted) {
    const body = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined && value !== null));
    problem.replaceChildren();
    announce(t("gallery.drawing"));
    try {
      const order = await call("draw", { ids: { model_id: model.id }, query: { wait: 0 }, body, signal });
      put(order, true);
      followed(order).then(told).catch(wrong);
    } catch (error) {
      wrong(error);
    }
  }

  const told = (order) => { if (order) announce(order.status === "succeeded" ? t("gallery.ready") : code(order.failure?.code ?? "canceled").title); };
  const wrong = (error) => { if (!signal.aborted) problem.textContent = said(error); };

  /** Do something with a picture whose link is good: a page may stay open for longer than its links. */
  const fresh = (order, index, use) => async () => {
    try {
      const good = Date.parse(order.expires_at) - Date.now() > LEFT;
      const now = good ? order : await call("picture", { ids: { picture_id: order.id }, signal });
      if (!good) put(now);
      use(now, now.images[index]);
    } catch (error) {
      wrong(error);
    }
  };

  /** Wait for an order's end; a lost connection does not end the wait. */
  async function followed(order) {
    let now = order;
    while (!ENDED.includes(now.status) && !signal.aborted) {
      try {
        now = await call("picture", { ids: { picture_id: order.id }, query: { wait: 20 }, signal });
        if (!signal.aborted) put(now);
      } catch (error) {
        if (signal.aborted) return null;
        if (error.status && error.status !== 429 && error.status < 500) throw error;
        await pause(3000);
      }
    }
    return now;
  }

  /** An order may go between the list and the look at it: it has expired, or was erased. */
  const gone = (error) => { if (error.status !== 404) throw error; };

  /** Show the next of this model's orders, the newest first; the list is the tenant's, so it may take several pages. */
  async function load() {
    while (next !== null && rest.length < ORDERS) {
      const page = await call("pictures", { query: { limit: 100, after: next }, signal });
      rest.push(...page.data.filter((order) => order.model_id === model.id && !orders.has(order.id)));
      next = page.next;
    }
    const asked = rest.splice(0, ORDERS).map((order) => call("picture", { ids: { picture_id: order.id }, signal }).catch(gone));
    const whole = (await Promise.all(asked)).filter(Boolean);
    whole.forEach((order) => put(order));
    show();
    older.hidden = next === null && !rest.length;
    whole.filter((order) => !ENDED.includes(order.status)).forEach((order) => followed(order).catch(() => {}));
  }

  const problem = h("p", { class: "bad-text", role: "alert" });
  const rest = [];
  let next;
  const older = h("button", { type: "button", class: "after", hidden: true, onclick: () => load().catch(wrong) }, t("gallery.older"));
  load().catch(wrong);
  return [form(model, draw, problem), h("div", { class: "card" }, h("h2", {}, t("gallery.title")),
    h("div", { class: "row after-row" }, only, compare), empty, list, older)];
}

/** The prompt with its style, and what should not be seen. */
function form(model, draw, problem) {
  const word = model.trigger_word;
  const words = model.trigger_words?.length ? model.trigger_words : [word];
  const text = h("textarea", { id: "prompt", maxlength: "2000", "aria-describedby": "prompt-hint" }, t("draw.example", { word }));
  const hint = h("p", { class: "hint", id: "prompt-hint" });
  const check = () => { hint.textContent = t(named(text.value, words) ? "draw.named" : "draw.unnamed", { word: words.join(", ") }); };
  text.addEventListener("input", check);
  check();
  let style = null;
  const chips = [null, ...STYLES].map((name) => {
    const chip = h("button", { type: "button", class: "chip", "aria-pressed": String(name === null), onclick: () => {
      style = name;
      chips.forEach((one) => one.setAttribute("aria-pressed", String(one === chip)));
    } }, t(`style.${name ?? "none"}`));
    return chip;
  });
  const negative = h("input", { type: "text", id: "negative", maxlength: "2000" });
  const many = h("select", { id: "many" }, [1, 2, 4].map((n) => h("option", { value: String(n) }, String(n))));
  const submit = (event) => {
    event.preventDefault();
    if (!text.value.trim()) { text.focus(); return null; }
    return draw({ prompt: text.value.trim(), negative_prompt: negative.value.trim() || undefined, style: style ?? undefined,
      num_images_per_prompt: Number(many.value) });
  };
  return h("form", { class: "card", onsubmit: submit, novalidate: true }, h("h2", {}, h("label", { for: "prompt" }, t("draw.title"))), text, hint,
    h("div", { class: "chips", role: "group", "aria-label": t("draw.styles") }, chips),
    h("div", { class: "two" }, h("label", { class: "field" }, h("span", {}, t("draw.negative")), negative),
      h("label", { class: "field" }, h("span", {}, t("draw.many")), many)),
    problem, h("div", { class: "row" }, h("button", { type: "submit", class: "primary" }, t("draw.go")), h("small", {}, t("draw.time"))));
}

const chip = (words, onclick) => h("button", { type: "button", class: "chip", onclick }, t(words));

/** Whether a prompt names one of the subjects; of several, a placeholder may mean any, and the endpoint refuses it. */
const named = (text, words) => words.some((word) => text.toLowerCase().includes(word.toLowerCase()))
  || (words.length === 1 && text.includes("<<TOK>>"));

function beside(pair) {
  const dialog = h("dialog", { class: "wide-dialog", "aria-labelledby": "compare", onclose: () => dialog.remove() },
    h("h2", { id: "compare" }, t("gallery.compare_title")),
    h("div", { class: "pair" }, pair.map(({ image, words, order }) => h("figure", {}, h("img", { src: image.url, alt: words }),
      h("figcaption", {}, words, h("br"), h("small", {}, about(order, image)))))),
    h("div", { class: "row after" }, h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, t("close"))));
  document.body.append(dialog);
  dialog.showModal();
}

/** The style and the seed of a picture. */
function about({ order }, { seed }) {
  const { style } = order ?? {};
  return [style && t(`style.${style}`), t("gallery.seed", { seed })].filter(Boolean).join(" · ");
}

/** Nothing is shared until the person copies a link here; the link ends by itself. */
function share(order, image) {
  const state = h("p", { role: "status" });
  const copy = h("button", { type: "button", class: "primary", onclick: async () => {
    try {
      await navigator.clipboard.writeText(image.url);
      state.textContent = t("share.copied");
    } catch {
      state.textContent = t("share.refused");
    }
  } }, t("share.copy"));
  const dialog = h("dialog", { "aria-labelledby": "share", onclose: () => dialog.remove() },
    h("h2", { id: "share" }, t("share.title")), h("p", {}, t("share.off")),
    h("p", {}, t("share.link", { until: new Date(order.expires_at).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" }) })),
    state, h("div", { class: "row" }, h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, t("close")), copy));
  document.body.append(dialog);
  dialog.showModal();
}
