// What can go wrong between a caller and the HTTP API, each with code, title and what to do.

import type { FieldProblem, JobFailure, JobView, PictureView, Problem } from "./schema.js";

/** The base of every error of this client; `code` is a word of docs/codes.md, or one of the client's (docs/clients.md). */
export class LikenessError extends Error {
  constructor(
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    /** What to do. */
    readonly hint: string,
  ) {
    super(`${title} (${code}). ${detail} ${hint}`.trim());
    this.name = new.target.name;
  }

  /** Whether the client itself sends the same request again. */
  get isTemporary(): boolean {
    return false;
  }

  /** Seconds that the service asks to wait; 0: it names none. */
  get retryAfter(): number {
    return 0;
  }
}

/** No answer came: no connection, or it ended before the answer was whole. */
export class NotReachedError extends LikenessError {
  constructor(reason: string) {
    super("no_answer", "The service did not answer", `The connection failed (${reason}).`, "Check the address and the network, and try again.");
  }

  override get isTemporary(): boolean {
    return true;
  }
}

/** The answer is not what the API's document says: another program answers at this address. */
export class NotUnderstoodError extends LikenessError {
  constructor(address: string) {
    super("not_understood", "The answer is none of this API", `What answers at ${address} is no API of Likeness, or of a much newer release.`, "Check the address: it is the stack's output ApiUrl.");
  }
}

/** Codes after which the same request is sent again. After codes of a drawing it is not, although they may pass: the
 * request would draw and pay once more. */
export const TEMPORARY_CODES: ReadonlySet<string> = new Set(["too_many_requests", "request_in_progress", "internal_error"]);

/** The API has refused a request: its problem+json as an exception. */
export class ApiError extends LikenessError {
  constructor(
    readonly problem: Problem,
    private readonly seconds = 0,
  ) {
    super(problem.code, problem.title, problem.detail, problem.hint);
    if (this.errors.length > 0) {
      this.message += ` [${this.errors.map((one) => `${one.field}: ${one.message}`).join("; ")}]`;
    }
  }

  get status(): number {
    return this.problem.status;
  }

  /** The fields of the request that cannot be used. */
  get errors(): FieldProblem[] {
    return this.problem.errors ?? [];
  }

  override get isTemporary(): boolean {
    return TEMPORARY_CODES.has(this.code);
  }

  override get retryAfter(): number {
    return this.seconds;
  }
}

/** Something that was waited for has ended badly. */
export class FailedError extends LikenessError {
  constructor(failure: JobFailure | null, code: string) {
    super(failure?.code ?? code, failure?.title ?? code, failure?.detail ?? "", failure?.hint ?? "");
  }
}

/** A training has failed or was cancelled. */
export class JobFailedError extends FailedError {
  constructor(readonly job: JobView) {
    super(job.failure, job.status);
  }
}

/** An order of pictures has failed or was cancelled. */
export class PictureFailedError extends FailedError {
  constructor(readonly picture: PictureView) {
    super(picture.failure, picture.status);
  }
}

/** The request of an upload never became a job; docs/codes.md says what the code means. */
export class UploadRefusedError extends FailedError {
  constructor(
    readonly uploadId: string,
    code: string,
  ) {
    super(null, code);
  }
}

/** Nobody has looked at the request of an upload for minutes. */
export class NotAcceptedError extends LikenessError {
  constructor(readonly uploadId: string) {
    super("not_accepted", "The training has not begun yet", `The request of the upload ${uploadId} was neither accepted nor refused for minutes.`, "Ask for the upload later; if this goes on, an operator should look at the workflow.");
  }
}

/** A file was not sent, or not received as it should be. */
export class TransferError extends LikenessError {
  constructor(
    code: string,
    detail: string,
    hint: string,
    readonly status?: number,
  ) {
    super(code, "The file was not transferred", detail, hint);
  }

  override get isTemporary(): boolean {
    return this.status !== undefined && this.status >= 500;
  }
}
