// What applications do with the API: uploads, trainings, pictures and files, each in one call.

import { JobFailedError, NotAcceptedError, PictureFailedError, TransferError, UploadRefusedError } from "./errors.js";
import { Operations } from "./operations.js";
import type { CallOptions, ClientOptions } from "./transport.js";
import type { FileToUpload, JobView, ModelView, NewPicture, PictureView, TrainingRequest, UploadForm, UploadState } from "./schema.js";

/** One file of an upload. Names of files are not sent: they may name a person. */
export interface UploadFile {
  data: Blob | Uint8Array<ArrayBuffer>;
  type: FileToUpload["type"];
  /** The caption of this photo. */
  caption?: string;
}

export interface UploadProgress {
  files: number;
  ofFiles: number;
  sentBytes: number;
  ofBytes: number;
}

interface Page<T> {
  data: T[];
  next?: string | null;
}

const WAIT_SECONDS = 20;
/** Name of a LoRA in its upload, where it is the only file. */
const ADAPTER_FILE = "000.safetensors";
/** How often it is asked, for 20 seconds each, whether a request was accepted. */
const MAX_QUESTIONS = 15;
const ENDED = new Set(["succeeded", "failed", "canceled"]);

/** Every operation of the HTTP API, and what applications make of them. Errors are subclasses of LikenessError. */
export class LikenessApi extends Operations {
  constructor(options: ClientOptions) {
    super(options);
  }

  /** Upload photos with their captions, one archive, or one LoRA; nothing is trained yet. */
  async upload(files: UploadFile[], onProgress?: (progress: UploadProgress) => void, options: CallOptions = {}): Promise<UploadState> {
    const captions = files.flatMap((file, number) => (file.caption === undefined ? [] : [{ number, data: new TextEncoder().encode(file.caption) }]));
    const sent = [
      ...files.map((file) => ({ data: blobOf(file.data, file.type), announced: { type: file.type } as Partial<FileToUpload> })),
      ...captions.map((one) => ({ data: blobOf(one.data, "text/plain"), announced: { type: "text/plain", of_photo: one.number } as Partial<FileToUpload> })),
    ];
    const announced = sent.map((one) => ({ ...one.announced, size: one.data.size }) as FileToUpload);
    const made = await this.createUpload({ files: announced }, options);
    const ofBytes = sent.reduce((sum, one) => sum + one.data.size, 0);
    let sentBytes = 0;
    for (const [number, one] of sent.entries()) {
      await this.#sendFile(one.data, made.forms[number]!, options.signal);
      sentBytes += one.data.size;
      onProgress?.({ files: number + 1, ofFiles: sent.length, sentBytes, ofBytes });
    }
    return this.getUpload(made.id, { signal: options.signal });
  }

  /** Train a model on an upload; the job is returned as soon as the request is accepted. */
  async train(uploadId: string, request: TrainingRequest, options: CallOptions = {}): Promise<JobView> {
    const started = await this.createModel({ upload_id: uploadId, request }, options);
    if (started.job !== null) return started.job;
    for (let question = 0; question < MAX_QUESTIONS; question++) {
      const state = await this.getUpload(uploadId, { wait: WAIT_SECONDS, signal: options.signal });
      if (state.refused) throw new UploadRefusedError(uploadId, state.refused);
      if (state.job_id) return this.getJob(state.job_id, { signal: options.signal });
    }
    throw new NotAcceptedError(uploadId);
  }

  /**
   * Import a LoRA that another tool has trained (safetensors of kohya, diffusers, PEFT or LyCORIS); the job is returned
   * as soon as the request is accepted. `adapter_file` is filled in; options of a training, such as `rank`, are refused.
   */
  async importAdapter(data: Blob | Uint8Array<ArrayBuffer>, request: TrainingRequest, options: CallOptions = {}): Promise<JobView> {
    const upload = await this.upload([{ data, type: "application/x-safetensors" }], undefined, options);
    return this.train(upload.id, { ...request, adapter_file: ADAPTER_FILE }, options);
  }

  /** A job as it stands now and at each change, to its end. */
  async *followJob(jobId: string, options: CallOptions = {}): AsyncGenerator<JobView> {
    let job = await this.getJob(jobId, { signal: options.signal });
    yield job;
    while (!ENDED.has(job.status)) {
      const before = job.version;
      job = await this.getJob(jobId, { wait: WAIT_SECONDS, after: before, signal: options.signal });
      if (job.version !== before) yield job;
    }
  }

  /** A job once it has succeeded; its `model_id` names the model. */
  async waitForJob(jobId: string, options: CallOptions = {}): Promise<JobView> {
    let last: JobView | undefined;
    for await (const job of this.followJob(jobId, options)) last = job;
    if (last!.status !== "succeeded") throw new JobFailedError(last!);
    return last!;
  }

  /** Order pictures and return them drawn; a cold endpoint may take some minutes. */
  async draw(modelId: string, order: NewPicture, options: CallOptions = {}): Promise<PictureView> {
    const made = await this.createPicture(modelId, order, { ...options, wait: WAIT_SECONDS });
    return this.waitForPicture(made.id, options);
  }

  /** An order once it is drawn, with fresh links. */
  async waitForPicture(pictureId: string, options: CallOptions = {}): Promise<PictureView> {
    let picture = await this.getPicture(pictureId, { signal: options.signal });
    while (!ENDED.has(picture.status)) picture = await this.getPicture(pictureId, { wait: WAIT_SECONDS, signal: options.signal });
    if (picture.status !== "succeeded") throw new PictureFailedError(picture);
    return picture;
  }

  /** The bytes behind a link of a picture or a file, compared with their hash. */
  async download(file: { url: string; sha256: string }, options: CallOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    if (isMadeUp(file.url)) throw new TransferError("made_up", "The link is an answer to a mock key, and leads nowhere.", "Use a live key to download files.");
    return this.repeat(async () => {
      const answer = await this.send(file.url, {}, options.signal);
      if (!answer.ok) throw new TransferError("download_failed", `S3 answered ${answer.status}.`, "A link is good for some minutes: ask for it again.", answer.status);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if ((await sha256(bytes)) !== file.sha256) throw new TransferError("download_damaged", "The file has another hash than it was stored with.", "Download it again.", 502);
      return bytes;
    }, options.signal);
  }

  /** Every job of the tenant, the newest first. */
  allJobs(options: CallOptions = {}): AsyncGenerator<JobView> {
    return every((after) => this.listJobs({ ...options, limit: 100, after }));
  }

  /** Every model of the tenant, the newest first. */
  allModels(options: CallOptions = {}): AsyncGenerator<ModelView> {
    return every((after) => this.listModels({ ...options, limit: 100, after }));
  }

  /** Every order of the tenant, the newest first, without links. */
  allPictures(options: CallOptions = {}): AsyncGenerator<PictureView> {
    return every((after) => this.listPictures({ ...options, limit: 100, after }));
  }

  /** A mock key's forms lead nowhere, so nothing is sent. */
  async #sendFile(data: Blob, form: UploadForm, signal?: AbortSignal): Promise<void> {
    if (isMadeUp(form.url)) return;
    await this.repeat(async () => {
      const body = new FormData();
      for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
      body.append("file", data, "file"); // after the fields: S3 ignores what follows the file
      const answer = await this.send(form.url, { method: "POST", body }, signal);
      await answer.arrayBuffer();
      if (!answer.ok) throw new TransferError("upload_failed", `S3 answered ${answer.status}.`, "A form is good for an hour, and for a file that has not changed: upload again.", answer.status);
    }, signal);
  }
}

async function* every<T>(ask: (after: string | undefined) => Promise<Page<T>>): AsyncGenerator<T> {
  let after: string | undefined;
  do {
    const page = await ask(after);
    yield* page.data;
    after = page.next ?? undefined;
  } while (after !== undefined);
}

/** Whether an address is one of a mock key's answers (RFC 2606). */
function isMadeUp(address: string): boolean {
  return new URL(address).hostname.endsWith(".invalid");
}

function blobOf(data: Blob | Uint8Array<ArrayBuffer>, type: string): Blob {
  return data instanceof Blob ? data : new Blob([data], { type });
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
