// A receiver of Likeness's webhooks, with nothing but Node's own library (20 or newer).
//
// Usage: npx tsc --module nodenext --target es2022 --types node webhook_receiver.ts
//        WEBHOOK_SECRET=whsec_... node webhook_receiver.js 8080
//
// It answers 204 to a message that we have signed in the last five minutes, and 401 to anything else.
// Answer quickly and work later: who has not answered after 10 seconds gets the message again.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";

const MAX_AGE_SECONDS = 300;
const MAX_BODY = 1_000_000;

/** Whether the message is signed with this secret (as the API has shown it) and is fresh.
 *
 * `body` are the bytes as they came: a body that was parsed and written again has other bytes. */
export function isOurs(secret: string, headers: IncomingHttpHeaders, body: Buffer, nowSeconds: number): boolean {
  const id = String(headers["webhook-id"] ?? "");
  const seconds = String(headers["webhook-timestamp"] ?? "");
  if (!/^[0-9]+$/.test(seconds) || Math.abs(nowSeconds - Number(seconds)) > MAX_AGE_SECONDS) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const mac = createHmac("sha256", key).update(`${id}.${seconds}.`).update(body).digest("base64");
  const wanted = Buffer.from(`v1,${mac}`);
  return String(headers["webhook-signature"] ?? "")
    .split(" ")
    .map((one) => Buffer.from(one))
    .some((given) => given.length === wanted.length && timingSafeEqual(given, wanted));
}

export function receiver(secret: string, onMessage: (message: { type: string; data: unknown }) => void) {
  const seen = new Set<string>(); // a database in real life
  return createServer((request, response) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on("data", (part: Buffer) => {
      size += part.length;
      if (size <= MAX_BODY) parts.push(part);
      else request.destroy();
    });
    request.on("end", () => {
      const body = Buffer.concat(parts);
      if (!isOurs(secret, request.headers, body, Date.now() / 1000)) {
        response.writeHead(401).end();
        return;
      }
      const id = String(request.headers["webhook-id"]);
      if (!seen.has(id)) {
        seen.add(id);
        onMessage(JSON.parse(body.toString()) as { type: string; data: unknown });
      }
      response.writeHead(204).end();
    });
  });
}

const port = Number(process.argv[2]);
if (port) receiver(process.env.WEBHOOK_SECRET ?? "", (message) => console.log(message.type, message.data)).listen(port);
