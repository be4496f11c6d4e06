// Folders and files, for Node: a folder's photos to upload, and files of a model to save.

import { mkdir, readFile, readdir, rename, stat, writeFile } from "node:fs/promises";
import { dirname, extname, join, parse } from "node:path";

import type { LikenessApi, UploadFile } from "./client.js";

const TYPES: Record<string, UploadFile["type"]> = {
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".png": "image/png",
  ".webp": "image/webp",
  ".heic": "image/heic",
  ".heif": "image/heif",
  ".avif": "image/avif",
};

/** Return a folder's photos; `NAME.txt` beside a photo is its caption. Other files are an error, except request.json,
 * consent.json and hidden ones. */
export async function photosOf(folder: string): Promise<UploadFile[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith(".") && !["request.json", "consent.json"].includes(name)).sort();
  const captions = new Map(names.filter((name) => extname(name).toLowerCase() === ".txt").map((name) => [parse(name).name, name]));
  const found: UploadFile[] = [];
  for (const name of names.filter((one) => ![...captions.values()].includes(one))) {
    const type = TYPES[extname(name).toLowerCase()];
    if (type === undefined) throw new TypeError(`${join(folder, name)} is no photo (${Object.keys(TYPES).join(" ")})`);
    const caption = captions.get(parse(name).name);
    const data = new Uint8Array(await readFile(join(folder, name)));
    found.push({ data, type, ...(caption === undefined ? {} : { caption: await readFile(join(folder, caption), "utf8") }) });
  }
  return found;
}

const MAX_ADAPTER_BYTES = 419_430_400;

/** Return a LoRA for `importAdapter`, which takes at most 400 MiB. */
export async function adapterOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (extname(path).toLowerCase() !== ".safetensors") throw new TypeError(`${path} is no safetensors file`);
  if ((await stat(path)).size > MAX_ADAPTER_BYTES) throw new TypeError(`${path} is larger than 400 MiB`);
  return new Uint8Array(await readFile(path));
}

/** Download every file of a model, each compared with its hash; return their paths. */
export async function saveFiles(api: LikenessApi, modelId: string, folder: string): Promise<string[]> {
  const found = await api.getFiles(modelId);
  const paths: string[] = [];
  for (const file of found.data) {
    if (file.path.startsWith("/") || file.path.split(/[\\/]/).includes("..")) throw new TypeError("a file's path leaves its folder");
    const path = join(folder, file.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.part`, await api.download(file));
    await rename(`${path}.part`, path);
    paths.push(path);
  }
  return paths;
}
