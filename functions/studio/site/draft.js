// The photos on their way to a training. They lie in the upload; this browser keeps what it knows of them, so that
// a closed tab can be opened again. Training, signing out and throwing away end it.

import { call, pause, send } from "./api.js";

const TYPES = {
  jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp", heic: "image/heic", heif: "image/heif",
  avif: "image/avif",
};
export const ACCEPT = [...new Set(Object.values(TYPES)), ".heic", ".heif", ".avif"].join(",");
export const MAX_PHOTOS = 100;
const MAX_BYTES = 20_000_000;
const AT_ONCE = 3;
const PLACE = "likeness-draft";
const KEPT = ["number", "type", "pose", "state", "codes", "advised", "mark"];

export const GOOD = ["accepted", "repaired"];
const BUSY = ["waiting", "sending", "checking"];

export class Draft {
  constructor(tenant = "") {
    this.tenant = tenant;
    this.consent = null;
    this.subject = "face";
    this.shows = "self";
    this.word = "sks";
    this.photos = [];
    this.uploadId = null;
    this.next = 0;
    this.lost = 0;
    this.changed = () => {};
    this.queue = Promise.resolve();
  }

  get good() { return this.photos.filter((photo) => GOOD.includes(photo.state)); }
  get busy() { return this.photos.filter((photo) => BUSY.includes(photo.state)); }

  /** The photo that every other is compared with: the first good one, best seen from the front. */
  get reference() {
    return this.good.find((photo) => !photo.codes.includes("face_turned")) ?? null;
  }

  /** Take files that are not here yet; each gets a verdict of its own. Returns how many of each kind there were. */
  add(files, pose = null) {
    const room = MAX_PHOTOS - this.next;
    this.lost = 0;
    const here = new Set(this.photos.map(({ mark }) => mark));
    const fresh = [...files].filter((file) => !here.has(markOf(file)));
    const taken = fresh.slice(0, Math.max(0, room)).map((file) => prepared(file, pose));
    this.photos.push(...taken);
    const sent = taken.filter((photo) => photo.state === "waiting");
    sent.forEach((photo) => { photo.number = this.next; this.next += 1; });
    this.#say();
    if (sent.length) this.queue = this.queue.then(() => this.#bring(sent));
    return { added: taken.length, many: fresh.length - taken.length, known: files.length - fresh.length };
  }

  /** Take a photo out, and erase it where it has been sent already. */
  async remove(photo) {
    const before = this.reference;
    this.photos = this.photos.filter((one) => one !== photo);
    if (photo.url) URL.revokeObjectURL(photo.url);
    this.#say();
    if (this.uploadId !== null && photo.number !== undefined) await this.#erase(photo);
    if (photo !== before) return;
    const others = this.photos.filter((one) => one.codes.includes("other_person"));
    for (const other of others) await this.#judge(other);
  }

  retry(photo) {
    this.#set(photo, { state: "waiting", codes: [] });
    this.queue = this.queue.then(() => this.#bring([photo]));
  }

  save() {
    const { tenant, consent, subject, word, uploadId, next } = this;
    const photos = this.photos.filter(({ number }) => number !== undefined)
      .map((photo) => Object.fromEntries(KEPT.map((name) => [name, photo[name]])));
    localStorage.setItem(PLACE, JSON.stringify({ tenant, consent, subject, word, uploadId, next, photos }));
  }

  async #bring(photos) {
    try {
      const forms = await this.#forms(photos);
      const rest = photos.map((photo, index) => [photo, forms[index]]);
      while (rest.length && this.reference === null) await this.#one(...rest.shift());
      const worker = async () => { while (rest.length) await this.#one(...rest.shift()); };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    } catch (error) {
      photos.forEach((photo) => this.#set(photo, { state: "failed", codes: [error.code ?? "offline"] }));
    }
  }

  async #forms(photos) {
    const files = photos.map(({ file, type }) => ({ type, size: file.size }));
    if (this.uploadId === null) {
      const made = await call("createUpload", { body: { files } });
      this.uploadId = made.id;
      photos.forEach((photo, index) => { photo.number = made.forms[index].number; });
      this.save();
      return made.forms;
    }
    const ids = { upload_id: this.uploadId };
    return (await call("addFiles", { ids, body: { first: photos[0].number, files } })).forms;
  }

  async #one(photo, form) {
    if (!this.photos.includes(photo)) return;
    try {
      this.#set(photo, { state: "sending" });
      await send(form, photo.file);
    } catch (error) {
      this.#set(photo, { state: "failed", codes: [error.code ?? "offline"] });
      return;
    }
    if (this.photos.includes(photo)) await this.#judge(photo);
    else await this.#erase(photo);
  }

  async #judge(photo) {
    try {
      this.#set(photo, { state: "checking" });
      const ids = { upload_id: this.uploadId, number: photo.number };
      const other = this.reference;
      const query = { preset: this.subject, same_person_as: other && other !== photo ? other.number : undefined };
      const { verdict, codes, advice } = await patient(() => call("inspect", { ids, query }));
      this.#set(photo, { state: verdict, codes, advised: advice.length > 0 });
    } catch (error) {
      this.#set(photo, { state: "failed", codes: [error.code ?? "offline"] });
    }
  }

  async #erase(photo) {
    try {
      await call("erasePhoto", { ids: { upload_id: this.uploadId, number: photo.number } });
    } catch (error) {
      if (error.status !== 404) throw error;
    }
  }

  #set(photo, found) {
    Object.assign(photo, found);
    this.#say(photo);
  }

  #say(photo) {
    this.save();
    this.changed(photo);
  }

  get request() {
    return {
      preset: this.subject, trigger_word: this.word, consent: this.consent ?? undefined, validation_steps: SAMPLED,
      ...PROMPTS[this.subject](this.word),
    };
  }

  /** Leave nothing but the good photos in the upload; return its id. */
  async settled() {
    const left = this.photos.filter((photo) => photo.number !== undefined && !GOOD.includes(photo.state));
    for (const photo of left) await this.#erase(photo);
    return this.uploadId;
  }

  /** Show what was sent before this page was opened; what had not arrived has to be chosen again. */
  async restored() {
    if (this.uploadId === null || this.photos.every((photo) => photo.url)) return;
    const { data } = await call("photos", { ids: { upload_id: this.uploadId } });
    const links = new Map(data.map(({ number, url }) => [number, url]));
    const sent = this.photos.filter((photo) => photo.url || links.has(photo.number));
    this.lost = this.photos.length - sent.length;
    this.photos = sent;
    for (const photo of this.photos) photo.url ??= links.get(photo.number);
    const unjudged = this.photos.filter((photo) => !photo.file && [...BUSY, "failed"].includes(photo.state));
    this.queue = this.queue.then(async () => { for (const photo of unjudged) await this.#judge(photo); });
    this.save();
  }
}

const SAMPLED = 150;
const PATIENCE = 3;

/** A function that has to start first may answer too late: what has failed on the server is asked again. */
async function patient(ask) {
  for (let left = PATIENCE - 1; ; left -= 1) {
    try {
      return await ask();
    } catch (error) {
      if (left === 0 || (error.status && error.status < 500)) throw error;
      await pause(1000);
    }
  }
}

const PROMPTS = {
  face: (word) => ({ instance_prompt: `a photo of ${word} person`, class_prompt: "a photo of a person" }),
  object: (word) => ({ instance_prompt: `a photo of ${word}`, class_prompt: "a photo of an object" }),
};

/** The same file has the same mark, which tells nothing of it: chosen again, it is not sent again. */
function markOf({ name, size, lastModified }) {
  return [...`${name} ${size} ${lastModified}`].reduce((hash, letter) => Math.imul(hash ^ letter.codePointAt(0), 16_777_619) >>> 0, 2_166_136_261)
    .toString(36);
}

function prepared(file, pose) {
  const type = TYPES[file.name.split(".").pop().toLowerCase()] ?? file.type;
  const photo = { file, type, pose, mark: markOf(file), url: URL.createObjectURL(file), state: "waiting", codes: [], advised: false };
  if (!Object.values(TYPES).includes(type)) Object.assign(photo, { state: "refused", codes: ["format_not_taken"] });
  else if (file.size > MAX_BYTES) Object.assign(photo, { state: "refused", codes: ["too_many_bytes"] });
  else if (file.size === 0) Object.assign(photo, { state: "refused", codes: ["damaged_image"] });
  return photo;
}

let current = null;

/** The draft of this tenant: the one of this tab, the one that this browser has kept, or a new one. */
export function draft(tenant) {
  if (current?.tenant === tenant) return current;
  const kept = JSON.parse(localStorage.getItem(PLACE) ?? "null");
  current = kept?.tenant === tenant ? Object.assign(new Draft(tenant), kept) : new Draft(tenant);
  return current;
}

export function forgetDraft() {
  current?.photos.forEach((photo) => URL.revokeObjectURL(photo.url));
  current = null;
  localStorage.removeItem(PLACE);
}
