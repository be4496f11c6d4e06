// The frame around every page: bar, steps, language, and which page an address shows.

import { call, credential, ownKey } from "./api.js";
import { h } from "./dom.js";
import { session, usePool } from "./people.js";
import { keepingTyped } from "./typed.js";
import { LANGUAGES, choose, code, language, load, preferred, said, t } from "./words.js";
import * as account from "./pages/account.js";
import * as appeals from "./pages/appeals.js";
import * as cases from "./pages/cases.js";
import * as consent from "./pages/consent.js";
import * as erased from "./pages/erased.js";
import * as files from "./pages/files.js";
import * as job from "./pages/job.js";
import * as keys from "./pages/keys.js";
import * as lora from "./pages/lora.js";
import * as members from "./pages/members.js";
import * as model from "./pages/model.js";
import * as models from "./pages/models.js";
import * as operator from "./pages/operator.js";
import * as photos from "./pages/photos.js";
import * as signIn from "./pages/sign_in.js";

const PAGES = [
  [/^\/models$/, models], [/^\/models\/(?<id>[0-9a-f]{32})$/, model], [/^\/new$/, consent],
  [/^\/new\/photos$/, photos], [/^\/new\/lora$/, lora], [/^\/jobs\/(?<id>[0-9a-f]{32})$/, job], [/^\/operator$/, operator],
  [/^\/account$/, account], [/^\/models\/(?<id>[0-9a-f]{32})\/files$/, files], [/^\/erased$/, erased], [/^\/operator\/keys$/, keys],
  [/^\/operator\/people$/, members], [/^\/appeals$/, appeals], [/^\/takedowns$/, cases],
];
const STEPS = { training: ["consent", "photos", "training", "pictures"], import: ["lora", "import", "pictures"] };
const OPERATING = [cases, appeals, account];
const state = { me: null, settings: null };
let leaving = new AbortController();
let why = ""; // why somebody who had signed in has to do it again

/** A page exports `render(context)`, which returns {title, step, facts, body}, or null to stay as it is. */
async function show() {
  leaving.abort();
  leaving = new AbortController();
  const address = location.hash.slice(1) || "/models";
  const [pattern, page] = PAGES.find(([one]) => one.test(address)) ?? PAGES[0];
  document.getElementById("frame").setAttribute("aria-busy", "true");
  const context = { ...pattern.exec(address)?.groups, ...state, signal: leaving.signal, go, redraw: draw, fail };
  if (credential.get() === null) return draw(signIn.render({ ...context, enter, why }));
  try {
    state.me ??= await call("me", { signal: leaving.signal });
    if (!state.me.scopes.includes("read") && !OPERATING.includes(page)) return go("/takedowns", { replace: true }); // who runs the stack sees no tenant
    const drawn = await page.render({ ...context, me: state.me });
    if (drawn && !context.signal.aborted) draw(drawn);
  } catch (error) {
    if (!context.signal.aborted) fail(error);
  }
}

function draw({ title, step, way = "training", body, facts, waiting = false }) {
  document.title = `${title} · Likeness`;
  const heading = h("h1", { tabindex: "-1" }, title);
  const main = h("main", { id: "main", class: facts ? "with-facts" : "", "aria-busy": waiting },
    h("section", { class: facts ? "" : "single" }, heading, body), facts && h("aside", { class: "facts" }, facts));
  const frame = document.getElementById("frame");
  frame.removeAttribute("aria-busy");
  frame.replaceChildren(
    h("button", { class: "skip", type: "button", onclick: () => heading.focus() }, t("skip")),
    bar(), step ? steps(STEPS[way], step) : "", main, foot());
  heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function bar() {
  const link = (address, words) => h("a", {
    href: `#${address}`, "aria-current": location.hash.slice(1) === address ? "page" : location.hash.slice(1).startsWith(`${address}/`) ? "true" : false,
  }, words);
  const home = h("a", { class: "name", href: "#/models" }, "Likeness");
  if (!state.me) return h("header", { class: "bar" }, home);
  const may = (scope) => state.me.scopes.includes(scope);
  return h("header", { class: "bar" }, home, h("nav", { "aria-label": t("bar.label") },
    may("operate") && [link("/takedowns", t("cases.title")), link("/appeals", t("appeals.title"))], may("read") && link("/models", t("bar.models")),
    may("train") && link("/new", t("bar.new")),
    may("admin") && link("/operator", t("bar.operator")),
    link("/account", t("bar.account"))));
}

function steps(names, now) {
  const place = names.indexOf(now);
  return h("nav", { class: "steps", "aria-label": t("steps.label") }, h("ol", {}, names.map((step, index) =>
    h("li", { data: { state: index < place ? "done" : "" }, "aria-current": index === place ? "step" : false },
      index < place && h("span", { "aria-hidden": "true" }, "✓ "), t(`steps.${step}`),
      index < place && h("span", { class: "unseen" }, t("steps.done"))))));
}

function foot() {
  const list = h("select", { onchange: (event) => keepingTyped(async () => { await choose(event.target.value); await show(); }) },
    Object.entries(LANGUAGES).map(([tag, name]) =>
      h("option", { value: tag, lang: tag, selected: tag === language }, name)));
  return h("footer", { class: "foot" }, h("span", {}, t("foot.promise")),
    h("a", { href: "verify.html" }, t("verify.title")), h("label", {}, t("foot.language"), list));
}

function fail(error) {
  if (error.status === 401) return signInAgain();
  const { title, hint } = code(error.code ?? "offline");
  draw({ title, body: [
    h("p", {}, hint), error.requestId && h("p", { class: "muted" }, t("error.request", { id: error.requestId })),
    h("div", { class: "row" }, h("button", { class: "primary", type: "button", onclick: show }, t("error.again")),
      h("a", { class: "button", href: "#/models" }, t("bar.models"))),
  ] });
}

/** Show another page; `replace`: the page before leads nowhere any more, so the browser's back button leaves it out. */
export function go(address, { replace = false } = {}) {
  if (location.hash === `#${address}`) return show();
  if (replace) location.replace(`#${address}`); else location.hash = address;
}

async function enter(token, stay, person = null) {
  state.me = await call("me", { token });
  why = "";
  credential.clear();
  credential.set(token, stay);
  if (person !== null) session.set(person, stay);
  await show();
}

/** The sign-in has ended: ask for another one, which leads back to this page. */
function signInAgain() {
  credential.clear();
  state.me = null;
  why = t("signin.again");
  return show();
}

/**
 * The printed link holds a key that is good for one sign-in: it is replaced by one for this browser, and ended. The new
 * one ends after a day or at the sign-out, so a closed tab can be opened again.
 */
async function redeem() {
  const found = /^#sign-in=(lk_[\w-]+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", "#/models");
  const token = found[1];
  const { subject, scopes } = await call("me", { token });
  const made = await call("createKey", { token, body: { name: "studio", scopes, days: 1 } });
  credential.clear();
  credential.set(made.token, true);
  ownKey.set(made.id);
  state.me = null;
  why = "";
  await call("revokeKey", { token: made.token, ids: { key_id: subject.replace("key:", "") } });
}

async function start() {
  await load(preferred());
  state.settings = await (await fetch(new URL("settings.json", document.baseURI))).json();
  usePool(state.settings.people);
  const redeemed = () => redeem().catch((error) => { why = error.status === 401 ? t("signin.link_used") : said(error); });
  await redeemed();
  addEventListener("hashchange", async () => { await redeemed(); show(); });
  await show();
}

// Without the catalogue there are no words but these.
start().catch(() => document.getElementById("frame").replaceChildren(h("main", { id: "main", lang: "en" },
  h("section", { class: "single" }, h("h1", {}, "Likeness"), h("p", { role: "alert" }, "The page could not be loaded."),
    h("button", { type: "button", class: "primary", onclick: () => location.reload() }, "Load it again")))));
