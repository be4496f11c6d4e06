import { h } from "../dom.js";
import { choosePassword, forgot, hasPool, respond, signIn, SignInError } from "../people.js";
import { said, t } from "../words.js";

/** With a pool people enter their address; a link or a key is the other way, and the only one without. */
export function render({ enter, why }) {
  const keys = [h("p", {}, t("signin.text")), keyForm(enter)];
  return { title: t("signin.title"), body: [why && h("div", { class: "notice narrow", role: "alert" }, h("p", {}, why)),
    h("div", { class: "card narrow" }, hasPool()
      ? [person(enter), h("details", {}, h("summary", {}, t("signin.with_key")), keys)] : keys)] };
}

const CODE = "one-time-code";

/** A code is often copied with a space in its middle. */
const entered = (input) => input.type === "password" ? input.value
  : input.autocomplete === CODE ? input.value.replace(/\s/g, "") : input.value.trim();

/** A form; `send` gets the fields' values, and what it throws is said under them. */
export function form(fields, words, send) {
  const problem = h("p", { class: "bad-text", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    const empty = fields.find(([, input]) => !input.value.trim());
    if (empty) { problem.textContent = t("signin.fill", { name: t(empty[0]) }); empty[1].focus(); return; }
    try {
      problem.textContent = "";
      await send(...fields.map(([, input]) => entered(input)));
    } catch (error) {
      problem.textContent = told(error);
      fields.at(-1)[1].focus();
    }
  };
  return h("form", { onsubmit: submit, novalidate: true },
    fields.map(([label, input, hint]) => h("label", { class: "field" }, h("span", {}, t(label)), input,
      hint && h("span", { class: "hint" }, t(hint)))),
    problem, h("button", { class: "primary", type: "submit" }, t(words)));
}

const told = (error) => error instanceof SignInError ? t(`signin.${error.kind}`) : said(error);

export const codeInput = () => input("text", CODE, { inputmode: "numeric" });

const input = (type, autocomplete, more = {}) => h("input", { type, autocomplete, required: true, spellcheck: "false", ...more });

function person(enter) {
  const place = h("div", {});
  const stay = h("input", { type: "checkbox" });
  const show = (...parts) => { place.replaceChildren(...parts); place.querySelector("input")?.focus(); };
  const enterWith = async (found) => {
    if (found.token) return enter(found.token, stay.checked, { refresh: found.refresh, until: found.until });
    const first = found.challenge === "NEW_PASSWORD_REQUIRED";
    const field = first ? ["signin.new", input("password", "new-password"), "signin.new_hint"]
      : ["signin.otp", codeInput()];
    return show(h("p", {}, t(first ? "signin.first" : "signin.second")),
      form([field], "signin.enter", async (answer) => enterWith(await respond(found, answer))), back());
  };
  const back = () => h("div", { class: "after" },
    h("button", { type: "button", class: "small", onclick: () => show(...start()) }, t("signin.back")));
  const lost = () => show(h("p", {}, t("signin.forgot_text")),
    form([["signin.email", input("email", "username")]], "signin.send", async (name) => {
      await forgot(name);
      chooseNew(name);
    }), back());
  const chooseNew = (name) => {
    const sent = h("p", { role: "status" }, t("signin.sent"));
    const again = async () => {
      sent.textContent = await forgot(name).then(() => t("signin.sent_again"), told);
    };
    show(sent, form([["signin.code", codeInput()], ["signin.new", input("password", "new-password"), "signin.new_hint"]],
      "signin.enter", async (digits, password) => {
        await choosePassword(name, digits, password);
        await enterWith(await signIn(name, password));
      }), h("div", { class: "after" }, h("button", { type: "button", class: "small", onclick: again }, t("signin.send_again"))), back());
  };
  const start = () => [
    form([["signin.email", input("email", "username", { id: "email" })], ["signin.password", input("password", "current-password", { id: "password" })]],
      "signin.enter", async (name, password) => enterWith(await signIn(name, password))),
    h("label", { class: "tick" }, stay, h("span", {}, t("signin.stay"))),
    h("button", { type: "button", class: "small", onclick: lost }, t("signin.forgot")),
  ];
  place.append(...start());
  return place;
}

function keyForm(enter) {
  const problem = h("p", { class: "bad-text", id: "key-problem", role: "alert" });
  const key = h("input", { type: "password", id: "key", autocomplete: "off", required: true,
    "aria-describedby": "key-hint key-problem", spellcheck: "false" });
  const stay = h("input", { type: "checkbox" });
  const submit = async (event) => {
    event.preventDefault();
    const token = key.value.trim();
    if (!token) { problem.textContent = t("signin.empty"); key.focus(); return; }
    try {
      await enter(token, stay.checked);
    } catch (error) {
      problem.textContent = told(error);
      key.setAttribute("aria-invalid", "true");
      key.focus();
    }
  };
  return h("form", { onsubmit: submit, novalidate: true },
    h("label", { class: "field" }, h("span", {}, t("signin.key")), key,
      h("span", { class: "hint", id: "key-hint" }, t("signin.hint"))),
    problem,
    h("label", { class: "tick" }, stay, h("span", {}, t("signin.stay"))),
    h("button", { class: hasPool() ? "" : "primary", type: "submit" }, t("signin.enter_key")));
}
