// Every operation of the HTTP API as a method; written by docs/clients.py from docs/openapi.json.

import { Transport, part, withSeed, type CallOptions } from "./transport.js";
import type { AliasPage, AliasView, AppealEvidence, AppealPage, AppealRefusal, AppealRow, AppealView, AuditPage, ConsentPage, ConsentView, ConsentWithdrawn, DeliveryPage, DeliveryView, ErasureAnswer, EstimateView, ExportFile, ExportPage, ExportView, JobCanceled, JobPage, JobRedriven, JobSamples, JobView, KeyList, KeyView, Me, MemberList, MemberRemoved, MemberView, ModelDetails, ModelFiles, ModelPage, ModelPushed, MoreFiles, NewAlias, NewAppeal, NewApproval, NewEstimate, NewExport, NewKey, NewMember, NewPicture, NewRating, NewRole, NewTakedown, NewTraining, NewUpload, OpenAiAnswer, OpenAiImages, PhotoErased, PhotoInspected, PictureCanceled, PicturePage, PictureToVerify, PictureVerdict, PictureView, Promotion, Rotation, TakedownAcceptance, TakedownCase, TakedownEvidence, TakedownPage, TakedownRefusal, TakedownView, TrainingStarted, UploadCreated, UploadPhotos, UploadState, Usage, WebhookPage, WebhookRequest, WebhookView, WebhookWithSecret } from "./schema.js";

export class Operations extends Transport {
  /** Disable the case's models within seconds; the scope is `operate`. `POST /v1/takedowns/{case_id}:accept` */
  acceptTakedown(caseId: string, body: TakedownAcceptance, options: CallOptions = {}): Promise<TakedownCase> {
    return this.ask<TakedownCase>("POST", `/v1/takedowns/${part(caseId)}:accept`, options, undefined, body);
  }

  /** Return forms for further files of an upload that has files, and no training yet. `POST /v1/uploads/{upload_id}/files` */
  addFiles(uploadId: string, body: MoreFiles, options: CallOptions = {}): Promise<UploadCreated> {
    return this.ask<UploadCreated>("POST", `/v1/uploads/${part(uploadId)}/files`, options, undefined, body);
  }

  /** Store an address that is told of the tenant's jobs; the secret is shown this once. `POST /v1/webhooks` */
  addWebhook(body: WebhookRequest, options: CallOptions = {}): Promise<WebhookWithSecret> {
    return this.ask<WebhookWithSecret>("POST", "/v1/webhooks", options, undefined, body);
  }

  /** Ask an operator to let a prompt, the names in a training's request, or a picture through. The operator reads the refused text; a withheld picture was kept nowhere, and the operator sees its request. A second appeal against one refusal returns the first. `POST /v1/refusals/{refusal_id}:appeal` */
  appealRefusal(refusalId: string, body: NewAppeal, options: CallOptions = {}): Promise<AppealView> {
    return this.ask<AppealView>("POST", `/v1/refusals/${part(refusalId)}:appeal`, options, undefined, body);
  }

  /** Ask an operator to look again at what has disabled one of the tenant's models. `POST /v1/models/{model_id}:appeal` */
  appealTakedown(modelId: string, options: CallOptions = {}): Promise<TakedownView> {
    return this.ask<TakedownView>("POST", `/v1/models/${part(modelId)}:appeal`, options);
  }

  /** Store whether the model may be used, and who has decided it; the newest decision counts. `POST /v1/models/{model_id}:approve` */
  approveModel(modelId: string, body: NewApproval, options: CallOptions = {}): Promise<ModelDetails> {
    return this.ask<ModelDetails>("POST", `/v1/models/${part(modelId)}:approve`, options, undefined, body);
  }

  /** Cancel a job; its owner gets one notice. `POST /v1/jobs/{job_id}:cancel` */
  cancelJob(jobId: string, options: CallOptions = {}): Promise<JobCanceled> {
    return this.ask<JobCanceled>("POST", `/v1/jobs/${part(jobId)}:cancel`, options);
  }

  /** Cancel an order; what is being drawn for it is thrown away. `POST /v1/pictures/{picture_id}:cancel` */
  cancelPicture(pictureId: string, options: CallOptions = {}): Promise<PictureCanceled> {
    return this.ask<PictureCanceled>("POST", `/v1/pictures/${part(pictureId)}:cancel`, options);
  }

  /** Change what a person may do; it counts with the person's next token, within 15 minutes. `POST /v1/members/{member_id}:role` */
  changeRole(memberId: string, body: NewRole, options: CallOptions = {}): Promise<MemberView> {
    return this.ask<MemberView>("POST", `/v1/members/${part(memberId)}:role`, options, undefined, body);
  }

  /** Return the time and price of a training, or of an import; nothing is stored or begun. `POST /v1/estimates` */
  createEstimate(body: NewEstimate, options: CallOptions = {}): Promise<EstimateView> {
    return this.ask<EstimateView>("POST", "/v1/estimates", options, undefined, body);
  }

  /** Begin an archive of everything that is held: photos, models, pictures, consents, records. It takes up to 15 minutes. Ask `GET /v1/exports/{id}` until it has succeeded. The archive is kept for seven days. `POST /v1/exports` */
  createExport(body: NewExport, options: CallOptions = {}): Promise<ExportView> {
    return this.ask<ExportView>("POST", "/v1/exports", options, undefined, body);
  }

  /** Return a new key; a key can give away only the scopes that it has. `POST /v1/keys` */
  createKey(body: NewKey, options: CallOptions = {}): Promise<KeyView> {
    return this.ask<KeyView>("POST", "/v1/keys", options, undefined, body);
  }

  /** Start a training on an upload: the same as putting `request.json` beside its photos. With `adapter_file` the LoRA of the upload is imported, and nothing is trained. The same content is trained once; a second request for it answers with the first one's job. `POST /v1/models` */
  createModel(body: NewTraining, options: CallOptions = {}): Promise<TrainingStarted> {
    return this.ask<TrainingStarted>("POST", "/v1/models", options, undefined, body);
  }

  /** Order pictures of a model, or of an alias; what is drawn within `wait` seconds is here. Otherwise the answer is 202: ask `GET /v1/pictures/{id}?wait=20` until its status is final. `POST /v1/models/{model_id}/pictures` */
  createPicture(modelId: string, body: NewPicture, options: { wait?: number } & CallOptions = {}): Promise<PictureView> {
    return this.ask<PictureView>("POST", `/v1/models/${part(modelId)}/pictures`, options, { wait: options.wait }, withSeed(body));
  }

  /** Return a form for each file, bound to one key, its size and its type. `POST /v1/uploads` */
  createUpload(body: NewUpload, options: CallOptions = {}): Promise<UploadCreated> {
    return this.ask<UploadCreated>("POST", "/v1/uploads", options, undefined, body);
  }

  /** Erase a model and what it has drawn; photos stay. Ask again for the receipt. `DELETE /v1/models/{model_id}` */
  eraseModel(modelId: string, options: CallOptions = {}): Promise<ErasureAnswer> {
    return this.ask<ErasureAnswer>("DELETE", `/v1/models/${part(modelId)}`, options);
  }

  /** Erase a photo and its caption, every version of them, before the upload is trained. `DELETE /v1/uploads/{upload_id}/photos/{number}` */
  erasePhoto(uploadId: string, number: number, options: CallOptions = {}): Promise<PhotoErased> {
    return this.ask<PhotoErased>("DELETE", `/v1/uploads/${part(uploadId)}/photos/${part(number)}`, options);
  }

  /** Erase everything of the tenant, its API keys too; nothing of it is ever accepted again. `DELETE /v1/me` */
  eraseTenant(options: CallOptions = {}): Promise<ErasureAnswer> {
    return this.ask<ErasureAnswer>("DELETE", "/v1/me", options);
  }

  /** Erase an upload with its photos, its models and what they have drawn. `DELETE /v1/uploads/{upload_id}` */
  eraseUpload(uploadId: string, options: CallOptions = {}): Promise<ErasureAnswer> {
    return this.ask<ErasureAnswer>("DELETE", `/v1/uploads/${part(uploadId)}`, options);
  }

  /** Draw pictures in the shape of OpenAI's images endpoint; `model` is a model's id. What is not drawn within 25 seconds is cancelled, and the answer is 503: a cold endpoint is better asked with `POST /v1/models/{id}/pictures`. `POST /v1/images/generations` */
  generateImages(body: OpenAiImages, options: CallOptions = {}): Promise<OpenAiAnswer> {
    return this.ask<OpenAiAnswer>("POST", "/v1/images/generations", options, undefined, body);
  }

  /** Return an alias: each version's share, times, refusals and likeness. `GET /v1/aliases/{alias}` */
  getAlias(alias: string, options: CallOptions = {}): Promise<AliasView> {
    return this.ask<AliasView>("GET", `/v1/aliases/${part(alias)}`, options);
  }

  /** Return how an appeal of the tenant stands. `GET /v1/appeals/{appeal_id}` */
  getAppeal(appealId: string, options: CallOptions = {}): Promise<AppealView> {
    return this.ask<AppealView>("GET", `/v1/appeals/${part(appealId)}`, options);
  }

  /** Return what was refused, and the tenant's words; the scope is `operate`. `GET /v1/appeals/{appeal_id}/evidence` */
  getAppealEvidence(appealId: string, options: CallOptions = {}): Promise<AppealEvidence> {
    return this.ask<AppealEvidence>("GET", `/v1/appeals/${part(appealId)}/evidence`, options);
  }

  /** Return one consent. Its id is that of the job and the model that it was given for. `GET /v1/consents/{consent_id}` */
  getConsent(consentId: string, options: CallOptions = {}): Promise<ConsentView> {
    return this.ask<ConsentView>("GET", `/v1/consents/${part(consentId)}`, options);
  }

  /** Return the reporter's words and a link to the picture; the scope is `operate`. `GET /v1/takedowns/{case_id}/evidence` */
  getEvidence(caseId: string, options: CallOptions = {}): Promise<TakedownEvidence> {
    return this.ask<TakedownEvidence>("GET", `/v1/takedowns/${part(caseId)}/evidence`, options);
  }

  /** Return how an export stands. `GET /v1/exports/{export_id}` */
  getExport(exportId: string, options: CallOptions = {}): Promise<ExportView> {
    return this.ask<ExportView>("GET", `/v1/exports/${part(exportId)}`, options);
  }

  /** Return a link to the archive, good for 15 minutes. The audit trail says who has asked. `GET /v1/exports/{export_id}/file` */
  getExportFile(exportId: string, options: CallOptions = {}): Promise<ExportFile> {
    return this.ask<ExportFile>("GET", `/v1/exports/${part(exportId)}/file`, options);
  }

  /** Return a link to every file of a model, with its hash. `GET /v1/models/{model_id}/files` */
  getFiles(modelId: string, options: CallOptions = {}): Promise<ModelFiles> {
    return this.ask<ModelFiles>("GET", `/v1/models/${part(modelId)}/files`, options);
  }

  /** Return how a job stands; with `wait`, at its next change or its end. `GET /v1/jobs/{job_id}` */
  getJob(jobId: string, options: { wait?: number; after?: string } & CallOptions = {}): Promise<JobView> {
    return this.ask<JobView>("GET", `/v1/jobs/${part(jobId)}`, options, { wait: options.wait, after: options.after });
  }

  /** Return what the credential says. `GET /v1/me` */
  getMe(options: CallOptions = {}): Promise<Me> {
    return this.ask<Me>("GET", "/v1/me", options);
  }

  /** Return one model with its version, what its gate measured, and whether it is approved. `GET /v1/models/{model_id}` */
  getModel(modelId: string, options: CallOptions = {}): Promise<ModelDetails> {
    return this.ask<ModelDetails>("GET", `/v1/models/${part(modelId)}`, options);
  }

  /** Return the OpenAPI 3.1 document. `GET /v1/openapi.json` */
  getOpenapi(options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.ask<Record<string, unknown>>("GET", "/v1/openapi.json", options);
  }

  /** Return an order, with links once it is drawn; with `wait`, at its end. `GET /v1/pictures/{picture_id}` */
  getPicture(pictureId: string, options: { wait?: number } & CallOptions = {}): Promise<PictureView> {
    return this.ask<PictureView>("GET", `/v1/pictures/${part(pictureId)}`, options, { wait: options.wait });
  }

  /** Return the images that a training draws every `validation_steps`, while it goes on. `GET /v1/jobs/{job_id}/samples` */
  getSamples(jobId: string, options: CallOptions = {}): Promise<JobSamples> {
    return this.ask<JobSamples>("GET", `/v1/jobs/${part(jobId)}/samples`, options);
  }

  /** Return how a report stands, for anybody who has its id. `GET /v1/takedowns/{case_id}` */
  getTakedown(caseId: string, options: CallOptions = {}): Promise<TakedownView> {
    return this.ask<TakedownView>("GET", `/v1/takedowns/${part(caseId)}`, options);
  }

  /** Return what has arrived, and the job or the refusal; wait for one of the two. `GET /v1/uploads/{upload_id}` */
  getUpload(uploadId: string, options: { wait?: number } & CallOptions = {}): Promise<UploadState> {
    return this.ask<UploadState>("GET", `/v1/uploads/${part(uploadId)}`, options, { wait: options.wait });
  }

  /** Return the trainings of a month (UTC), what they cost, and the tenant's quotas. `GET /v1/usage` */
  getUsage(options: { month?: string } & CallOptions = {}): Promise<Usage> {
    return this.ask<Usage>("GET", "/v1/usage", options, { month: options.month });
  }

  /** Let exactly the refused text or request through for its tenant; the scope is `operate`. `POST /v1/appeals/{appeal_id}:grant` */
  grantAppeal(appealId: string, options: CallOptions = {}): Promise<AppealRow> {
    return this.ask<AppealRow>("POST", `/v1/appeals/${part(appealId)}:grant`, options);
  }

  /** Return the verdict on one photo at the base's resolution; nothing is stored. With `preset=face` faces are looked for as in a training, where the stack and the base want it. `POST /v1/uploads/{upload_id}/photos/{number}:inspect` */
  inspectPhoto(uploadId: string, number: number, options: { preset?: string; face_checks?: string; same_person_as?: number } & CallOptions = {}): Promise<PhotoInspected> {
    return this.ask<PhotoInspected>("POST", `/v1/uploads/${part(uploadId)}/photos/${part(number)}:inspect`, options, { preset: options.preset, face_checks: options.face_checks, same_person_as: options.same_person_as });
  }

  /** Make a sign-in for a person, who gets a first password by e-mail; it is good for a week. `POST /v1/members` */
  inviteMember(body: NewMember, options: CallOptions = {}): Promise<MemberView> {
    return this.ask<MemberView>("POST", "/v1/members", options, undefined, body);
  }

  /** Return the tenant's aliases with what callers measured; an alias's own address has more. `GET /v1/aliases` */
  listAliases(options: CallOptions = {}): Promise<AliasPage> {
    return this.ask<AliasPage>("GET", "/v1/aliases", options);
  }

  /** Return the appeals of all tenants, the newest first; the scope is `operate`. `GET /v1/appeals` */
  listAppeals(options: { limit?: number; after?: string } & CallOptions = {}): Promise<AppealPage> {
    return this.ask<AppealPage>("GET", "/v1/appeals", options, { limit: options.limit, after: options.after });
  }

  /** Return the tenant's consents, the newest first; also those whose models are erased. `GET /v1/consents` */
  listConsents(options: { limit?: number; after?: string } & CallOptions = {}): Promise<ConsentPage> {
    return this.ask<ConsentPage>("GET", "/v1/consents", options, { limit: options.limit, after: options.after });
  }

  /** Return what became of the newest messages of the last seven days. `GET /v1/webhooks/{webhook_id}/deliveries` */
  listDeliveries(webhookId: string, options: { limit?: number } & CallOptions = {}): Promise<DeliveryPage> {
    return this.ask<DeliveryPage>("GET", `/v1/webhooks/${part(webhookId)}/deliveries`, options, { limit: options.limit });
  }

  /** Return the tenant's entries, the newest first; they hold ids, never a prompt or a name. `GET /v1/audit` */
  listEntries(options: { limit?: number; after?: string } & CallOptions = {}): Promise<AuditPage> {
    return this.ask<AuditPage>("GET", "/v1/audit", options, { limit: options.limit, after: options.after });
  }

  /** Return the tenant's exports, the newest first. `GET /v1/exports` */
  listExports(options: { limit?: number; after?: string } & CallOptions = {}): Promise<ExportPage> {
    return this.ask<ExportPage>("GET", "/v1/exports", options, { limit: options.limit, after: options.after });
  }

  /** Return the tenant's jobs, the newest first. `GET /v1/jobs` */
  listJobs(options: { limit?: number; after?: string } & CallOptions = {}): Promise<JobPage> {
    return this.ask<JobPage>("GET", "/v1/jobs", options, { limit: options.limit, after: options.after });
  }

  /** Return the tenant's keys, without their secrets. `GET /v1/keys` */
  listKeys(options: CallOptions = {}): Promise<KeyList> {
    return this.ask<KeyList>("GET", "/v1/keys", options);
  }

  /** Return the tenant's people, with what each may do. `GET /v1/members` */
  listMembers(options: CallOptions = {}): Promise<MemberList> {
    return this.ask<MemberList>("GET", "/v1/members", options);
  }

  /** Return the tenant's models, the newest first. `GET /v1/models` */
  listModels(options: { limit?: number; after?: string } & CallOptions = {}): Promise<ModelPage> {
    return this.ask<ModelPage>("GET", "/v1/models", options, { limit: options.limit, after: options.after });
  }

  /** Return a link to each photo that is still kept, for who may train on it. `GET /v1/uploads/{upload_id}/photos` */
  listPhotos(uploadId: string, options: CallOptions = {}): Promise<UploadPhotos> {
    return this.ask<UploadPhotos>("GET", `/v1/uploads/${part(uploadId)}/photos`, options);
  }

  /** Return the tenant's orders, the newest first; an order's own address has its links. `GET /v1/pictures` */
  listPictures(options: { limit?: number; after?: string } & CallOptions = {}): Promise<PicturePage> {
    return this.ask<PicturePage>("GET", "/v1/pictures", options, { limit: options.limit, after: options.after });
  }

  /** Return all cases, the newest first; the scope is `operate`. `GET /v1/takedowns` */
  listTakedowns(options: { limit?: number; after?: string } & CallOptions = {}): Promise<TakedownPage> {
    return this.ask<TakedownPage>("GET", "/v1/takedowns", options, { limit: options.limit, after: options.after });
  }

  /** Return the tenant's webhooks, the newest first. `GET /v1/webhooks` */
  listWebhooks(options: CallOptions = {}): Promise<WebhookPage> {
    return this.ask<WebhookPage>("GET", "/v1/webhooks", options);
  }

  /** Give all callers one of the versions; the others stay, with weight 0. `POST /v1/aliases/{alias}:promote` */
  promoteVersion(alias: string, body: Promotion, options: CallOptions = {}): Promise<AliasView> {
    return this.ask<AliasView>("POST", `/v1/aliases/${part(alias)}:promote`, options, undefined, body);
  }

  /** Copy a model's files into its own folder of the operator's hub bucket. The folder is `models/<tenant>/<model>/`, laid out as a repository of Hugging Face's hub, with the model card as README.md. Another push replaces it, and the model's erasure deletes it. `POST /v1/models/{model_id}:push` */
  pushModel(modelId: string, options: CallOptions = {}): Promise<ModelPushed> {
    return this.ask<ModelPushed>("POST", `/v1/models/${part(modelId)}:push`, options);
  }

  /** Say how much an order's pictures look like the subject; the newest rating counts. `POST /v1/pictures/{picture_id}:rate` */
  ratePicture(pictureId: string, body: NewRating, options: CallOptions = {}): Promise<PictureView> {
    return this.ask<PictureView>("POST", `/v1/pictures/${part(pictureId)}:rate`, options, undefined, body);
  }

  /** Continue a failed job at the stage that failed, once the cause is removed. `POST /v1/jobs/{job_id}:redrive` */
  redriveJob(jobId: string, options: CallOptions = {}): Promise<JobRedriven> {
    return this.ask<JobRedriven>("POST", `/v1/jobs/${part(jobId)}:redrive`, options);
  }

  /** Close an appeal with a reason, or take a grant back; the scope is `operate`. `POST /v1/appeals/{appeal_id}:refuse` */
  refuseAppeal(appealId: string, body: AppealRefusal, options: CallOptions = {}): Promise<AppealRow> {
    return this.ask<AppealRow>("POST", `/v1/appeals/${part(appealId)}:refuse`, options, undefined, body);
  }

  /** Close a case with a reason; the scope is `operate`. `POST /v1/takedowns/{case_id}:refuse` */
  refuseTakedown(caseId: string, body: TakedownRefusal, options: CallOptions = {}): Promise<TakedownCase> {
    return this.ask<TakedownCase>("POST", `/v1/takedowns/${part(caseId)}:refuse`, options, undefined, body);
  }

  /** Remove an alias and its figures; the models stay. The answer has the last figures. `DELETE /v1/aliases/{alias}` */
  removeAlias(alias: string, options: CallOptions = {}): Promise<AliasView> {
    return this.ask<AliasView>("DELETE", `/v1/aliases/${part(alias)}`, options);
  }

  /** Delete a person's sign-in; a token that was given out ends within 15 minutes. `DELETE /v1/members/{member_id}` */
  removeMember(memberId: string, options: CallOptions = {}): Promise<MemberRemoved> {
    return this.ask<MemberRemoved>("DELETE", `/v1/members/${part(memberId)}`, options);
  }

  /** Remove a webhook; nothing more is sent to it. `DELETE /v1/webhooks/{webhook_id}` */
  removeWebhook(webhookId: string, options: CallOptions = {}): Promise<WebhookView> {
    return this.ask<WebhookView>("DELETE", `/v1/webhooks/${part(webhookId)}`, options);
  }

  /** Queue a message of the last seven days again, with the id that it had. `POST /v1/webhooks/{webhook_id}/deliveries/{message_id}:replay` */
  replayDelivery(webhookId: string, messageId: string, options: CallOptions = {}): Promise<DeliveryView> {
    return this.ask<DeliveryView>("POST", `/v1/webhooks/${part(webhookId)}/deliveries/${part(messageId)}:replay`, options);
  }

  /** Report a picture that shows you. No account is needed; keep the id, to ask how it stands. The picture's marks say which model has drawn it; no face is searched for. An operator decides within 48 hours. `POST /v1/takedowns` */
  reportPicture(body: NewTakedown, options: CallOptions = {}): Promise<TakedownView> {
    return this.ask<TakedownView>("POST", "/v1/takedowns", options, undefined, body);
  }

  /** Let the case's models be drawn with again; the scope is `operate`. `POST /v1/takedowns/{case_id}:restore` */
  restoreTakedown(caseId: string, options: CallOptions = {}): Promise<TakedownCase> {
    return this.ask<TakedownCase>("POST", `/v1/takedowns/${part(caseId)}:restore`, options);
  }

  /** End a key; API Gateway forgets it within a minute. `DELETE /v1/keys/{key_id}` */
  revokeKey(keyId: string, options: CallOptions = {}): Promise<KeyView> {
    return this.ask<KeyView>("DELETE", `/v1/keys/${part(keyId)}`, options);
  }

  /** Return a new key like the old one, which ends after the overlap. The new key lasts as long as the old one was to last, counted from now. `POST /v1/keys/{key_id}:rotate` */
  rotateKey(keyId: string, body: Rotation, options: CallOptions = {}): Promise<KeyView> {
    return this.ask<KeyView>("POST", `/v1/keys/${part(keyId)}:rotate`, options, undefined, body);
  }

  /** Make a new secret; for a day each message is signed with the old one too. `POST /v1/webhooks/{webhook_id}:rotate` */
  rotateSecret(webhookId: string, options: CallOptions = {}): Promise<WebhookWithSecret> {
    return this.ask<WebhookWithSecret>("POST", `/v1/webhooks/${part(webhookId)}:rotate`, options);
  }

  /** Make an alias, or change the versions and weights of one. Draw with its name in place of a model's id. A caller moves only as far as the weights move. `POST /v1/aliases` */
  setAlias(body: NewAlias, options: CallOptions = {}): Promise<AliasView> {
    return this.ask<AliasView>("POST", "/v1/aliases", options, undefined, body);
  }

  /** Queue a message of type `ping`; a webhook that was disabled is enabled again. `POST /v1/webhooks/{webhook_id}:test` */
  testWebhook(webhookId: string, options: CallOptions = {}): Promise<DeliveryView> {
    return this.ask<DeliveryView>("POST", `/v1/webhooks/${part(webhookId)}:test`, options);
  }

  /** Return whether this stack has made a picture, when, and which marks say so. No account is needed, and the picture is not kept. It takes up to 25 seconds where there is no mark. `POST /v1/verifications` */
  verifyPicture(body: PictureToVerify, options: CallOptions = {}): Promise<PictureVerdict> {
    return this.ask<PictureVerdict>("POST", "/v1/verifications", options, undefined, body);
  }

  /** Take a consent back: its upload with the photos, the models and the pictures are erased. The record of the consent stays as evidence, with the time of the withdrawal. Ask again to see how far the erasure is, and for its receipt. `POST /v1/consents/{consent_id}:withdraw` */
  withdrawConsent(consentId: string, options: CallOptions = {}): Promise<ConsentWithdrawn> {
    return this.ask<ConsentWithdrawn>("POST", `/v1/consents/${part(consentId)}:withdraw`, options);
  }
}
