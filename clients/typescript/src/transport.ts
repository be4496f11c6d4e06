// One call of the HTTP API: sent, tried again where that is safe, and read.

import { ApiError, LikenessError, NotReachedError, NotUnderstoodError } from "./errors.js";
import type { NewPicture, Problem } from "./schema.js";

export interface ClientOptions {
  /** The stack's output ApiUrl. */
  address: string;
  /** An API key. Never ship one to a browser: it speaks for the whole tenant. */
  key: string;
  /** How long one call goes on when the service is busy or away. */
  patienceSeconds?: number;
  fetch?: typeof fetch;
  sleep?: (seconds: number) => Promise<void>;
}

export interface CallOptions {
  /** For a POST; absent: each call has one of its own. The same key and body are done and paid once. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

export type Query = Record<string, string | number | undefined>;

const FIRST_PAUSE_SECONDS = 0.5;
const MAX_PAUSE_SECONDS = 8;
const TIMEOUT_MILLISECONDS = 40_000;
const MAX_SEED = 2 ** 31;
const ANY_SEED = -1; // as other tools write it
const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);
const GATEWAY_CODES: Record<number, string> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  429: "too_many_requests",
  500: "internal_error",
  502: "internal_error",
  503: "internal_error",
  504: "internal_error",
};

/** Sends calls to one API with one key. */
export class Transport {
  readonly address: string;
  readonly #key: string;
  readonly #patience: number;
  readonly #fetch: typeof fetch;
  readonly #sleep: (seconds: number) => Promise<void>;

  constructor(options: ClientOptions) {
    this.address = checkedAddress(options.address);
    if (!options.key) throw new TypeError("an API key is missing; `likeness keys create` makes one");
    this.#key = options.key;
    this.#patience = options.patienceSeconds ?? 60;
    this.#fetch = options.fetch ?? fetch;
    this.#sleep = options.sleep ?? ((seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)));
  }

  protected async ask<T>(method: string, path: string, options: CallOptions, query: Query = {}, body?: object): Promise<T> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#key}` };
    if (method === "POST") headers["idempotency-key"] = options.idempotencyKey ?? crypto.randomUUID();
    if (body !== undefined) headers["content-type"] = "application/json";
    const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body), redirect: "manual" as const };
    const address = this.address + path + queryText(query);
    return this.repeat(async () => read<T>(await this.send(address, init, options.signal)), options.signal);
  }

  /** Send one request; the API's key stands only in the headers of `ask`. */
  protected async send(address: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    const timeout = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
    try {
      return await this.#fetch(address, { ...init, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new NotReachedError(reasonOf(error));
    }
  }

  /** Return what a call brings, which is made again after what may pass: never sooner than Retry-After says. */
  protected async repeat<T>(once: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const end = Date.now() + this.#patience * 1000;
    for (let pause = FIRST_PAUSE_SECONDS; ; pause = Math.min(2 * pause, MAX_PAUSE_SECONDS)) {
      try {
        return await once();
      } catch (error) {
        if (!(error instanceof LikenessError) || !error.isTemporary) throw error;
        const seconds = Math.max((pause * (1 + Math.random())) / 2, error.retryAfter);
        if (Date.now() + seconds * 1000 > end) throw error;
        await this.#sleep(seconds);
        signal?.throwIfAborted();
      }
    }
  }
}

/** An id as a part of a path: whatever it is, it names nothing beside the path. */
export function part(id: string | number): string {
  return encodeURIComponent(id).replace(/[!'()*.]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** An order with a seed: when an answer is lost, the order that is sent again names the same pictures. */
export function withSeed(order: NewPicture): NewPicture {
  return (order.seed ?? ANY_SEED) === ANY_SEED ? { ...order, seed: crypto.getRandomValues(new Uint32Array(1))[0]! % MAX_SEED } : order;
}

function checkedAddress(given: string): string {
  const url = new URL(given);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && LOOPBACK.has(url.hostname))) {
    throw new TypeError("the API's address must begin with https: the key would be readable");
  }
  return given.replace(/\/+$/, "");
}

function queryText(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

async function read<T>(response: Response): Promise<T> {
  const text = await bodyOf(response);
  if (!response.ok) throw problemOf(response, text);
  const found = parsed(text);
  if (found === undefined) throw new NotUnderstoodError(plain(response.url));
  return found as T;
}

async function bodyOf(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw new NotReachedError(reasonOf(error));
  }
}

function problemOf(response: Response, text: string): LikenessError {
  const seconds = Number(/^[0-9]+$/.exec(response.headers.get("retry-after") ?? "")?.[0] ?? 0);
  const found = parsed(text) as Partial<Problem> | undefined;
  if (typeof found?.code === "string" && typeof found.title === "string") return new ApiError(found as Problem, seconds);
  const code = GATEWAY_CODES[response.status];
  if (code === undefined) return new NotUnderstoodError(plain(response.url));
  const words = { title: `The service answered ${response.status}`, detail: "", hint: "docs/codes.md says more about the code." };
  const problem = { ...words, type: `urn:likeness:code:${code}`, status: response.status, code, retryable: response.status >= 429, request_id: "" };
  return new ApiError(problem, seconds);
}

function parsed(text: string): object | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null ? found : undefined;
  } catch {
    return undefined;
  }
}

function plain(address: string): string {
  return address.split("?")[0] ?? address;
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined;
  return cause?.code ?? (error instanceof Error ? error.name : "unknown");
}
