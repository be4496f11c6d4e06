// The photos on their way to a training. They live as long as the tab does.

import { call, send } from "./api.js";

const TYPES = {
  jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp", heic: "image/heic", heif: "image/heif",
  avif: "image/avif",
};
export const ACCEPT = [...new Set(Object.values(TYPES)), ".heic", ".heif", ".avif"].join(",");
export const MAX_PHOTOS = 100;
const MAX_BYTES = 20_000_000;
const AT_ONCE = 3;

export const GOOD = ["accepted", "repaired"];
const BUSY = ["waiting", "sending", "checking"];

export class Draft {
  constructor() {
    this.consent = null;
    this.subject = "face";
    this.shows = "self";
    this.word = "sks";
    this.photos = [];
    this.uploadId = null;
    this.next = 0;
    this.changed = () => {};
    this.queue = Promise.resolve();
  }

  get good() { return this.photos.filter((photo) => GOOD.includes(photo.state)); }
  get refused() { return this.photos.filter((photo) => photo.state === "refused"); }
  get busy() { return this.photos.filter((photo) => BUSY.includes(photo.state)); }

  /** Take files; each gets a verdict of its own. Returns how many are one too many. */
  add(files, pose = null) {
    const room = MAX_PHOTOS - this.next;
    const taken = [...files].slice(0, Math.max(0, room)).map((file) => prepared(file, pose));
    this.photos.push(...taken);
    const sent = taken.filter((photo) => photo.state === "waiting");
    sent.forEach((photo) => { photo.number = this.next; this.next += 1; });
    this.changed();
    if (sent.length) this.queue = this.queue.then(() => this.#bring(sent));
    return files.length - taken.length;
  }

  remove(photo) {
    this.photos = this.photos.filter((one) => one !== photo);
    URL.revokeObjectURL(photo.url);
    this.changed();
  }

  retry(photo) {
    this.#set(photo, { state: "waiting", codes: [] });
    this.queue = this.queue.then(() => this.#bring([photo]));
  }

  async #bring(photos) {
    try {
      const forms = await this.#forms(photos);
      const rest = photos.map((photo, index) => [photo, forms[index]]);
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
      return made.forms;
    }
    const ids = { upload_id: this.uploadId };
    return (await call("addFiles", { ids, body: { first: photos[0].number, files } })).forms;
  }

  async #one(photo, form) {
    try {
      this.#set(photo, { state: "sending" });
      await send(form, photo.file);
      this.#set(photo, { state: "checking" });
      const ids = { upload_id: this.uploadId, number: photo.number };
      const { verdict, codes, advice } = await call("inspect", { ids });
      this.#set(photo, { state: verdict, codes, advised: advice.length > 0 });
    } catch (error) {
      this.#set(photo, { state: "failed", codes: [error.code ?? "offline"] });
    }
  }

  #set(photo, found) {
    Object.assign(photo, found);
    this.changed(photo);
  }

  get request() {
    return {
      preset: this.subject, trigger_word: this.word, consent: this.consent ?? undefined, ...PROMPTS[this.subject](this.word),
    };
  }

  /** Return the upload to train on: photos that were taken out again are not in it. */
  async settled() {
    const taken = this.photos.filter((photo) => photo.number !== undefined && photo.state !== "failed");
    if (taken.length === this.next) return this.uploadId;
    const kept = this.good;
    const made = await call("createUpload", { body: { files: kept.map(({ file, type }) => ({ type, size: file.size })) } });
    for (const [index, photo] of kept.entries()) await send(made.forms[index], photo.file);
    return made.id;
  }
}

const PROMPTS = {
  face: (word) => ({ instance_prompt: `a photo of ${word} person`, class_prompt: "a photo of a person" }),
  object: (word) => ({ instance_prompt: `a photo of ${word}`, class_prompt: "a photo of an object" }),
};

function prepared(file, pose) {
  const type = TYPES[file.name.split(".").pop().toLowerCase()] ?? file.type;
  const photo = { file, type, pose, url: URL.createObjectURL(file), state: "waiting", codes: [], advised: false };
  if (!Object.values(TYPES).includes(type)) Object.assign(photo, { state: "refused", codes: ["format_not_taken"] });
  else if (file.size > MAX_BYTES) Object.assign(photo, { state: "refused", codes: ["too_many_bytes"] });
  else if (file.size === 0) Object.assign(photo, { state: "refused", codes: ["damaged_image"] });
  return photo;
}

let current = new Draft();
export const draft = () => current;
export function startAnew() {
  current.photos.forEach((photo) => URL.revokeObjectURL(photo.url));
  current = new Draft();
}
