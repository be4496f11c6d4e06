"""Every parameter of the template with another value than its default, and where it must arrive."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.e2e.stack import BASE_ID

STACK, STAYING_STACK = "all-changed", "all-changed-stays"
BASES_BUCKET = "another-bases-bucket"
TRAINER, SERVER = "settings-trainer", "settings-server"
REFUSING, WAITING = "refusing-trainer", "waiting-trainer"
"""Images of trainers that refuse photos or work until they are stopped: tests/fakes."""
CAPTIONER, CHECKER, CONSENT_TEXT = "a-captioner", "strict", "ours-2"
NAMES = "figures"
FILTER_ID, AGES_ID = "our-filter", "our-ages"
MARKS_SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:shared-marks"
"""The test's own secret has this ARN with six characters more, which Secrets Manager chooses."""

CHANGED = {
    "TrainingImageUri": f"{TRAINER}:2",
    "ServingImageUri": f"{SERVER}:2",
    "BasesBucket": BASES_BUCKET,
    "BaseId": BASE_ID,
    "CaptionerId": CAPTIONER,
    "TrainingInstanceType": "ml.p4d.24xlarge",
    "AllowedInstanceTypes": "ml.g6e.xlarge,ml.g6e.4xlarge,ml.p5.48xlarge",
    "TrainingPriceUsdPerHour": "19.5",
    "TrainingQuota": "3",
    "LargestBatch": "7",
    "LargestCluster": "3",
    "MaxUsersPerStep": "5",
    "TrainingCapacity": "spot",
    "SpotDiscountPercent": "40",
    "SpotAllowed": "false",
    "KeepAliveSeconds": "111",
    "MaxRuntimeSeconds": "4000",
    "CaptioningPhotos": "60",
    "MaxCaptioningSeconds": "3000",
    "MaxRunLimit": "5000",
    "VolumeSizeInGB": "33",
    "MaxVolumeSizeInGB": "90",
    "TrainerProcesses": "2",
    "TrainerMixedPrecision": "fp16",
    "TrainerGradientCheckpointing": "true",
    "TrainerWatchdogSeconds": "77",
    "FaceDetector": "none",
    "CreateEndpoint": "on-demand",
    "EndpointIdleMinutes": "25",
    "EndpointInstanceType": "ml.g5.2xlarge",
    "InferenceAmiVersion": "al2023-ami-sagemaker-inference-gpu-4-1",
    "ServingImageCuda": "13",
    "ServingDevices": "cpu,cpu",
    "ServingDtype": "float32",
    "EndpointMinInstances": "2",
    "EndpointMaxInstances": "4",
    "EndpointWaitingRequests": "5",
    "EndpointGpuPercent": "70",
    "PrewarmSchedule": "cron(45 7 ? * MON-FRI *)",
    "EndpointStartSeconds": "900",
    "AdapterCacheMegabytes": "99",
    "AnswerCacheMegabytes": "9",
    "EndpointQueueSize": "19",
    "PicturesPerPass": "3",
    "RequestSeconds": "50",
    "RequestWork": "900",
    "ModelWork": "4000",
    "TenantWeights": "acme=4,globex=0.5",
    "BlockedWords": "famous person,naked",
    "BlockedNamesId": NAMES,
    "ServingFront": "off",
    "DrainSeconds": "7",
    "Watermark": "off",
    "ContentCredentials": "off",
    "VisibleLabel": "made by a model",
    "MarksSecretArn": MARKS_SECRET,
    "SafetyCheckerId": CHECKER,
    "SafetyAdjustment": "0.05",
    "ContentFilterId": FILTER_ID,
    "ContentFilterLabels": "nsfw,gore",
    "ContentFilterThreshold": "0.75",
    "AgeEstimatorId": AGES_ID,
    "MinorLabels": "3-9,10-19",
    "MinorThreshold": "0.95",
    "TritonLogVerbose": "1",
    "ModelLoadThreads": "5",
    "UploadWaitSeconds": "44",
    "RootFolders": "*-dataset=acme",
    "HubBucket": "our-model-hub",
    "PhotoRetentionDays": "12",
    "PhotosAfterTrainingHours": "13",
    "UnusedModelDays": "400",
    "RequireConsent": "false",
    "ConsentTextVersion": CONSENT_TEXT,
    "FaceChecks": "off",
    "IntakeThresholds": '{"quality_threshold": 0.25, "max_person_distance": 0.5}',
    "AllowedOrigins": "https://studio.example.org,http://localhost:3000",
    "WebhookAddresses": "any",
    "Studio": "off",
    "OidcIssuer": "https://issuer.example.org/people",
    "OidcAudience": "likeness-studio",
    "TenantClaim": "tenant",
    "RoleClaim": "role",
    "RequestsPerMinute": "77",
    "TrainingsPerDay": "7",
    "PicturesPerMinute": "8",
    "TakedownReportsPerHour": "4",
    "VerificationsPerHour": "6",
    "TrainingsAtOnce": "9",
    "UsdPerMonth": "1234.5",
    "ApprovalRequired": "true",
    "MonthlyBudgetUsd": "500",
    "LogRetentionDays": "90",
    "AuditRetentionDays": "500",
    "QueueAgeAlarmSeconds": "1234",
    "AdapterCostAlarmUsd": "2.5",
    "MlflowTracking": "http://localhost:5000",
}

STAYING = {
    "EndpointCallsPerMinute": "45",
    "PrewarmEndSchedule": "cron(0 18 ? * MON-FRI *)",
}
"""Have an effect only with an endpoint that stays, so a second stack has them."""

NOT_CHANGED = {
    "DataEventsBucket": "The laptop has no CloudTrail; tests/contract/test_audit.py reads it.",
    "LambdaRuntime": "The laptop has one Python, which runs the functions.",
    "ProtectData": "The stack is deleted in the end; test_uninstall.py changes it.",
}
"""Parameters without another value here, and the reason."""


class Arrived(NamedTuple):
    """What the deployed stack and its programs were told, once an upload went through."""

    job: Mapping[str, Any]
    """The answer of DescribeTrainingJob."""
    trainer: Mapping[str, Any]
    """What the training container found: environment, hyperparameters, channels."""
    server: Mapping[str, str]
    """The serving container's environment."""
    checker: list[str]
    """Files of the safety checker that the serving container has fetched."""
    variant: Mapping[str, Any]
    """The production variant of the endpoint's configuration."""
    functions: Mapping[str, Mapping[str, str]]
    """The environment of each function, by its folder."""
    resources: Mapping[str, Mapping[str, Any]]
    """What CloudFormation made, by logical id, as the service itself describes it."""


def in_job(arrived: Arrived) -> dict[str, object]:
    """Return what CreateTrainingJob and the training container got, by parameter."""
    resources, stopping = arrived.job["ResourceConfig"], arrived.job["StoppingCondition"]
    hyperparameters = arrived.trainer["hyperparameters"]
    channels = {
        one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"]
        for one in arrived.job["InputDataConfig"]
    }
    return {
        "TrainingImageUri": arrived.job["AlgorithmSpecification"]["TrainingImage"],
        "BasesBucket": channels["base"].split("/")[2],
        "BaseId": channels["base"].split("/")[4],
        "CaptionerId": channels["captioner"].split("/")[4],
        "TrainingInstanceType": resources["InstanceType"],
        "VolumeSizeInGB": resources["VolumeSizeInGB"],
        "KeepAliveSeconds": resources["KeepAlivePeriodInSeconds"],
        "MaxRuntimeSeconds": stopping["MaxRuntimeInSeconds"],
        "TrainerProcesses": hyperparameters["num_processes"],
        "TrainerMixedPrecision": hyperparameters["mixed_precision"],
        "TrainerGradientCheckpointing": hyperparameters["gradient_checkpointing"],
        "TrainerWatchdogSeconds": hyperparameters["watchdog_seconds"],
        "FaceDetector": arrived.trainer["environment"]["LIKENESS_FACE_DETECTOR"],
    }


def in_server(arrived: Arrived) -> dict[str, object]:
    """Return what the endpoint and the serving container got, by parameter."""
    server, variant = arrived.server, arrived.variant
    return {
        "EndpointInstanceType": variant["InstanceType"],
        "InferenceAmiVersion": variant["InferenceAmiVersion"],
        "ServingImageCuda": server["LIKENESS_IMAGE_CUDA"],
        "ServingDevices": server["LIKENESS_DEVICES"],
        "ServingDtype": server["LIKENESS_DTYPE"],
        "EndpointMinInstances": variant["InitialInstanceCount"],
        "EndpointStartSeconds": variant["ContainerStartupHealthCheckTimeoutInSeconds"],
        "AdapterCacheMegabytes": server["LIKENESS_ADAPTER_MEGABYTES"],
        "AnswerCacheMegabytes": server["LIKENESS_ANSWER_MEGABYTES"],
        "EndpointQueueSize": server["LIKENESS_QUEUE_SIZE"],
        "PicturesPerPass": server["LIKENESS_ROWS_PER_PASS"],
        "RequestSeconds": server["LIKENESS_REQUEST_SECONDS"],
        "RequestWork": server["LIKENESS_REQUEST_WORK"],
        "ModelWork": server["LIKENESS_MODEL_WORK"],
        "TenantWeights": server["LIKENESS_TENANT_WEIGHTS"],
        "BlockedWords": server["LIKENESS_BLOCKED_WORDS"],
        "ServingFront": server["LIKENESS_FRONT"],
        "DrainSeconds": server["LIKENESS_DRAIN_SECONDS"],
        "Watermark": server["LIKENESS_WATERMARK"],
        "ContentCredentials": server["LIKENESS_CONTENT_CREDENTIALS"],
        "VisibleLabel": server["LIKENESS_VISIBLE_LABEL"],
        "MarksSecretArn": server["LIKENESS_MARKS_SECRET"],
        "BlockedNamesId": server["LIKENESS_NAMES_URI"].split("/")[4].removesuffix(".txt"),
        "SafetyCheckerId": server["LIKENESS_SAFETY_URI"].split("/")[4],
        "SafetyAdjustment": server["LIKENESS_SAFETY_ADJUSTMENT"],
        "ContentFilterId": server["LIKENESS_FILTER_URI"].split("/")[4],
        "ContentFilterLabels": server["LIKENESS_FILTER_LABELS"],
        "ContentFilterThreshold": server["LIKENESS_FILTER_THRESHOLD"],
        "TritonLogVerbose": server["SAGEMAKER_TRITON_LOG_VERBOSE"],
        "ModelLoadThreads": server["SAGEMAKER_TRITON_MODEL_LOAD_THREAD_COUNT"],
    }


def in_functions(arrived: Arrived) -> dict[str, object]:
    """Return what the functions got, by parameter."""
    accept, launch = arrived.functions["accept_request"], arrived.functions["launch_training"]
    return {
        "AllowedInstanceTypes": accept["ALLOWED_INSTANCE_TYPES"],
        "SpotAllowed": accept["SPOT_ALLOWED"],
        "MaxRunLimit": accept["MAX_RUN_LIMIT"],
        "MaxVolumeSizeInGB": accept["MAX_VOLUME_SIZE_GB"],
        "RequireConsent": accept["REQUIRE_CONSENT"],
        "ConsentTextVersion": accept["CONSENT_TEXT_VERSION"],
        "UploadWaitSeconds": accept["UPLOAD_WAIT_SECONDS"],
        "HubBucket": arrived.functions["http_api"]["HUB_BUCKET"],
        "RootFolders": arrived.functions["move_upload"]["ROOT_FOLDERS"],
        "PhotoRetentionDays": accept["PHOTO_RETENTION_DAYS"],
        "PhotosAfterTrainingHours": arrived.functions["notify_owner"][
            "PHOTOS_AFTER_TRAINING_HOURS"
        ],
        "UnusedModelDays": arrived.functions["notify_owner"]["UNUSED_MODEL_DAYS"],
        "TrainingPriceUsdPerHour": launch["TRAINING_PRICE_USD_PER_HOUR"],
        "TrainingQuota": launch["TRAINING_QUOTA"],
        "LargestBatch": launch["MAX_BATCH"],
        "LargestCluster": launch["LARGEST_CLUSTER"],
        "MaxUsersPerStep": launch["MAX_USERS_PER_STEP"],
        "TrainingCapacity": launch["TRAINING_CAPACITY"],
        "SpotDiscountPercent": launch["SPOT_DISCOUNT"],
        "WebhookAddresses": arrived.functions["deliver_webhook"]["WEBHOOK_ADDRESSES"],
        "OidcIssuer": arrived.functions["authorize"]["JWT_ISSUER"],
        "OidcAudience": arrived.functions["authorize"]["JWT_AUDIENCE"],
        "TenantClaim": arrived.functions["authorize"]["TENANT_CLAIM"],
        "RoleClaim": arrived.functions["authorize"]["ROLE_CLAIM"],
        "RequestsPerMinute": arrived.functions["http_api"]["REQUESTS_PER_MINUTE"],
        "TrainingsPerDay": arrived.functions["http_api"]["TRAININGS_PER_DAY"],
        "AuditRetentionDays": arrived.functions["http_api"]["AUDIT_RETENTION_DAYS"],
        "TakedownReportsPerHour": arrived.functions["http_api"]["REPORTS_PER_HOUR"],
        "VerificationsPerHour": arrived.functions["http_api"]["VERIFICATIONS_PER_HOUR"],
        "PicturesPerMinute": arrived.functions["http_api"]["PICTURES_PER_MINUTE"],
        "TrainingsAtOnce": accept["TRAININGS_AT_ONCE"],
        "UsdPerMonth": accept["USD_PER_MONTH"],
        "ApprovalRequired": arrived.functions["http_api"]["APPROVAL_REQUIRED"],
        "AgeEstimatorId": arrived.functions["inspect_photos"]["AGE_ESTIMATOR_ID"],
        "MinorLabels": arrived.functions["inspect_photos"]["AGE_ESTIMATOR_LABELS"],
        "MinorThreshold": arrived.functions["inspect_photos"]["AGE_ESTIMATOR_THRESHOLD"],
        "CaptioningPhotos": arrived.functions["inspect_photos"]["CAPTIONING_PHOTOS"],
        "MaxCaptioningSeconds": launch["MAX_CAPTIONING_SECONDS"],
        "FaceChecks": arrived.functions["inspect_photos"]["FACE_CHECKS"],
        "IntakeThresholds": arrived.functions["inspect_photos"]["INTAKE_THRESHOLDS"],
        "EndpointIdleMinutes": arrived.functions["reap_endpoint"]["ENDPOINT_IDLE_MINUTES"],
        "EndpointMaxInstances": arrived.functions["reap_endpoint"]["ENDPOINT_MAX_INSTANCES"],
        "EndpointWaitingRequests": arrived.functions["reap_endpoint"]["ENDPOINT_WAITING_REQUESTS"],
        "EndpointGpuPercent": arrived.functions["reap_endpoint"]["ENDPOINT_GPU_PERCENT"],
        "MlflowTracking": arrived.functions["log_experiment"]["MLFLOW_TRACKING"],
    }


def in_resources(arrived: Arrived) -> dict[str, object]:
    """Return what other resources got, by parameter."""
    made = arrived.resources
    return {
        "ServingImageUri": made["ServingModel"]["PrimaryContainer"]["Image"],
        "CreateEndpoint": "on-demand" if "EndpointOnDemandRelease" in made else "other",
        "AllowedOrigins": ",".join(made["HttpApi"]["CorsConfiguration"]["AllowOrigins"]),
        "PrewarmSchedule": made["Prewarm"]["ScheduleExpression"],
        "Studio": "on" if "StudioRoute" in made else "off",
        "MonthlyBudgetUsd": made["Budget"]["Amount"],
        "LogRetentionDays": made["WorkflowLogGroup"]["retentionInDays"],
        "QueueAgeAlarmSeconds": round(made["QueueAge"]["Threshold"]),
        "AdapterCostAlarmUsd": made["AdapterCost"]["Threshold"],
    }
