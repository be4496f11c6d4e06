// The client against the API's real routes: LIKENESS_API and LIKENESS_API_KEY name a server that the tests began.

import assert from "node:assert/strict";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { ApiError, LikenessApi, NotAcceptedError, NotReachedError, NotUnderstoodError, TransferError, type JobView } from "../src/index.js";
import { adapterOf, photosOf, saveFiles } from "../src/node.js";

const address = process.env["LIKENESS_API"]!;
const key = process.env["LIKENESS_API_KEY"]!;
const REQUEST = { instance_prompt: "a photo of sks person", class_prompt: "a photo of a person" };

type Step = Response | Error | "lost";

/** A client whose first requests meet these faults; what it has sent, and the pauses it has made. */
function faulty(...steps: Step[]) {
  const sent: Array<{ url: string; init: RequestInit }> = [];
  const pauses: number[] = [];
  const api = new LikenessApi({
    address,
    key,
    sleep: async (seconds) => void pauses.push(seconds),
    fetch: async (input, init) => {
      sent.push({ url: String(input), init: init ?? {} });
      const step = steps.shift();
      if (step === "lost") {
        await fetch(input, init);
        throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
      }
      if (step instanceof Error) throw step;
      return step ?? fetch(input, init);
    },
  });
  return { api, sent, pauses };
}

function header(init: RequestInit, name: string): string | undefined {
  return (init.headers as Record<string, string> | undefined)?.[name];
}

async function model(api: LikenessApi): Promise<string> {
  const upload = await api.upload([{ data: new Uint8Array([1, 2, 3]), type: "image/jpeg" }]);
  const job = await api.waitForJob((await api.train(upload.id, REQUEST)).id);
  return job.model_id!;
}

test("from a folder to the files of a model", async () => {
  const folder = await mkdtemp(join(tmpdir(), "likeness-"));
  for (const name of ["a.jpg", "b.PNG"]) await writeFile(join(folder, name), name);
  await writeFile(join(folder, "a.txt"), "a photo of sks person, smiling");
  await writeFile(join(folder, "request.json"), "{}");
  const { api, sent } = faulty();
  const steps: number[] = [];
  const photos = await photosOf(folder);
  const upload = await api.upload(photos, (progress) => steps.push(progress.sentBytes / progress.ofBytes));
  assert.equal(upload.files, 3);
  assert.equal(steps.at(-1), 1);
  const announced = JSON.parse(String(sent[0]!.init.body)) as { files: unknown[] };
  assert.deepEqual(announced.files, [
    { type: "image/jpeg", size: 5 },
    { type: "image/png", size: 5 },
    { type: "text/plain", of_photo: 0, size: 30 },
  ]);

  const started = await api.train(upload.id, REQUEST);
  const seen: JobView[] = [];
  for await (const job of api.followJob(started.id)) seen.push(job);
  assert.equal(seen.at(-1)?.status, "succeeded");
  assert.equal(new Set(seen.map((job) => job.version)).size, seen.length);

  const modelId = (await api.waitForJob(started.id)).model_id!;
  const drawn = await api.draw(modelId, { prompt: "a photo of sks person" });
  const picture = await api.download(drawn.images[0]!);
  assert.deepEqual([...picture.slice(1, 4)], [...Buffer.from("PNG")]);
  const [weights] = await saveFiles(api, modelId, join(folder, "files"));
  assert.equal(await readFile(weights!, "utf8"), `weights of ${modelId}`);
  const known: string[] = [];
  for await (const one of api.allModels()) known.push(one.id);
  assert.ok(known.includes(modelId));

  const elsewhere = sent.filter((one) => one.url.includes("/s3/"));
  assert.ok(elsewhere.length > 0);
  assert.ok(elsewhere.every((one) => header(one.init, "authorization") === undefined), "the key goes to the API alone");
});

test("a LoRA of another tool is imported", async () => {
  const folder = await mkdtemp(join(tmpdir(), "likeness-"));
  const file = join(folder, "anna.safetensors");
  await writeFile(file, "a LoRA");
  const { api, sent } = faulty();
  const job = await api.importAdapter(await adapterOf(file), { ...REQUEST, class_prompt: "a photo of a dog" });
  assert.equal(job.kind, "import");
  assert.equal((await api.waitForJob(job.id)).kind, "import");
  const bodies = sent.filter((one) => typeof one.init.body === "string").map((one) => String(one.init.body));
  assert.ok(bodies.some((body) => body.includes('"adapter_file":"000.safetensors"')));
  assert.ok(bodies.every((body) => !body.includes("anna")));
  await writeFile(join(folder, "a.pt"), "x");
  await assert.rejects(adapterOf(join(folder, "a.pt")), /no safetensors/);
});

test("a folder with something else is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "likeness-"));
  await writeFile(join(folder, "notes.pdf"), "x");
  await assert.rejects(photosOf(folder), /is no photo/);
});

test("a post whose answer is lost is done once", async () => {
  const { api, sent } = faulty();
  const modelId = await model(api);
  const broken = faulty("lost");
  const made = await broken.api.createPicture(modelId, { prompt: "a photo of sks", seed: -1 }, { wait: 0 });
  const [first, second] = broken.sent;
  assert.equal(first!.init.body, second!.init.body);
  assert.equal(header(first!.init, "idempotency-key"), header(second!.init, "idempotency-key"));
  assert.equal((JSON.parse(String(first!.init.body)) as { seed: number }).seed, made.seed);
  const orders: string[] = [];
  for await (const one of api.allPictures()) if (one.model_id === modelId) orders.push(one.id);
  assert.deepEqual(orders, [made.id]);
  assert.ok(sent.filter((one) => one.init.method === "POST" && one.url.includes("/v1/")).every((one) => header(one.init, "idempotency-key")));
});

test("a caller's own key and seed are sent as they are", async () => {
  const { api, sent } = faulty();
  const modelId = await model(api);
  const made = await api.createPicture(modelId, { prompt: "p", seed: 0 }, { idempotencyKey: "order-1", wait: 0 });
  assert.equal(made.seed, 0);
  assert.equal(header(sent.at(-1)!.init, "idempotency-key"), "order-1");
});

test("a pause is never shorter than Retry-After, and a long quota is told at once", async () => {
  const { api, pauses } = faulty(new Response("{}", { status: 429, headers: { "retry-after": "7" } }), new Response("", { status: 503 }));
  assert.equal((await api.getMe()).tenant, "acme");
  assert.equal(pauses[0], 7);
  assert.ok(pauses[1]! > 0 && pauses[1]! < 7);
  const quota = faulty(new Response("{}", { status: 429, headers: { "retry-after": "43200" } }));
  await assert.rejects(quota.api.getMe(), (error: ApiError) => error.code === "too_many_requests" && error.retryAfter === 43200);
  assert.equal(quota.sent.length, 1);
});

test("a broken connection is made again, and one that stays broken is told", async () => {
  const reset = () => new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
  assert.equal((await faulty(reset(), reset()).api.getMe()).tenant, "acme");
  const gone = new LikenessApi({ address, key, patienceSeconds: 0, fetch: () => Promise.reject(reset()) });
  await assert.rejects(gone.getMe(), (error) => error instanceof NotReachedError && error.message.includes("ECONNRESET"));
});

test("what is wrong is not sent again and says what to do", async () => {
  const { api, sent } = faulty();
  await assert.rejects(api.getJob("../models"), (error) => error instanceof ApiError && error.code === "not_found" && error.hint !== "");
  assert.equal(sent.length, 1);
  assert.ok(sent[0]!.url.endsWith("/v1/jobs/%2E%2E%2Fmodels"));
  await assert.rejects(api.listJobs({ limit: 500 }), (error) => error instanceof ApiError && error.errors[0]?.field === "query.limit");
  const stranger = new LikenessApi({ address, key: "lk_live_nobody" });
  await assert.rejects(stranger.getMe(), (error) => error instanceof ApiError && error.code === "unauthorized" && error.status === 401);
});

test("a drawing that failed is not drawn again by itself", async () => {
  const problem = { type: "", title: "t", status: 503, detail: "d", code: "picture_not_in_time", hint: "h", retryable: true, request_id: "r" };
  const { api, sent } = faulty(new Response(JSON.stringify(problem), { status: 503, headers: { "retry-after": "1" } }));
  await assert.rejects(api.generateImages({ model: "1".repeat(32), prompt: "p" }), (error) => error instanceof ApiError && !error.isTemporary);
  assert.equal(sent.length, 1);
});

test("another program at the address is told", async () => {
  const { api } = faulty(new Response("<h1>Welcome</h1>"));
  await assert.rejects(api.getMe(), NotUnderstoodError);
});

test("a damaged download is an error", async () => {
  const { api } = faulty();
  const found = await api.getFiles(await model(api));
  const impatient = new LikenessApi({ address, key, patienceSeconds: 0 });
  await assert.rejects(impatient.download({ ...found.data[0]!, sha256: "0".repeat(64) }), (error) => error instanceof TransferError && error.code === "download_damaged");
});

test("a mock key's files are neither sent nor fetched", async () => {
  const form = { number: 0, url: "https://mock.invalid", fields: {} };
  const created = { object: "upload", id: "u", expires_at: "", forms: [form] };
  const { api, sent } = faulty(Response.json(created), Response.json({ object: "upload", id: "u", files: 1 }));
  assert.equal((await api.upload([{ data: new Blob(["x"]), type: "image/png" }])).files, 1);
  await assert.rejects(api.download({ url: "https://mock.invalid/a.png", sha256: "" }), (error) => error instanceof TransferError && error.code === "made_up");
  assert.equal(sent.length, 2);
});

test("a request that nobody looks at is told after minutes", async () => {
  const waiting = () => Response.json({ object: "upload", id: "u", files: 1 });
  const { api, sent } = faulty(Response.json({ object: "training", upload_id: "u", job: null }), ...Array.from({ length: 15 }, waiting));
  await assert.rejects(api.train("u", REQUEST), NotAcceptedError);
  assert.equal(sent.length, 16);
});

test("a caller that gives up gets its own reason", async () => {
  const controller = new AbortController();
  controller.abort(new Error("the user has left"));
  await assert.rejects(faulty().api.getMe({ signal: controller.signal }), /the user has left/);
});

test("a key is not sent in the clear", () => {
  assert.throws(() => new LikenessApi({ address: "http://api.example.org", key }), /https/);
  assert.throws(() => new LikenessApi({ address, key: "" }), /API key/);
});
