// The only file that speaks to the HTTP API (docs/openapi.json).

import { renewed, session } from "./people.js";

const BASE = new URL("../", document.baseURI);
const PLACE = "likeness-credential";
const OWN = "likeness-own-key";

/** Method and address of every call that the Studio makes; a contract test compares it with the document. */
export const CALLS = {
  me: ["GET", "/v1/me"],
  createUpload: ["POST", "/v1/uploads"],
  addFiles: ["POST", "/v1/uploads/{upload_id}/files"],
  upload: ["GET", "/v1/uploads/{upload_id}"],
  photos: ["GET", "/v1/uploads/{upload_id}/photos"],
  erasePhoto: ["DELETE", "/v1/uploads/{upload_id}/photos/{number}"],
  inspect: ["POST", "/v1/uploads/{upload_id}/photos/{number}:inspect"],
  estimate: ["POST", "/v1/estimates"],
  train: ["POST", "/v1/models"],
  models: ["GET", "/v1/models"],
  model: ["GET", "/v1/models/{model_id}"],
  eraseModel: ["DELETE", "/v1/models/{model_id}"],
  eraseUpload: ["DELETE", "/v1/uploads/{upload_id}"],
  eraseMe: ["DELETE", "/v1/me"],
  files: ["GET", "/v1/models/{model_id}/files"],
  push: ["POST", "/v1/models/{model_id}:push"],
  jobs: ["GET", "/v1/jobs"],
  job: ["GET", "/v1/jobs/{job_id}"],
  samples: ["GET", "/v1/jobs/{job_id}/samples"],
  redrive: ["POST", "/v1/jobs/{job_id}:redrive"],
  draw: ["POST", "/v1/models/{model_id}/pictures"],
  pictures: ["GET", "/v1/pictures"],
  picture: ["GET", "/v1/pictures/{picture_id}"],
  cancelPicture: ["POST", "/v1/pictures/{picture_id}:cancel"],
  cancel: ["POST", "/v1/jobs/{job_id}:cancel"],
  keys: ["GET", "/v1/keys"],
  createKey: ["POST", "/v1/keys"],
  members: ["GET", "/v1/members"],
  inviteMember: ["POST", "/v1/members"],
  changeRole: ["POST", "/v1/members/{member_id}:role"],
  removeMember: ["DELETE", "/v1/members/{member_id}"],
  revokeKey: ["DELETE", "/v1/keys/{key_id}"],
  usage: ["GET", "/v1/usage"],
  consents: ["GET", "/v1/consents"],
  withdraw: ["POST", "/v1/consents/{consent_id}:withdraw"],
  createExport: ["POST", "/v1/exports"],
  exports: ["GET", "/v1/exports"],
  export: ["GET", "/v1/exports/{export_id}"],
  exportFile: ["GET", "/v1/exports/{export_id}/file"],
  appeal: ["POST", "/v1/refusals/{refusal_id}:appeal"],
  appeals: ["GET", "/v1/appeals"],
  appealText: ["GET", "/v1/appeals/{appeal_id}/evidence"],
  grantAppeal: ["POST", "/v1/appeals/{appeal_id}:grant"],
  refuseAppeal: ["POST", "/v1/appeals/{appeal_id}:refuse"],
  verify: ["POST", "/v1/verifications"],
  reportPicture: ["POST", "/v1/takedowns"],
  takedown: ["GET", "/v1/takedowns/{case_id}"],
  takedowns: ["GET", "/v1/takedowns"],
  takedownEvidence: ["GET", "/v1/takedowns/{case_id}/evidence"],
  acceptTakedown: ["POST", "/v1/takedowns/{case_id}:accept"],
  refuseTakedown: ["POST", "/v1/takedowns/{case_id}:refuse"],
  restoreTakedown: ["POST", "/v1/takedowns/{case_id}:restore"],
  appealTakedown: ["POST", "/v1/models/{model_id}:appeal"],
};

/** An error of the API, with a code of docs/codes.md. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.message ?? String(status));
    this.status = status;
    this.code = body.code ?? (status === 401 ? "unauthorized" : status === 429 ? "too_many_requests" : "internal_error");
    this.hint = body.hint ?? "";
    this.errors = body.errors ?? [];
    this.requestId = body.request_id ?? "";
  }
}

export const credential = {
  get: () => sessionStorage.getItem(PLACE) ?? localStorage.getItem(PLACE),
  set: (token, stay) => (stay ? localStorage : sessionStorage).setItem(PLACE, token),
  clear: () => {
    for (const place of [PLACE, OWN]) { sessionStorage.removeItem(place); localStorage.removeItem(place); }
    session.clear();
  },
};

/** A person's token is renewed before it ends; a refused renewal is answered by the API, as 401. */
async function current() {
  const token = await renewed().catch(() => null);
  if (token !== null) credential.set(token, session.stays());
  return credential.get();
}

/** The key that this browser has made for itself; it is revoked when the person signs out. */
export const ownKey = { get: () => localStorage.getItem(OWN), set: (id) => localStorage.setItem(OWN, id) };

/**
 * Call the API. `ids` fill the address, `query` and `body` are sent as they are; `token: null` sends no credential.
 * A POST is repeated under one Idempotency-Key when the network fails, so nothing is done twice.
 */
export async function call(name, { ids = {}, query = {}, body, signal, token } = {}) {
  const [method, path] = CALLS[name];
  const filled = path.replace(/\{(\w+)\}/g, (_, id) => encodeURIComponent(ids[id]));
  const url = new URL(`.${filled}`, BASE);
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, value);
  const headers = token === null ? {} : { Authorization: `Bearer ${token ?? await current()}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method === "POST") headers["Idempotency-Key"] = crypto.randomUUID();
  const request = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
  const answer = await again(() => fetch(url, request), signal);
  const text = await answer.text();
  const found = text && answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : {};
  if (!answer.ok) throw new Problem(answer.status, found);
  return found;
}

async function again(send, signal) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const answer = await send();
      const busy = answer.status === 503 || answer.status === 409 && answer.headers.has("retry-after");
      if (!busy || attempt === 2) return answer;
    } catch (error) {
      if (signal?.aborted || attempt === 2) throw error;
    }
    await pause(700 * 2 ** attempt);
  }
}

export const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** Begin what a request asks for on an upload; returns the job's id as soon as the request is accepted. */
export async function begun(upload, request, signal) {
  let { job } = await call("train", { body: { upload_id: upload, request } });
  while (job === null) {
    const now = await call("upload", { ids: { upload_id: upload }, query: { wait: 20 }, signal });
    if (now.refused) throw Object.assign(new Error(now.refused), { code: now.refused });
    job = now.job_id && { id: now.job_id };
  }
  return job.id;
}

const formData = (form, file) => {
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append("file", file);
  return body;
};

/** Send one file with its signed form. */
export async function send(form, file) {
  const body = formData(form, file);
  const answer = await again(() => fetch(form.url, { method: "POST", body }));
  if (!answer.ok) throw new Problem(answer.status, { code: "photo_missing" });
}

/** Send one large file with its signed form; `heard` is told which share has been sent, which fetch does not tell. */
export function sendLarge(form, file, heard, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = () => reject(new TypeError("the file was not sent"));
    Object.assign(request, { onerror: fail, onabort: fail, ontimeout: fail });
    request.onload = () => request.status < 300 ? resolve() : fail();
    request.upload.onprogress = ({ loaded, total }) => heard(total ? loaded / total : 0);
    signal?.addEventListener("abort", () => request.abort());
    request.open("POST", form.url);
    request.send(formData(form, file));
  });
}
