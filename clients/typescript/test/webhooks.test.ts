// What the stack has signed is known, and nothing else; DELIVERY is one that the stack's own code has signed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ForgedDeliveryError, verifyWebhook } from "../src/index.js";

interface Delivery {
  secret: string;
  other: string;
  headers: Record<string, string>;
  body: string;
  now: number;
}

const { secret, other, headers, body, now } = JSON.parse(process.env["DELIVERY"]!) as Delivery;
const bytes = new Uint8Array(Buffer.from(body));

test("a delivery is known by its signature", async () => {
  assert.equal((await verifyWebhook(secret, headers, bytes, now)).type, "ping");
  assert.equal((await verifyWebhook([other, secret], new Map(Object.entries(headers)), body, now)).type, "ping");
});

test("anything else is forged", async () => {
  const forged: Array<[string, Record<string, string>, string, number]> = [
    [other, headers, body, now],
    [secret, headers, `${body} `, now],
    [secret, headers, body, now + 301],
    [secret, headers, body, now - 301],
    [secret, {}, body, now],
    [secret, { ...headers, "webhook-id": "msg_other" }, body, now],
    [secret, { ...headers, "webhook-timestamp": "soon" }, body, now],
    [secret, { ...headers, "webhook-signature": "v1,*" }, body, now],
    ["", headers, body, now],
  ];
  for (const [key, sent, text, moment] of forged) {
    await assert.rejects(verifyWebhook(key, sent, text, moment), ForgedDeliveryError);
  }
});
