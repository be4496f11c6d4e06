// The data of a webhook's message about a job; written by docs/clients.py from docs/schemas/.

/** The detail of the event on EventBridge, and the message on the status topic. */
export interface StatusChange {
  code?: string | null;
  eta_seconds?: number | null;
  job_id: string;
  /** `import`: the model is a LoRA that another tool has trained, and no step was taken here. */
  kind?: "training" | "import";
  /** Progress of the job; never falls within one execution, so a lower value is a late event. */
  percent: number;
  /** Name of the trial. */
  point?: string | null;
  /** Job id of the sweep that this job is a trial of; a trial's end is not the upload's end. */
  point_of?: string | null;
  queue_place?: number | null;
  /** AWS's own sentence, where it has refused to start the training job. */
  refusal?: string | null;
  schema_version: 1;
  stage: "AcceptRequest" | "InspectPhotos" | "CaptionPhotos" | "TrainAdapter" | "SweepAdapter" | "PublishAdapter" | "WarmModel" | "NotifyOwner" | "NotifyFailure";
  status: "starting" | "processing" | "succeeded" | "failed" | "canceled";
  step?: number | null;
  tenant: string;
  total_steps?: number | null;
  updated_at: string;
  upload: string;
  waiting_for?: "slot" | "capacity" | null;
}
