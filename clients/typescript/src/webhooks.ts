// Whether a delivery is from the stack: the receiver's half of Standard Webhooks.

import type { StatusChange } from "./events.js";
import type { AppealView } from "./schema.js";

const MAX_AGE_SECONDS = 300;

/** The delivery is not signed with a secret of ours, is too old, or is no message: answer 401. */
export class ForgedDeliveryError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "ForgedDeliveryError";
  }
}

/** The body of a delivery; the data of a job are ids, status and code: no file names and no prompts. */
export type WebhookMessage =
  | { type: "job.changed" | "job.ended"; timestamp: string; data: StatusChange }
  | { type: "appeal.decided"; timestamp: string; data: AppealView }
  | { type: "ping"; timestamp: string; data: Record<string, unknown> };

export type Headers = Iterable<[string, string]> | Record<string, string | string[] | undefined>;

/** Return the message of a delivery. Keep the header `webhook-id`, and ignore a message whose id was there before.
 *
 * `secret`: as the API has shown it, with `whsec_`; several while they are changed. `body`: the bytes as they came; a
 * body that was parsed and written again has other bytes. */
export async function verifyWebhook(
  secret: string | string[],
  headers: Headers,
  body: Uint8Array<ArrayBuffer> | string,
  nowSeconds: number = Date.now() / 1000,
): Promise<WebhookMessage> {
  const found = lowered(headers);
  const seconds = found.get("webhook-timestamp") ?? "";
  if (!/^[0-9]+$/.test(seconds) || Math.abs(nowSeconds - Number(seconds)) > MAX_AGE_SECONDS) {
    throw new ForgedDeliveryError("the delivery has no time of the last five minutes");
  }
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const head = new TextEncoder().encode(`${found.get("webhook-id") ?? ""}.${seconds}.`);
  const signed = new Uint8Array([...head, ...bytes]);
  const given = (found.get("webhook-signature") ?? "").split(" ").filter((one) => one.startsWith("v1,"));
  const secrets = typeof secret === "string" ? [secret] : secret;
  const checks = secrets.flatMap((one) => given.map((signature) => isSigned(one, signature.slice(3), signed)));
  if (!(await Promise.all(checks)).includes(true)) {
    throw new ForgedDeliveryError("the delivery is not signed with the webhook's secret");
  }
  return messageOf(bytes);
}

async function isSigned(secret: string, signature: string, signed: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const raw = bytesOf(secret.replace(/^whsec_/, ""));
  const mac = bytesOf(signature);
  if (raw === undefined || mac === undefined || raw.length === 0) return false;
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  return crypto.subtle.verify("HMAC", key, mac, signed);
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function lowered(headers: Headers): Map<string, string> {
  const pairs = Symbol.iterator in headers ? [...(headers as Iterable<[string, string]>)] : Object.entries(headers);
  return new Map(pairs.map(([name, value]) => [name.toLowerCase(), String(value ?? "")]));
}

function messageOf(bytes: Uint8Array<ArrayBuffer>): WebhookMessage {
  try {
    const found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Partial<WebhookMessage> | null;
    if (typeof found?.type === "string" && typeof found.data === "object") return found as WebhookMessage;
  } catch {
    // answered below
  }
  throw new ForgedDeliveryError("the delivery is no message of a webhook");
}
