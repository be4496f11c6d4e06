// Every document of the HTTP API as a type; written by docs/clients.py from docs/openapi.json.

/** The tenant's aliases, the newest first. */
export interface AliasPage {
  data: Array<AliasView>;
  object: "list";
}

/** An alias. */
export interface AliasView {
  created_at: string;
  id: string;
  object: "alias";
  updated_at: string;
  versions: Array<VersionView>;
}

/** What an operator needs to decide. */
export interface AppealEvidence {
  appeal: AppealRow;
  object: "appeal_evidence";
  /** Null: it has expired. */
  text: AppealText | null;
}

/** Some appeals of all tenants, the newest first. */
export interface AppealPage {
  data: Array<AppealRow>;
  /** Send it as `after` for the next page; null: this is the last page. */
  next?: string | null;
  object: "list";
}

/** Body of `POST /v1/appeals/{id}:refuse`. */
export interface AppealRefusal {
  why: "rule_is_right" | "not_shown" | "duplicate" | "other";
}

/** One row of the api table. Times are ISO 8601 in UTC. */
export interface AppealRow {
  /** When the operators were told; null: they were not yet. */
  announced_at?: string | null;
  appeal_id: string;
  asked_at: string;
  code: "prompt_refused" | "name_refused" | "unsafe_picture";
  decided_at?: string | null;
  /** Salted hashes of the refused texts, or of the withheld picture's request (contracts/shared/words/allowed_texts.py). */
  hashes: Array<string>;
  refusal_id: string;
  schema_version: 1;
  status?: "open" | "granted" | "refused";
  tenant: string;
  why?: "rule_is_right" | "not_shown" | "duplicate" | "other" | null;
}

/** `appeals/<id>.json` below a tenant's prefix in the uploads bucket. */
export interface AppealText {
  appeal_id: string;
  /** With `unsafe_picture`: the rest of its request. */
  picture?: WithheldPicture | null;
  schema_version: 1;
  /** What was refused: for a picture its prompt and negative prompt together, for a request each text of the fields that were refused. */
  texts: Array<Array<string>>;
  words: string;
}

/** How an appeal stands. */
export interface AppealView {
  asked_at: string;
  code: "prompt_refused" | "name_refused" | "unsafe_picture";
  decided_at: string | null;
  id: string;
  object: "appeal";
  refusal_id: string;
  /** `granted`: this very text, or this very request, is let through for this tenant, within seconds. */
  status: "open" | "granted" | "refused";
  why: "rule_is_right" | "not_shown" | "duplicate" | "other" | null;
}

/** Whether somebody of the tenant lets a model be used, and who said so. */
export interface Approval {
  approved: boolean;
  at: string;
  /** Subject of the caller: opaque. */
  by: string;
}

/** One row of the audit table. Rows are written once, and never changed. */
export interface AuditEntry {
  /** What it was done to. An id that a client has chosen is a hash, since it may be a name. */
  about?: Array<string>;
  action: string;
  /** ISO 8601 in UTC. */
  at: string;
  entry_id: string;
  schema_version: 1;
  who: string;
}

/** Some entries, the newest first. */
export interface AuditPage {
  data: Array<AuditEntry>;
  /** Send it as `after` for the next page; null: this is the last page. */
  next?: string | null;
  object: "list";
}

/** Stored with the accepted request; required for photos of people (docs/consent.md). A consent of an earlier version of Likeness lacks the optional fields. It stays readable, and a new request with it is refused. */
export interface Consent {
  /** Whether everybody on the photos is 18 or older. */
  adult?: boolean | null;
  /** Time from which on the consent no longer holds. */
  expires_at?: string | null;
  /** Time of the consent with its time zone, e.g. `2026-11-21T09:00:00Z`. */
  given_at: string;
  /** Opaque id of the person on the photos, or of their representative; never a name. */
  given_by: string;
  /** Whom the photos show: `self` is the person who uploads them; `other` is somebody else, whose permission has an id in `permission`. */
  given_for?: "self" | "other" | null;
  /** Language in which they read the text. */
  language?: string | null;
  /** Opaque id under which the uploader keeps the other person's permission as proof. */
  permission?: string | null;
  /** One purpose, as earlier versions of Likeness have it; `purposes` is its successor. */
  purpose?: string | null;
  /** Purposes, one word of your choice each, e.g. `avatar`. */
  purposes?: Array<string>;
  /** Days for which the photos may be kept; not fewer than the stack keeps them. */
  retention_days: number;
  /** Version of the text that they agreed to. */
  text_version: string;
}

/** A page of consents, the newest first. */
export interface ConsentPage {
  data: Array<ConsentView>;
  /** Value of `after` for the next page; null: this is the last one. */
  next?: string | null;
  object: "list";
}

/** A consent that was given for one training. */
export interface ConsentView {
  consent: Consent;
  /** The id of the job and of the model. */
  id: string;
  object: "consent";
  /** Consents of the other people that the model knows; a withdrawal is that of all. */
  others?: Array<Consent>;
  recorded_at: string;
  upload_id: string;
  withdrawn_at?: string | null;
}

/** Answer of `POST /v1/consents/{id}:withdraw`. */
export interface ConsentWithdrawn {
  consent: ConsentView;
  /** How far the erasure of the upload and its models is; `unknown`: nothing was left of it. */
  erasure: ErasureAnswer;
  object: "withdrawal";
}

/** The webhook's newest deliveries. */
export interface DeliveryPage {
  data: Array<DeliveryView>;
  object: "list";
}

/** One delivery. */
export interface DeliveryView {
  attempts: number;
  failure?: "address_refused" | "no_answer" | "too_slow" | "not_accepted" | "redirected" | null;
  http_status?: number | null;
  id: string;
  object: "webhook_delivery";
  outcome: "waiting" | "delivered" | "failed" | "given_up" | "gone";
  type: "job.changed" | "job.ended" | "appeal.decided" | "ping";
  updated_at: string;
}

/** One store in a receipt. */
export interface ErasedStore {
  /** Versions, delete markers, unfinished uploads, rows or messages before the erasure. */
  found: number;
  /** What `found` counts, counted again after the deletion; null: nobody can count it, and `expiring` says until when it goes. */
  remaining: number | null;
  store: "uploaded files" | "unfinished uploads" | "unpacked archives" | "prepared photos" | "drawn pictures" | "large answers" | "job documents" | "refused requests" | "data exports" | "training plans" | "checkpoints and adapters" | "training logs" | "training output" | "packages in the making" | "packaged models" | "pushed models" | "endpoint memory and disk" | "warm pools" | "dead letters" | "model rows" | "job rows" | "upload rows" | "notice rows" | "api rows" | "people" | "API keys" | "webhooks" | "webhook deliveries" | "approvals" | "remembered answers" | "picture orders" | "aliases" | "export rows" | "appeals" | "counted calls";
}

/** Answer of request_erasure. */
export interface ErasureAnswer {
  erasure_id: string;
  /** `erasing`: nothing of it is drawn or trained any more, and its bytes go now; `erased`: it was erased before, the receipt is there; `unknown`: the tenant has no such thing. */
  outcome: "erasing" | "erased" | "unknown";
  /** The receipt itself, once it is there: for callers who cannot read the bucket. */
  receipt?: SignedReceipt | null;
  /** Place of the SignedReceipt, which is written when everything is gone. */
  receipt_uri?: string | null;
  schema_version: 1;
}

/** What was erased, when, and what follows by itself. */
export interface ErasureReceipt {
  erased_at: string;
  erasure_id: string;
  expiring: Array<ExpiringStore>;
  /** Trainings whose data was erased. */
  jobs: number;
  kind: "photo" | "upload" | "model" | "tenant";
  requested_at: string;
  schema_version: 1;
  stores: Array<ErasedStore>;
  /** `ErasureSubject.sha256`: who knows the ids can check that the receipt is theirs. */
  subject_sha256: string;
}

/** Answer of `POST /v1/estimates`: what a dry run says, without photos and without a job. */
export interface EstimateView {
  /** Batches in all steps; a step may have several. Absent in estimates from before 2026-12. */
  batches?: number | null;
  /** The part of `seconds` that CaptionPhotos takes; 0: there is no such state. */
  captioning_seconds?: number;
  object: "estimate";
  /** Seconds from the start of the instance to the end of the training job; with captioning before it, of both jobs together. */
  seconds: number;
  /** Optimiser steps, as the trainer will count them; an import has none. */
  steps: number;
  /** Training jobs; a sweep has one for each trial, or one for each rung of a trial. */
  trainings?: number;
  /** Cost in USD; null: the instance type has no price (domain/pricing/prices.py). */
  usd: number | null;
}

/** What AWS deletes with time alone. It holds opaque ids, never a photo, a name or a prompt. */
export interface ExpiringStore {
  /** Date when the last of it is gone; null: AWS keeps it until the account deletes it. */
  gone_at: string | null;
  holds: string;
  store: string;
}

/** A link to the archive of an export. */
export interface ExportFile {
  /** When the link ends; ask again for a new one. */
  expires_at: string;
  id: string;
  object: "export_file";
  sha256: string;
  size: number;
  /** Address to download the zip from, until `expires_at`. */
  url: string;
}

/** Some exports, the newest first. */
export interface ExportPage {
  data: Array<ExportView>;
  /** Send it as `after` for the next page; null: this is the last page. */
  next?: string | null;
  object: "list";
}

/** How an export stands. */
export interface ExportView {
  created_at: string;
  failure: JobFailure | null;
  /** Files in it. */
  files: number;
  given_by: string | null;
  id: string;
  kind: "tenant" | "person" | "upload";
  object: "export";
  /** Bytes of the archive. */
  size: number;
  /** `expired`: the archive is gone, by its age or by an erasure; ask for another one. */
  status: "processing" | "succeeded" | "failed" | "expired";
  updated_at: string;
  upload_id: string | null;
}

/** One field of a request that cannot be used. */
export interface FieldProblem {
  /** Where it stands: `body.rank`, `query.limit`. */
  field: string;
  message: string;
}

/** One file of an upload. */
export interface FileToUpload {
  /** For `text/plain`: number of the photo that this file is the caption of. */
  of_photo?: number | null;
  /** Bytes; the form takes a file of exactly this size. A photo has at most 20 MB, a LoRA 400 MiB (419,430,400 bytes). */
  size: number;
  type: "image/jpeg" | "image/png" | "image/webp" | "image/heic" | "image/heif" | "image/avif" | "text/plain" | "application/zip" | "application/x-tar" | "application/gzip" | "application/x-safetensors";
}

/** The evaluation of one checkpoint with a few quick pictures. */
export interface GateCandidate {
  class_drift: number | null;
  identity: number | null;
  /** Whether the checkpoint reaches every threshold. */
  passed: boolean;
  prompt_following: number | null;
  step: number;
}

/** The scores of an adapter; of several subjects, each score is that of the worst one. */
export interface GateReport {
  /** The checkpoints that were evaluated, best first; the adapter has the first one's weights. Empty: the adapter has the last step's weights. */
  candidates?: Array<GateCandidate>;
  /** Share of the class that was lost: to the subject, or in prompt following. */
  class_drift?: number | null;
  /** Codes of the thresholds that were missed. */
  codes?: Array<string>;
  /** The largest probability that the content filter gave one of them; absent: it was not asked. */
  content_score?: number | null;
  /** Mean absolute change of the pictures, 0 to 1. */
  effect: number;
  /** Cosine similarity of generated pictures and held-out photos. */
  identity?: number | null;
  /** The same similarity for the base without the adapter. */
  identity_base?: number | null;
  /** Whether the photos that likeness was measured on were kept from training; null in results from before 2026-12. */
  identity_held_out?: boolean | null;
  /** Cosine similarity of the photos with one another: the highest value to expect. */
  identity_photos?: number | null;
  passed: boolean;
  /** The largest `photo_similarity` of a picture. */
  photo_similarity?: number | null;
  prompt_following?: number | null;
  /** The pictures of the subject and of the sample prompts, those most like the photos first. */
  ranking?: Array<RankedPicture>;
  /** The scores of each subject, where there are several, in the request's order. */
  subjects?: Array<SubjectScores>;
  /** Pictures of this gate that the safety stages have withheld: they are grey on `samples.png` and in their files. Absent: the stack has named no stage. */
  withheld?: number | null;
}

/** Successive halving: all trials begin, and at the end of each rung the best of them go on. */
export interface Halving {
  /** Smallest number of steps of the first rung: with fewer, the gate's scores say too little. */
  min_resource?: number;
  /** One of so many trials goes on, and a rung ends after so many times the steps of the one before it. */
  reduction_factor?: number;
}

/** One picture. */
export interface ImageLink {
  seed: number;
  sha256: string;
  /** Address in S3: another order may have it as its `image`. */
  uri: string;
  /** Address to download the PNG from, until the answer's `expires_at`. */
  url: string;
}

/** Answer of `POST /v1/jobs/{id}:cancel`. */
export interface JobCanceled {
  id: string;
  object: "cancellation";
  /** `too_late`: the job has ended, or its model is being delivered. */
  outcome: "canceling" | "too_late";
}

/** Why a job has ended without a model. */
export interface JobFailure {
  code: string;
  detail: string;
  /** What to do. */
  hint: string;
  retryable: boolean;
  title: string;
}

/** Some jobs, the newest first. */
export interface JobPage {
  data: Array<JobView>;
  /** Send it as `after` for the next page; null: this is the last page. */
  next?: string | null;
  object: "list";
}

/** Answer of `POST /v1/jobs/{id}:redrive`. */
export interface JobRedriven {
  id: string;
  object: "redrive";
  /** `too_late`: the job has not failed, or failed more than 14 days ago. */
  outcome: "redriven" | "too_late";
}

/** What a training has drawn so far, in the order of its steps. */
export interface JobSamples {
  data: Array<Sample>;
  expires_at: string;
  object: "list";
}

/** One job: a training, or an import, from its acceptance to its model. */
export interface JobView {
  created_at: string;
  eta_seconds: number | null;
  failure: JobFailure | null;
  id: string;
  /** `import`: the model is a LoRA that another tool has trained, and no step was taken here. */
  kind?: "training" | "import";
  /** The model, once the job has succeeded. */
  model_id: string | null;
  object: "job";
  percent: number;
  queue_place: number | null;
  stage: "AcceptRequest" | "InspectPhotos" | "CaptionPhotos" | "TrainAdapter" | "SweepAdapter" | "PublishAdapter" | "WarmModel" | "NotifyOwner" | "NotifyFailure";
  status: "starting" | "processing" | "succeeded" | "failed" | "canceled";
  step: number | null;
  total_steps: number | null;
  updated_at: string;
  upload_id: string;
  /** Changes whenever the job does: `?wait=20&after=<version>` answers at the next change. */
  version: string;
  waiting_for: "slot" | "capacity" | null;
}

/** The tenant's keys, the newest first. */
export interface KeyList {
  data: Array<KeyView>;
  object: "list";
}

/** One key, without its secret. */
export interface KeyView {
  created_at: string;
  expires_at: string | null;
  id: string;
  /** Accurate to a minute. */
  last_used_at: string | null;
  mode: "live" | "mock";
  name: string;
  object: "key";
  revoked_at: string | null;
  scopes: Array<"read" | "train" | "draw" | "erase" | "admin" | "operate">;
  /** The key itself: only in the answer that makes it, and never again. */
  token?: string | null;
}

/** Who calls. */
export interface Me {
  mode: "live" | "mock";
  object: "caller";
  scopes: Array<"read" | "train" | "draw" | "erase" | "admin" | "operate">;
  subject: string;
  tenant: string;
}

/** The tenant's people, the newest first. */
export interface MemberList {
  data: Array<MemberView>;
  object: "list";
}

/** Answer of `DELETE /v1/members/{id}`. */
export interface MemberRemoved {
  id: string;
  object: "removal";
}

/** One person of the tenant. */
export interface MemberView {
  created_at: string;
  email: string;
  id: string;
  object: "member";
  role: "owner" | "member" | "viewer";
  status: "invited" | "active" | "disabled";
}

/** One model with what the registry knows of it. */
export interface ModelDetails {
  /** Null: nobody of the tenant has decided yet. */
  approval: Approval | null;
  base_id: string;
  created_at: string;
  /** Whether a takedown has disabled the model: nothing is drawn with it, and it has no files. */
  disabled?: boolean;
  /** What was measured before the model was published; null for a model of an older release. */
  gate: GateReport | null;
  /** Also the id of the job that trained it. */
  id: string;
  object: "model";
  /** Write it in a prompt to draw the subject. */
  trigger_word: string;
  /** The trigger word of each subject, where there are several; the first is `trigger_word`. */
  trigger_words?: Array<string>;
  /** Counts the tenant's models of the same trigger word, the oldest first. */
  version: number;
  weights_sha256: string;
}

/** One file of a model. */
export interface ModelFile {
  path: string;
  sha256: string;
  /** Address to download it from, until `expires_at`. */
  url: string;
}

/** Every file of a model: for diffusers, kohya, A1111 and ComfyUI, PEFT; card and sheet. */
export interface ModelFiles {
  data: Array<ModelFile>;
  expires_at: string;
  object: "files";
}

/** Some models, the newest first. */
export interface ModelPage {
  data: Array<ModelView>;
  /** Send it as `after` for the next page; null: this is the last page. */
  next?: string | null;
  object: "list";
}

/** A model's folder in the operator's hub, laid out as Hugging Face's repositories are. */
export interface ModelPushed {
  files: number;
  id: string;
  object: "push";
  pushed_at: string;
  /** The folder: `README.md` is the model card, beside it the files of each tool. */
  uri: string;
}

/** One model. */
export interface ModelView {
  base_id: string;
  created_at: string;
  /** Also the id of the job that trained it. */
  id: string;
  object: "model";
  /** Write it in a prompt to draw the subject. */
  trigger_word: string;
  /** The trigger word of each subject, where there are several; the first is `trigger_word`. */
  trigger_words?: Array<string>;
  weights_sha256: string;
}

/** Body of `POST /v1/uploads/{id}/files`. */
export interface MoreFiles {
  files: Array<FileToUpload>;
  /** Number of the first of these files: how many the upload has already. A file that was sent under the same number before is replaced if its type is the same. */
  first: number;
}

/** Body of `POST /v1/aliases`: an alias is made, or gets these versions instead of its own. */
export interface NewAlias {
  name: string;
  versions: Array<Version>;
}

/** Body of `POST /v1/refusals/{id}:appeal`. */
export interface NewAppeal {
  /** Anything that helps to decide. Operators read it beside the refused text. */
  words?: string;
}

/** Body of `POST /v1/models/{id}:approve`. */
export interface NewApproval {
  approved: boolean;
}

/** Body of `POST /v1/estimates`. */
export interface NewEstimate {
  /** Photos that can be used; left out for an import, which has none. */
  photos?: number | null;
  /** The same as `request.json`. An import is estimated where it has `adapter_file`. */
  request: TrainingRequest;
}

/** Body of `POST /v1/exports`; with neither field everything of the tenant. */
export interface NewExport {
  /** Only what one person has agreed to: the `given_by` of their consents. */
  given_by?: string | null;
  /** Only one upload, its models and what they have drawn. */
  upload_id?: string | null;
}

/** Body of `POST /v1/keys`. */
export interface NewKey {
  /** Days after which the key is refused; absent: it does not expire. */
  days?: number | null;
  mode?: "live" | "mock";
  name: string;
  scopes: Array<"read" | "train" | "draw" | "erase" | "admin" | "operate">;
}

/** Body of `POST /v1/members`. */
export interface NewMember {
  email: string;
  role?: "owner" | "member" | "viewer";
}

/** Body of `POST /v1/models/{id}/pictures`; the fields are those of PictureArguments. */
export interface NewPicture {
  /** Number of the text encoders' last layers that are left out. */
  clip_skip?: number | null;
  guidance_scale?: number | null;
  height?: number | null;
  /** Factor by which the picture of `width` x `height` is enlarged, to be drawn again. */
  hr_scale?: number | null;
  /** Steps of the second pass; absent or 0: as many as the first. */
  hr_second_pass_steps?: number | null;
  /** How it is made larger; absent: `Latent`. */
  hr_upscaler?: "Latent" | "Latent (antialiased)" | "Latent (bicubic)" | "Latent (nearest)" | "Lanczos" | "Nearest" | null;
  /** A PNG or JPEG to start from: its base64, at most 2 MB, or the `uri` of a picture of the tenant's own, at most 6 MB. */
  image?: string | null;
  lora_scale?: number;
  /** Base64 of a PNG or JPEG of the image's size, or its `uri`: the image changes only where it is white. */
  mask_image?: string | null;
  negative_prompt?: string | null;
  num_images_per_prompt?: number;
  num_inference_steps?: number | null;
  /** What to draw. Name the subject by the model's trigger word, or write `<<TOK>>`. */
  prompt: string;
  /** Whether `(word:1.2)`, `(word)` and `[word]` in the prompts weigh words. */
  prompt_weights?: boolean;
  /** Share of the noise that the base draws; SDXL's refiner draws the rest, without adapters. */
  refiner_switch_at?: number | null;
  scheduler?: "DDIMScheduler" | "DDPMScheduler" | "DEISMultistepScheduler" | "DPMSolverMultistepScheduler" | "DPMSolverSinglestepScheduler" | "EulerAncestralDiscreteScheduler" | "EulerDiscreteScheduler" | "HeunDiscreteScheduler" | "KDPM2AncestralDiscreteScheduler" | "KDPM2DiscreteScheduler" | "LCMScheduler" | "LMSDiscreteScheduler" | "PNDMScheduler" | "SASolverScheduler" | "TCDScheduler" | "UniPCMultistepScheduler" | "DDIM" | "DDPM" | "Euler a" | "LCM" | "PLMS" | "TCD" | "DDIM Simple" | "DDPM Simple" | "Euler a Simple" | "DEIS" | "DEIS Karras" | "DEIS Exponential" | "DEIS Beta" | "DEIS Simple" | "DPM++ 2M" | "DPM++ 2M Karras" | "DPM++ 2M Exponential" | "DPM++ 2M Beta" | "DPM++ 2M Simple" | "DPM++ 2M SDE" | "DPM++ 2M SDE Karras" | "DPM++ 2M SDE Exponential" | "DPM++ 2M SDE Beta" | "DPM++ 2M SDE Simple" | "DPM++ 2M SDE Heun" | "DPM++ 2M SDE Heun Karras" | "DPM++ 2M SDE Heun Exponential" | "DPM++ 2M SDE Heun Beta" | "DPM++ 2M SDE Heun Simple" | "DPM++ SDE" | "DPM++ SDE Karras" | "DPM++ SDE Exponential" | "DPM++ SDE Beta" | "DPM2" | "DPM2 Karras" | "DPM2 Exponential" | "DPM2 Beta" | "DPM2 Simple" | "DPM2 a" | "DPM2 a Karras" | "DPM2 a Exponential" | "DPM2 a Beta" | "DPM2 a Simple" | "Euler" | "Euler Karras" | "Euler Exponential" | "Euler Beta" | "Euler Simple" | "Heun" | "Heun Karras" | "Heun Exponential" | "Heun Beta" | "Heun Simple" | "LMS" | "LMS Karras" | "LMS Exponential" | "LMS Beta" | "LMS Simple" | "UniPC" | "UniPC Karras" | "UniPC Exponential" | "UniPC Beta" | "UniPC Simple" | "FlowMatchEulerDiscreteScheduler" | null;
  /** Absent, or -1 as other tools write it: one is drawn, and the answer names it. */
  seed?: number | null;
  /** With an image: the share of it that may change; absent: 0.8. With `hr_scale`: the same of the first pass's picture; absent: 0.7. */
  strength?: number | null;
  style?: "photo" | "cinematic" | "studio" | "analog" | "watercolor" | "oil" | "pencil" | "comic" | "anime" | "3d" | null;
  /** An opaque id of your own user, for a model that is an alias: the same user gets the same version. It is not stored. Absent: whoever calls. */
  user?: string | null;
  width?: number | null;
}

/** Body of `POST /v1/pictures/{id}:rate`. */
export interface NewRating {
  /** How much the pictures look like the subject: 1, not at all, to 5. */
  stars: number;
}

/** Body of `POST /v1/members/{id}:role`. */
export interface NewRole {
  role: "owner" | "member" | "viewer";
}

/** Body of `POST /v1/takedowns`. */
export interface NewTakedown {
  /** Where an answer may be sent; the case can also be asked for by its id. */
  contact?: string;
  /** The person on the picture, or somebody who may speak for them. */
  i_am: "shown_person" | "representative";
  /** The picture's file in base64: JPEG, PNG, WebP, HEIC or AVIF, at most 4 MB. Send the file as it was found; a photo of a screen has lost its marks. */
  picture: string;
  reason: "intimate" | "minor" | "no_consent" | "other";
  /** Anything that helps to decide. */
  words?: string;
}

/** Body of `POST /v1/models`: train a model on an upload, or import the LoRA that it holds. */
export interface NewTraining {
  /** The same as `request.json`. To import a LoRA, `adapter_file` is `000.safetensors`. */
  request: TrainingRequest;
  upload_id: string;
}

/** Body of `POST /v1/uploads`. */
export interface NewUpload {
  files: Array<FileToUpload>;
}

/** Answer of `POST /v1/images/generations`. */
export interface OpenAiAnswer {
  /** Second of the epoch. */
  created: number;
  data: Array<OpenAiImage>;
}

/** One picture; only the field of the asked `response_format` is there. */
export interface OpenAiImage {
  b64_json?: string | null;
  url?: string | null;
}

/** Body of `POST /v1/images/generations`, as OpenAI's clients send it. Of its options that are not here, only the values that change nothing are taken. */
export interface OpenAiImages {
  background?: "auto" | "opaque" | null;
  /** A model's id, or an alias. */
  model: string;
  moderation?: "auto" | null;
  n?: number | null;
  output_format?: "png" | null;
  prompt: string;
  quality?: "auto" | "standard" | null;
  response_format?: "url" | "b64_json" | null;
  /** `<width>x<height>` in pixels; absent or `auto`: the base's own size. */
  size?: string | "auto" | null;
  stream?: false | null;
  /** OpenAI's name of an end user, for an alias; it is not stored. */
  user?: string | null;
}

/** Another model of the same tenant, mixed into this one's pictures. */
export interface OtherModel {
  /** The other model's TargetModel. It must be loaded on the endpoint: send it a request first. */
  model: string;
  weight?: number;
}

/** Answer of `DELETE /v1/uploads/{id}/photos/{number}`: every version of it is gone. */
export interface PhotoErased {
  erased_at: string;
  number: number;
  object: "photo.erased";
  upload_id: string;
}

/** The verdict on one photo, before anything is trained. */
export interface PhotoInspected {
  /** What to do, one sentence for each code. */
  advice: Array<string>;
  /** Codes of docs/codes.md: why the photo is refused, what was repaired, and advice. */
  codes: Array<string>;
  height?: number | null;
  number: number;
  object: "photo";
  verdict: "accepted" | "repaired" | "refused";
  width?: number | null;
}

/** One photo of an upload. */
export interface PhotoLink {
  /** As in `/photos/{number}:inspect`. */
  number: number;
  /** Bytes. */
  size: number;
  /** Address to download it from, until the answer's `expires_at`. */
  url: string;
}

/** `gen_args`: every field is optional; an absent field means the base's default. Readers rename other tools' fields first: rename_arguments of contracts.shared.pictures. */
export interface PictureArguments {
  /** Adapters of other models to mix in; `lora_scale` is the own adapter's weight. */
  adapters?: Array<OtherModel>;
  /** Number of the text encoders' last layers that are left out. AUTOMATIC1111 and kohya count one more: their 2 is 1 here. */
  clip_skip?: number | null;
  /** Strength of classifier-free guidance; 1 or less: no guidance, which is half the work. Z-Image counts one less, as diffusers' pipeline does: only 0 is no guidance. */
  guidance_scale?: number | null;
  height?: number | null;
  /** AUTOMATIC1111's hires fix: the picture is drawn in `width` x `height`, made so many times as large, and drawn again from that, as from a start image. Absent: one pass. */
  hr_scale?: number | null;
  /** Steps of the second pass, of which `strength` is run; absent or 0: as many as the first. */
  hr_second_pass_steps?: number | null;
  /** How it is made larger; absent: `Latent`. */
  hr_upscaler?: "Latent" | "Latent (antialiased)" | "Latent (bicubic)" | "Latent (nearest)" | "Lanczos" | "Nearest" | null;
  /** Weight of the model's own adapter; 0 gives the base's pictures. */
  lora_scale?: number;
  /** Base64 of a PNG or JPEG of the image's size, or its address in S3, as the image's: the image changes only where it is white. */
  mask_image?: string | null;
  /** As the input of that name, for requests of other tools; only one of the two may be given. */
  negative_prompt?: string | null;
  num_images_per_prompt?: number;
  num_inference_steps?: number | null;
  output_format?: "png" | "jpeg" | "webp";
  /** Whether `(word:1.2)`, `(word)` and `[word]` weigh words, as in AUTOMATIC1111; false: brackets are text. Z-Image's text encoder reads no weights: there brackets are always text. */
  prompt_weights?: boolean;
  /** Quality of a JPEG or WebP file. */
  quality?: number;
  /** Share of the noise schedule that the base draws; SDXL's refiner draws the rest, without adapters. Diffusers' `denoising_end` and `denoising_start`. Absent: no refiner. */
  refiner_switch_at?: number | null;
  scheduler?: "DDIMScheduler" | "DDPMScheduler" | "DEISMultistepScheduler" | "DPMSolverMultistepScheduler" | "DPMSolverSinglestepScheduler" | "EulerAncestralDiscreteScheduler" | "EulerDiscreteScheduler" | "HeunDiscreteScheduler" | "KDPM2AncestralDiscreteScheduler" | "KDPM2DiscreteScheduler" | "LCMScheduler" | "LMSDiscreteScheduler" | "PNDMScheduler" | "SASolverScheduler" | "TCDScheduler" | "UniPCMultistepScheduler" | "DDIM" | "DDPM" | "Euler a" | "LCM" | "PLMS" | "TCD" | "DDIM Simple" | "DDPM Simple" | "Euler a Simple" | "DEIS" | "DEIS Karras" | "DEIS Exponential" | "DEIS Beta" | "DEIS Simple" | "DPM++ 2M" | "DPM++ 2M Karras" | "DPM++ 2M Exponential" | "DPM++ 2M Beta" | "DPM++ 2M Simple" | "DPM++ 2M SDE" | "DPM++ 2M SDE Karras" | "DPM++ 2M SDE Exponential" | "DPM++ 2M SDE Beta" | "DPM++ 2M SDE Simple" | "DPM++ 2M SDE Heun" | "DPM++ 2M SDE Heun Karras" | "DPM++ 2M SDE Heun Exponential" | "DPM++ 2M SDE Heun Beta" | "DPM++ 2M SDE Heun Simple" | "DPM++ SDE" | "DPM++ SDE Karras" | "DPM++ SDE Exponential" | "DPM++ SDE Beta" | "DPM2" | "DPM2 Karras" | "DPM2 Exponential" | "DPM2 Beta" | "DPM2 Simple" | "DPM2 a" | "DPM2 a Karras" | "DPM2 a Exponential" | "DPM2 a Beta" | "DPM2 a Simple" | "Euler" | "Euler Karras" | "Euler Exponential" | "Euler Beta" | "Euler Simple" | "Heun" | "Heun Karras" | "Heun Exponential" | "Heun Beta" | "Heun Simple" | "LMS" | "LMS Karras" | "LMS Exponential" | "LMS Beta" | "LMS Simple" | "UniPC" | "UniPC Karras" | "UniPC Exponential" | "UniPC Beta" | "UniPC Simple" | "FlowMatchEulerDiscreteScheduler" | null;
  /** Seed of the first picture; each further picture has the next seed. Absent or -1: random. */
  seed?: number | null;
  /** Share of the start image, or with `hr_scale` of the first pass's picture, that may change: 1 keeps nothing of it. The same share of the steps is run. */
  strength?: number | null;
  /** Style whose words are put around both prompts; see contracts.shared.words.styles. */
  style?: "photo" | "cinematic" | "studio" | "analog" | "watercolor" | "oil" | "pencil" | "comic" | "anime" | "3d" | null;
  /** Whether the answer may come from the cache of an identical request with the same seed. */
  use_cache?: boolean;
  width?: number | null;
}

/** Answer of `POST /v1/pictures/{id}:cancel`. */
export interface PictureCanceled {
  id: string;
  object: "cancellation";
  /** `too_late`: it has ended already. */
  outcome: "canceled" | "too_late";
}

/** Some of the tenant's orders, the newest first, without links. */
export interface PicturePage {
  data: Array<PictureView>;
  /** Send it as `after` for the next page; null: this is the last page. */
  next?: string | null;
  object: "list";
}

/** Body of `POST /v1/verifications`. */
export interface PictureToVerify {
  /** The picture's file in base64: JPEG, PNG, WebP, HEIC or AVIF, at most 4 MB. Send the file as it was found; a photo of a screen has lost its marks. It is read, and not kept. */
  picture: string;
}

/** What the marks of a picture say of this stack. No mark proves nothing. */
export interface PictureVerdict {
  /** `ours`: this stack has signed the file, which is unchanged since; `others`: somebody else has; `damaged`: the picture or its manifest was changed after signing; `absent`: there are none; `not_read`: the stack's functions run on Python 3.11, which has no library for them. */
  credentials: "ours" | "others" | "damaged" | "absent" | "not_read";
  /** When this stack has signed the file, ISO 8601 in UTC. Null without content credentials of ours, because a watermark holds no time, and for files of earlier releases. */
  made_at: string | null;
  /** Whether the content credentials or the watermark are this stack's. False: the picture comes from elsewhere, or its marks were removed. */
  made_here: boolean;
  /** The model that our content credentials name: an opaque id, which anybody can read there. */
  model: string | null;
  object: "picture_verdict";
  /** Whether the pixels have a watermark of this stack. */
  watermark: boolean;
  /** What our content credentials say of the watermark; null without them. */
  watermark_stated: "present" | "off" | "too-small" | null;
}

/** An order and, once it has succeeded, its pictures. */
export interface PictureView {
  /** The alias that was asked; null: the model itself was. */
  alias: string | null;
  /** How the appeal against the refusal stands; null in lists, and where nobody has appealed. */
  appeal?: "open" | "granted" | "refused" | null;
  attempts: number;
  created_at: string;
  /** When the links end; ask again for new ones. */
  expires_at: string | null;
  failure: JobFailure | null;
  height: number | null;
  id: string;
  images: Array<ImageLink>;
  model_id: string;
  object: "picture";
  /** What was ordered, with its prompts and without the files that were sent in base64; null in lists, and once the order has expired. */
  order: NewPicture | null;
  /** With `prompt_refused` or `unsafe_picture`: the id for `POST /v1/refusals/{id}:appeal`. */
  refusal_id: string | null;
  /** Seed of the first picture; each further picture has the next number. */
  seed: number;
  /** Your rating of the likeness, 1 to 5. */
  stars: number | null;
  status: "queued" | "drawing" | "succeeded" | "failed" | "canceled";
  updated_at: string;
  /** A code of docs/codes.md: why it is not drawn yet, for example `endpoint_starting`. */
  waiting_for: string | null;
  width: number | null;
}

/** An error: what happened, why, and what to do. */
export interface Problem {
  /** A code of docs/codes.md. */
  code: string;
  /** What happened and why; never user text. */
  detail: string;
  errors?: Array<FieldProblem>;
  /** What to do. */
  hint: string;
  /** Detail, the first fields and hint as one text, for clients that show nothing else, such as OpenAI's; API Gateway's own answers have this field alone. */
  message?: string;
  /** With `prompt_refused` or `unsafe_picture`: the id for `POST /v1/refusals/{id}:appeal`. */
  refusal_id?: string | null;
  /** Name it when you ask for help. */
  request_id: string;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  status: number;
  title: string;
  /** Address of the code's description. */
  type: string;
}

/** Body of `POST /v1/aliases/{alias}:promote`. */
export interface Promotion {
  /** One of the alias's versions: all callers get it from now on. */
  model_id: string;
}

/** How much the tenant may ask for, and what is used of it. */
export interface Quotas {
  pictures_per_minute: number;
  requests_per_minute: number;
  trainings_per_day: number;
  /** Trainings that were begun since midnight (UTC). */
  trainings_today: number;
}

/** A picture that the gate drew with the adapter, and how it compares with the photos. */
export interface RankedPicture {
  /** File in the adapter's folder; absent: the picture is on `samples.png` alone. */
  file?: string | null;
  /** Mean cosine similarity with the photos; 0 when nobody is recognised on the picture, absent without a judge. */
  identity?: number | null;
  /** Similarity of its edges with those of the nearest photo that was learnt, -1 to 1; 1 is a copy. */
  photo_similarity?: number | null;
  /** Row on `samples.png`, whose second column shows it. */
  row: number;
}

/** Body of `POST /v1/keys/{id}:rotate`. */
export interface Rotation {
  /** Seconds for which the old key is still accepted. */
  overlap_seconds?: number;
}

/** The machine of one training; the stack's operator sets defaults and limits. */
export interface RunOptions {
  /** Instance type of the training job; absent: the stack's TrainingInstanceType. */
  instance_type?: string | null;
  /** Seconds after which the training ends with what it has learnt; such a training has a training job of its own. Absent: the stack's MaxRuntimeSeconds. */
  max_run?: number | null;
  /** True: a spot instance, which costs less, may be interrupted, and keeps no warm pool. False: never a spot instance. Absent: the stack chooses. */
  use_spot_instances?: boolean | null;
  /** Size of the training job's storage volume in GB; absent: the stack's VolumeSizeInGB. */
  volume_size?: number | null;
}

/** One image that was drawn while the model was trained. */
export interface Sample {
  step: number;
  /** Address of the PNG, until the answer's `expires_at`. */
  url: string;
}

/** `receipts/<erasure id>.json` in the models bucket. */
export interface SignedReceipt {
  algorithm: "ECDSA_SHA_256";
  /** The KMS key of the stack that signed; a receipt is only worth what this key is. */
  key_arn: string;
  receipt: ErasureReceipt;
  schema_version: 1;
  /** Base64 of the signature over `digest_of(receipt)`. */
  signature: string;
}

/** One of several subjects of an upload; docs/training.md#several-subjects. */
export interface Subject {
  /** Describes its class; subjects with equal class prompts share their class images. */
  class_prompt: string;
  /** Consent of this person; required where the stack says so. Each person gives their own. */
  consent?: Consent | null;
  /** Name of the folder that holds its photos; absent: the trigger word, or a folder of kohya's form with that word, such as `10_anna woman`. */
  folder?: string | null;
  /** Describes this subject, which its trigger word or a placeholder names. */
  instance_prompt: string;
  /** Rare words that name this subject, and no other one, in prompts. */
  trigger_word: string;
}

/** The scores of one of several subjects. */
export interface SubjectScores {
  /** Share of the class that was lost: to the subject, or in prompt following. */
  class_drift?: number | null;
  /** Codes of the thresholds that were missed. */
  codes?: Array<string>;
  /** Mean absolute change of the pictures, 0 to 1. */
  effect: number;
  /** Cosine similarity of generated pictures and held-out photos. */
  identity?: number | null;
  /** The same similarity for the base without the adapter. */
  identity_base?: number | null;
  /** Cosine similarity of its pictures and the photos of the other subject that they are most like; it must be below `identity`. */
  identity_other?: number | null;
  /** Cosine similarity of the photos with one another: the highest value to expect. */
  identity_photos?: number | null;
  passed: boolean;
  /** The largest `photo_similarity` of a picture. */
  photo_similarity?: number | null;
  prompt_following?: number | null;
  trigger_word: string;
}

/** Every combination of the values is one trial: one training of the same photos. */
export interface SweepGrid {
  /** How worse trials are stopped early; absent: every trial is trained to its end. */
  halving?: Halving | null;
  learning_rate?: Array<number> | null;
  max_train_steps?: Array<number> | null;
  rank?: Array<number> | null;
}

/** Body of `POST /v1/takedowns/{id}:accept`. */
export interface TakedownAcceptance {
  /** The models to disable; empty: those that the marks have named. */
  models?: Array<string>;
}

/** One row of the api table. Times are ISO 8601 in UTC. */
export interface TakedownCase {
  /** When the operators were told of that; null: they were not yet. */
  appeal_announced_at?: string | null;
  /** When the owner of a disabled model has asked an operator to look again. */
  appealed_at?: string | null;
  case_id: string;
  credentials?: "ours" | "others" | "damaged" | "absent" | "not_read" | null;
  decided_at?: string | null;
  /** When it must be decided. */
  due_at: string;
  /** When the picture's marks were read; null: they were not yet. */
  looked_at?: string | null;
  /** Models that the marks may mean; of an accepted case, the disabled ones. */
  models?: Array<string>;
  reason: "intimate" | "minor" | "no_consent" | "other";
  received_at: string;
  schema_version: 1;
  status?: "open" | "accepted" | "refused" | "restored";
  /** Whether the picture has a watermark of this stack. */
  watermark?: boolean | null;
  why?: "no_mark" | "not_this_person" | "consent_shown" | "duplicate" | "no_ground" | null;
}

/** What an operator needs to decide. */
export interface TakedownEvidence {
  case: TakedownCase;
  object: "evidence";
  /** Good for 15 minutes; the picture as it was decoded, without what its file had in it. */
  picture_url: string;
  /** Null: it has expired. */
  report: TakedownReport | null;
}

/** Some cases, the newest first. */
export interface TakedownPage {
  data: Array<TakedownCase>;
  /** Send it as `after` for the next page; null: this is the last page. */
  next?: string | null;
  object: "list";
}

/** Body of `POST /v1/takedowns/{id}:refuse`. */
export interface TakedownRefusal {
  why: "no_mark" | "not_this_person" | "consent_shown" | "duplicate" | "no_ground";
}

/** `takedowns/<case>/report.json` in the uploads bucket: what the reporter has written. */
export interface TakedownReport {
  case_id: string;
  contact: string;
  i_am: "shown_person" | "representative";
  reason: "intimate" | "minor" | "no_consent" | "other";
  schema_version: 1;
  words: string;
}

/** What a reporter may see of a case. */
export interface TakedownView {
  decided_at: string | null;
  due_at: string;
  id: string;
  object: "takedown";
  received_at: string;
  status: "open" | "accepted" | "refused" | "restored";
}

/** What to train and how. Every field has a default except the two prompts. */
export interface TrainingRequest {
  adam_beta1?: number;
  adam_beta2?: number;
  /** Weight decay, for every optimiser. */
  adam_weight_decay?: number;
  /** A LoRA in the upload that another tool has trained: it is checked and published, and nothing is trained; docs/import.md. */
  adapter_file?: string | null;
  /** `lokr`: a Kronecker product of a small and a low-rank matrix; delivered as a plain LoRA. */
  adapter_type?: "lora" | "lokr";
  /** Let a captioner describe the photos without a caption. */
  autocaption?: boolean;
  /** Largest length of a generated caption in the captioner's tokens; what the base's text encoder does not read is reported as `caption_truncated`. */
  autocaption_max_tokens?: number;
  /** Smallest length of a generated caption in the captioner's tokens. */
  autocaption_min_tokens?: number;
  /** Beams of the captioner's search; more are slower and describe better. */
  autocaption_num_beams?: number;
  /** Text before the generated caption, e.g. `a photo of TOK,`; absent: the instance prompt. */
  autocaption_prefix?: string | null;
  /** Prompt for the captioner: a question (InstructBLIP) or the caption's first words (BLIP). */
  autocaption_prompt?: string | null;
  /** Text after the generated caption. */
  autocaption_suffix?: string | null;
  /** Blur the background, or replace it by random colours that depend on the seed. */
  background?: "keep" | "blur" | "random";
  /** Probability that a photo is trained with an empty caption. */
  caption_dropout_rate?: number;
  /** Steps between two checkpoints; absent: a tenth of all steps, at least 10. */
  checkpointing_steps?: number | null;
  /** Describes the class without the trigger word, e.g. `a photo of a person`. */
  class_prompt: string;
  /** Consent to the use of the photos; required where the stack says so. */
  consent?: Consent | null;
  /** Side of LoKr's small matrix; the delivered LoRA has up to `rank` times this rank. */
  decompose_factor?: number;
  /** Answer with the verdicts and the estimate of time and cost; train nothing. */
  dry_run?: boolean;
  /** Largest decay of the average; after n steps it is at most (1 + n) / (10 + n). */
  ema_decay?: number;
  /** Keep each photo's aspect ratio: train it at the bucket size nearest to its own. */
  enable_bucket?: boolean;
  /** Whether InspectPhotos looks for faces on photos of real people, and compares the people. Absent: it does if a photo needs a face and the base is not of drawn people. */
  face_checks?: "photos" | "off" | null;
  /** Crop photos to the face and its surroundings; `align` also turns the eyes level. `auto` crops where the training finds faces of real people, and keeps other photos as they are. */
  face_crop?: "none" | "auto" | "crop" | "align";
  /** Batches per optimiser step: the effect of a larger batch in the same memory. */
  gradient_accumulation_steps?: number;
  /** Recompute activations instead of storing them; absent: the training image's setting. */
  gradient_checkpointing?: boolean | null;
  /** Another key trains the same content again; absent: the same content is trained once. */
  idempotency_key?: string | null;
  /** Describes the subject, which the trigger word or a placeholder names: `a photo of sks person` or `a photo of TOK person`. */
  instance_prompt: string;
  /** Peak learning rate of the UNet's adapter, at most 0.1; absent: the base's default. With prodigy it is a factor; absent: 1. */
  learning_rate?: number | null;
  /** The adapter is scaled by alpha / rank; absent: equal to `rank`. With `adapter_file` it is the alpha of layers whose alpha the file does not say, as PEFT's files. */
  lora_alpha?: number | null;
  /** Dropout probability of the adapter's input during training. */
  lora_dropout?: number;
  /** Learning rate of the B matrices divided by that of the A matrices (LoRA+); absent: 1. */
  loraplus_lr_ratio?: number | null;
  /** Number of cycles of `cosine_with_restarts`. */
  lr_num_cycles?: number;
  /** Exponent of `polynomial`. */
  lr_power?: number;
  /** Scheduler of the learning rate, as in diffusers; absent: warm-up, then a cosine. */
  lr_scheduler?: "constant" | "constant_with_warmup" | "linear" | "cosine" | "cosine_with_restarts" | "polynomial" | null;
  /** Steps until the peak rate; absent: a twentieth of all steps, 0 for `constant`. */
  lr_warmup_steps?: number | null;
  /** Weight of the pixels that a mask does not show. */
  mask_floor?: number;
  /** What a generated mask shows. */
  mask_of?: "subject" | "face";
  /** Largest cost of the training. A higher estimate is refused; a training that takes longer than this pays for ends early with what was learnt. */
  max_cost_usd?: number | null;
  /** Gradients with a larger norm are clipped to this norm. */
  max_grad_norm?: number;
  /** Optimiser steps; absent: computed from the number of photos. */
  max_train_steps?: number | null;
  /** Refuse photos on which the face is less clear. Absent: the stack's threshold, below which no request goes. */
  min_face_clarity?: number | null;
  /** Precision of the frozen networks; adapters are always float32. Absent: bf16 if the GPU supports it. */
  mixed_precision?: "no" | "fp16" | "bf16" | null;
  /** Strength of the noise that is equal in a whole channel, for very dark or bright pictures. */
  noise_offset?: number;
  /** Number of class images; drawn once for a class prompt and shared between trainings. */
  num_class_images?: number;
  /** Epochs, each with every photo as often as its `repeats`; sets the number of steps. */
  num_train_epochs?: number | null;
  /** What to do about a photo that cannot be used: train without it, or fail. */
  on_reject?: "continue" | "fail";
  optimizer?: "adamw" | "adafactor" | "prodigy";
  /** What the photos show; fills fields without another source (domain/requests/presets.py). */
  preset?: "face" | "object" | "style" | null;
  /** Weight of the loss on class images; absent: the base's default. */
  prior_loss_weight?: number | null;
  /** Refuse photos of a lower quality: 1 is a photo that is sharp, neither dark nor bright, and rich in contrast. Absent: the stack's threshold, below which no request goes. */
  quality_threshold?: number | null;
  /** Rank of the adapter; absent: the base's default. */
  rank?: number | null;
  /** Number of times that each photo comes in an epoch. */
  repeats?: number;
  /** Refuse photos that do not show one face clearly. Absent: true if the class prompt names a person and the base or the training image has a face detector. */
  require_face?: boolean | null;
  /** Side of the training images in pixels; absent: the base's resolution. */
  resolution?: number | null;
  /** Train on every photo at each of these sides; the gate judges at `resolution`. */
  resolutions?: Array<number>;
  /** What the training job runs on, and for how long, within what the stack allows. */
  run?: RunOptions | null;
  /** Prompts of the pictures that are drawn after training and delivered with the model. */
  sample_prompts?: Array<string>;
  schema_version?: 1;
  seed?: number;
  /** Gamma of Min-SNR loss weighting; 0 gives all timesteps the same weight; absent: 5. */
  snr_gamma?: number | null;
  /** Several people or things in one adapter, each with its own trigger word, prompts, folder of photos and consent. `trigger_word`, `instance_prompt` and `class_prompt` are then the first one's. Empty: the request describes the only subject. */
  subjects?: Array<Subject>;
  /** Train once for each combination of this grid, and publish the best; docs/sweep.md. */
  sweep?: SweepGrid | null;
  /** Layers of the denoising network that get an adapter; absent: the base's default. */
  target_modules?: Array<"to_q" | "to_k" | "to_v" | "to_out.0" | "ff.net.0.proj" | "ff.net.2" | "feed_forward.w1" | "feed_forward.w2" | "feed_forward.w3"> | null;
  /** Alpha of the text encoders' adapters; absent: the same alpha / rank as in the UNet. */
  text_encoder_alpha?: number | null;
  /** Peak learning rate of the text encoders' adapters, at most 0.1; absent: the base's default, or `learning_rate` if it has none. With prodigy it must equal `learning_rate`. */
  text_encoder_lr?: number | null;
  /** Rank of the text encoders' adapters; absent: `rank`. */
  text_encoder_rank?: number | null;
  /** Photos in one batch; absent: the base's default. */
  train_batch_size?: number | null;
  /** Also train adapters for the text encoders; absent: the base's default. */
  train_text_encoder?: boolean | null;
  /** Rare words that name the subject in prompts: 2 to 24 letters of any script, digits, `_`, `-`, and single spaces inside; kept in Unicode's composed form. */
  trigger_word?: string;
  /** Store AdamW's moments in 8 bits. */
  use_8bit_adam?: boolean;
  /** Also train the length of every row of the UNet's adapted weights (DoRA); text encoders stay plain LoRA. */
  use_dora?: boolean;
  /** Deliver an exponential moving average of the weights instead of the last weights. */
  use_ema?: boolean;
  /** Learn only what a mask shows. Absent: use the uploaded masks; true: also make masks for the other photos; false: use no masks. */
  use_masks?: boolean | null;
  /** Scale the adapter by alpha / sqrt(rank) instead of alpha / rank (rsLoRA). */
  use_rslora?: boolean;
  /** Steps between two sets of validation images; absent: no validation images. */
  validation_steps?: number | null;
  /** Also train on class images, so that other members of the class do not become the subject. */
  with_prior_preservation?: boolean;
}

/** Answer of `POST /v1/models`. */
export interface TrainingStarted {
  /** Null while the request is being accepted: ask `GET /v1/uploads/{id}?wait=20`. */
  job: JobView | null;
  object: "training";
  upload_id: string;
}

/** Answer of `POST /v1/uploads`. */
export interface UploadCreated {
  /** Until then the forms are accepted. */
  expires_at: string;
  forms: Array<UploadForm>;
  id: string;
  object: "upload";
}

/** How to send one file: a multipart/form-data POST with these fields, and then the file. */
export interface UploadForm {
  /** The form's fields; the last one after them is `file`. */
  fields: Record<string, string>;
  /** Place in `files`; names the photo in `/photos/{number}:inspect`. */
  number: number;
  url: string;
}

/** The photos of an upload that are still kept, each with a link for its owner. */
export interface UploadPhotos {
  data: Array<PhotoLink>;
  expires_at: string;
  object: "list";
}

/** What became of an upload. */
export interface UploadState {
  /** How the appeal against the refusal stands; null where nobody has appealed. */
  appeal?: "open" | "granted" | "refused" | null;
  /** Files that have arrived. */
  files: number;
  id: string;
  /** The job of the newest accepted request. */
  job_id?: string | null;
  object: "upload";
  /** With `name_refused`: the id for `POST /v1/refusals/{id}:appeal`. */
  refusal_id?: string | null;
  /** Why the newest request never became a job. */
  refused?: string | null;
}

/** What a tenant has used in a month. */
export interface Usage {
  canceled: number;
  failed: number;
  month: string;
  object: "usage";
  quotas: Quotas;
  succeeded: number;
  /** Trainings that were begun, without the trials of sweeps. */
  trainings: number;
  /** Cost of the trainings as far as it is known; null where a price is unknown. */
  usd: number | null;
}

/** One model of an alias. */
export interface Version {
  model_id: string;
  /** Its share of the callers, compared with the other versions' weights; 0: none. */
  weight: number;
}

/** One version, and what was measured of it. */
export interface VersionView {
  drawn: number;
  failed: number;
  /** Half of the drawn orders took at most this long; null: nothing was drawn, or more than 64. */
  half_within_seconds: number | null;
  /** Likeness that the gate measured on held-out photos when the model was trained, -1 to 1. Null: it measured none, or this is a list; an alias's own address has it. */
  likeness: number | null;
  /** Null: nothing was drawn yet. */
  mean_seconds: number | null;
  model_id: string;
  /** The same of 95 of 100. */
  most_within_seconds: number | null;
  pictures: number;
  /** Whether the model is still there: callers of an erased one get another version. */
  present: boolean;
  /** Mean of the callers' ratings of likeness, 1 to 5; null: nobody has rated. */
  rating: number | null;
  ratings: number;
  refused: number;
  /** Share of the callers, 0 to 1. */
  share: number;
  weight: number;
}

/** The tenant's webhooks. */
export interface WebhookPage {
  data: Array<WebhookView>;
  object: "list";
}

/** Body of `POST /v1/webhooks`. */
export interface WebhookRequest {
  events?: Array<"job.changed" | "job.ended" | "appeal.decided" | "ping">;
  url: string;
}

/** One webhook, without its secrets. */
export interface WebhookView {
  created_at: string;
  disabled_at?: string | null;
  events: Array<"job.changed" | "job.ended" | "appeal.decided" | "ping">;
  id: string;
  object: "webhook";
  url: string;
}

/** A webhook that was just made or whose secret was just changed. */
export interface WebhookWithSecret {
  created_at: string;
  disabled_at?: string | null;
  events: Array<"job.changed" | "job.ended" | "appeal.decided" | "ping">;
  id: string;
  object: "webhook";
  /** Shown this once; null when the same request is repeated with its Idempotency-Key. */
  secret: string | null;
  url: string;
}

/** What a withheld picture was drawn from, beside its prompts: the same draws it again. */
export interface WithheldPicture {
  /** With a seed, without the mask. */
  arguments: PictureArguments;
  /** Hash of the file that it starts from; null: it starts from noise alone. */
  image_sha256?: string | null;
  mask_sha256?: string | null;
  /** Hash of the model's weights. */
  weights_sha256: string;
}
