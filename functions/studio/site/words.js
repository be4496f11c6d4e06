// The catalogue: words/<language>.json has the pages' words, words/codes.<language>.json the codes'.

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" };
const PLACE = "likeness-language";
let words = {};
let codes = {};
let rules = new Intl.PluralRules("en");
export let language = "en";

const known = (tag) => Object.keys(LANGUAGES).find((one) => tag.toLowerCase().startsWith(one));

export function preferred() {
  return localStorage.getItem(PLACE) ?? navigator.languages.map(known).find(Boolean) ?? "en";
}

export async function load(wanted) {
  const file = async (name) => (await fetch(new URL(`words/${name}.json`, document.baseURI))).json();
  [words, codes] = await Promise.all([file(wanted), file(`codes.${wanted}`)]);
  language = wanted;
  rules = new Intl.PluralRules(wanted);
  document.documentElement.lang = wanted;
}

export async function choose(wanted) {
  localStorage.setItem(PLACE, wanted);
  await load(wanted);
}

/** Return the words of a key; `n` chooses the plural. */
export function t(key, values = {}) {
  const plural = values.n === undefined ? undefined : words[`${key}.${rules.select(values.n)}`];
  const text = plural ?? words[key] ?? words[`${key}.other`] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Return the words of a key, as they are said of this job: an import has some of its own. */
export function tOf(job, key, values = {}) {
  const own = job.kind === "import" ? t(`import.${key}`, values) : key;
  return own === `import.${key}` || own === key ? t(key, values) : own;
}

/** Return title and hint of a code; some hints speak to programs, and have other words for people here. */
export function code(name) {
  if (name === "offline") return { title: t("offline.title"), hint: t("offline.hint") }; // no answer has a code
  const [title, hint] = codes[name] ?? [name, ""];
  const own = t(`hint.${name}`);
  return { title, hint: own === `hint.${name}` ? hint : own };
}

/** Say what went wrong, and what to do. */
export function said(error) {
  const { title, hint } = code(error.code ?? "offline");
  return `${title}. ${hint}`;
}

export const date = (iso) => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(iso));
export const moment = (iso) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" })
  .format(new Date(iso));
export const percent = (value) => new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value);
export const decimal = (value) => new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value);
export const money = (usd) => usd === null || usd === undefined ? t("money.unknown")
  : new Intl.NumberFormat(language, { style: "currency", currency: "USD", minimumFractionDigits: 2 }).format(usd);

/** Say a time in seconds below one minute and a half, in hours from two of them on, else in minutes. */
export function time(seconds) {
  if (seconds < 90) return t("time.seconds", { n: Math.max(1, Math.round(seconds)) });
  return seconds < 7200 ? t("time.minutes", { n: Math.round(seconds / 60) }) : t("time.hours", { n: Math.round(seconds / 3600) });
}
