// The second factor of a person who signs in by e-mail: a code of an authenticator app.

import { announce, ask, h } from "../dom.js";
import { addFactor, hasFactor, hasPool, newFactor, removeFactor, session } from "../people.js";
import { t } from "../words.js";
import { codeInput, form } from "./sign_in.js";

/** The account page's card; null for a key, which has no second factor. */
export async function secondFactor() {
  if (!hasPool() || session.get() === null) return null;
  const place = h("div", {});
  const show = (...parts) => place.replaceChildren(...parts);
  const button = (words, onclick, kind = "") => h("button", { type: "button", class: kind, onclick }, t(words));
  const problem = h("p", { class: "bad-text", role: "alert" });
  const trying = (work) => async () => {
    problem.textContent = "";
    await work().catch((error) => { problem.textContent = t(`signin.${error.kind ?? "offline"}`); });
  };
  const off = () => show(h("p", {}, t("factor.off")), problem, button("factor.begin", trying(setUp)));
  const on = () => show(h("p", {}, t("factor.on")), problem, button("factor.end", trying(end), "danger"));
  const setUp = async () => {
    const key = await newFactor();
    const grouped = key.match(/.{1,4}/g).join(" ");
    show(h("p", {}, t("factor.add")), h("p", {}, h("code", { class: "key" }, grouped)),
      form([["signin.otp", codeInput()]], "factor.check", async (code) => {
        await addFactor(code);
        on();
        announce(t("factor.on"));
      }), h("div", { class: "after" }, button("cancel", off, "small")));
    place.querySelector("input").focus();
  };
  const end = async () => {
    const sure = await ask({ title: t("factor.end_title"), body: [t("factor.end_text")], yes: t("factor.end"), no: t("cancel"), danger: true });
    if (!sure) return;
    await removeFactor();
    off();
    announce(t("factor.off"));
  };
  await hasFactor().then((has) => (has ? on() : off()), () => show(h("p", {}, t("offline.hint"))));
  return h("div", { class: "card narrow" }, h("h2", {}, t("factor.title")), place);
}
