// The client of Likeness's HTTP API: photos in, a personal image model out.

export * from "./client.js";
export * from "./errors.js";
export * from "./events.js";
export type * from "./schema.js";
export type { CallOptions, ClientOptions } from "./transport.js";
export * from "./webhooks.js";
