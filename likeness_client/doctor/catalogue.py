"""Every code of ``likeness doctor``: how bad it is, what it means, and the command that fixes it.

Written once: the terminal, ``--json`` and docs/doctor.md take their texts from here. ``{subject}``
and the other names in braces are facts of the finding.
"""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a finding is; the worst first."""

    ERROR = "error"
    """Uploads fail, or the deployment does."""

    UNKNOWN = "unknown"
    """AWS could not be asked; it may be an error."""

    WARNING = "warning"
    """It works, but not as the parameters say, or it will not for long."""

    NOTE = "note"
    """A choice that its owner should know of."""


ERROR, UNKNOWN, WARNING, NOTE = Severity


class Entry(NamedTuple):
    """The texts of one code."""

    severity: Severity
    title: str
    meaning: str
    """What is wrong and what follows from it."""
    command: str
    """What to type; with no command line that could fix it, what to do, after a ``#``."""


DEPLOY = "sam deploy --stack-name {stack} --region {region} --parameter-overrides "
QUOTA = (
    "aws service-quotas request-service-quota-increase --region {region} --service-code sagemaker"
    " --quota-code {quota_code} --desired-value {wanted}"
)

CATALOGUE: dict[str, Entry] = {
    # ---- asking -----------------------------------------------------------------------------
    "could_not_ask": Entry(
        UNKNOWN,
        "AWS could not be asked",
        "{subject} could not be called. {reason} So it is not known what this would have found:"
        " {check}.",
        "{mend}",
    ),
    # ---- parameters and names ---------------------------------------------------------------
    "parameter_unknown": Entry(
        ERROR,
        "The template has no such parameter",
        "The parameter {subject} is given, but template.yaml does not have it. {guess}",
        DEPLOY + "# without {subject}",
    ),
    "parameter_missing": Entry(
        ERROR,
        "A parameter has no value",
        "The parameter {subject} has no default and no value is given; sam deploy refuses this.",
        DEPLOY + "{subject}=VALUE",
    ),
    "parameter_refused": Entry(
        ERROR,
        "A parameter's value is not allowed",
        "The value {value} of {subject} is refused: {rule}.",
        DEPLOY + "{subject}=VALUE  # {rule}",
    ),
    "parameters_contradict": Entry(
        ERROR,
        "Parameters exclude each other",
        "The template's rule {subject} refuses these parameters: {rule}.",
        DEPLOY + "NAME=VALUE  # {rule}",
    ),
    "price_unknown": Entry(
        WARNING,
        "The training's price is not known",
        "The price table has no {subject}, and TrainingPriceUsdPerHour is 0: requests with"
        " max_cost_usd are refused, and no cost is reported.",
        DEPLOY + "TrainingPriceUsdPerHour=USD",
    ),
    "runtime_unsupported": Entry(
        ERROR,
        "Lambda does not offer this runtime",
        "Lambda does not create or update functions with {value}; it has {supported}.",
        DEPLOY + "LambdaRuntime={newest}",
    ),
    "stack_name_refused": Entry(
        ERROR,
        "The stack's name is not legal",
        "CloudFormation refuses the name {subject}: it begins with a letter and has letters,"
        " digits and hyphens, at most 128.",
        "sam deploy --stack-name likeness --region {region}",
    ),
    "stack_name_capitals": Entry(
        ERROR,
        "The stack's name has capitals",
        "SageMaker's ARNs are lower case, and IAM compares letter by letter: no function of"
        " {subject} may call its endpoint.",
        "sam deploy --stack-name {lower} --region {region}",
    ),
    "name_too_long": Entry(
        ERROR,
        "A name would be too long",
        "{type} {subject} would have {length} characters; AWS allows {limit}.",
        "sam deploy --stack-name NAME --region {region}  # NAME has at most {longest} characters",
    ),
    "setting_without_effect": Entry(
        WARNING,
        "A parameter has no effect",
        "{subject} is set, but {because}.",
        DEPLOY + "{mend}",
    ),
    "batch_is_cut": Entry(
        WARNING,
        "A full training job would run out of time",
        "{users} users at {seconds} s each need {needed} s; a training job ends after {limit} s.",
        DEPLOY + "LargestBatch={batch}",
    ),
    "photos_kept_long": Entry(
        WARNING,
        "Photos are kept for long",
        "Photos of faces are kept for {value} days. A consent must cover that time.",
        DEPLOY + "PhotoRetentionDays=30",
    ),
    "consent_not_required": Entry(
        NOTE,
        "No consent is required",
        "RequireConsent is false: anybody's photos are trained on without a word of consent.",
        DEPLOY + "RequireConsent=true",
    ),
    "no_budget": Entry(
        NOTE,
        "No budget watches the spending",
        "MonthlyBudgetUsd is 0: no alarm is raised when SageMaker costs more than expected.",
        DEPLOY + "MonthlyBudgetUsd=AMOUNT",
    ),
    # ---- the Region and the account ---------------------------------------------------------
    "region_lacks_type": Entry(
        ERROR,
        "The Region has no such resource type",
        "CloudFormation in {region} does not know {subject}, which {logical_id} is; the"
        " deployment fails there.",
        "{mend}",
    ),
    "instance_type_not_offered": Entry(
        ERROR,
        "The Region does not offer this instance type",
        "SageMaker in {region} has no quota named '{name}', so it does not offer {subject} for"
        " this use.",
        DEPLOY + "{parameter}=TYPE",
    ),
    "lambda_concurrency_low": Entry(
        WARNING,
        "Lambda runs few functions at once",
        "Lambda in this account runs {unreserved} functions at once, for all stacks together; an"
        " upload needs up to {needed}. More uploads wait, and some calls are throttled.",
        "aws service-quotas request-service-quota-increase --region {region} --service-code lambda"
        " --quota-code L-B99A9384 --desired-value 1000",
    ),
    "account_public_access_open": Entry(
        WARNING,
        "The account does not block public buckets",
        "S3 Block Public Access is off for the account ({missing}); only each bucket's own setting"
        " keeps photos private.",
        "aws s3control put-public-access-block --region {region} --account-id {account}"
        " --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,"
        "BlockPublicPolicy=true,RestrictPublicBuckets=true",
    ),
    "service_role_missing": Entry(
        WARNING,
        "A service-linked role is missing",
        "The endpoint scales, but the account lacks {subject}. The deployment creates it only if"
        " the deployer may call iam:CreateServiceLinkedRole.",
        "aws iam create-service-linked-role"
        " --aws-service-name sagemaker.application-autoscaling.amazonaws.com",
    ),
    # ---- quotas -----------------------------------------------------------------------------
    "quota_training_zero": Entry(
        ERROR,
        "The account may not train on this instance type",
        "The quota '{name}' is 0: no training starts. {request}",
        QUOTA,
    ),
    "quota_training_low": Entry(
        ERROR,
        "The account may run fewer training jobs than TrainingQuota",
        "The quota '{name}' is {value}, TrainingQuota is {wanted}: the launcher asks for more than"
        " it gets. {request}",
        QUOTA,
    ),
    "quota_spot_zero": Entry(
        ERROR,
        "The account may not train on spot instances",
        "The quota '{name}' is 0: training jobs on spot instances do not start. {request}",
        QUOTA,
    ),
    "quota_spot_low": Entry(
        ERROR,
        "The account may use fewer spot instances than TrainingQuota",
        "The quota '{name}' is {value}, TrainingQuota is {wanted}. {request}",
        QUOTA,
    ),
    "quota_choice_zero": Entry(
        WARNING,
        "A request may choose an instance type that the account may not use",
        "AllowedInstanceTypes has {subject}, but the quota '{name}' is 0: a request that chooses it"
        " fails. {request}",
        QUOTA,
    ),
    "quota_spot_choice_zero": Entry(
        NOTE,
        "Spot instances may be chosen, but the account may not use them",
        "The quota '{name}' is 0: the planner trains on demand instead, and a request that chooses"
        " spot fails. {request}",
        QUOTA,
    ),
    "quota_warm_pool_zero": Entry(
        WARNING,
        "The account may not keep warm pools",
        "The quota '{name}' is 0: KeepAliveSeconds has no effect, and every training waits for a"
        " new instance. {request}",
        QUOTA,
    ),
    "quota_warm_pool_low": Entry(
        WARNING,
        "The account may keep fewer warm pools than TrainingQuota",
        "The quota '{name}' is {value}, TrainingQuota is {wanted}: some trainings wait for a new"
        " instance. {request}",
        QUOTA,
    ),
    "quota_endpoint_zero": Entry(
        ERROR,
        "The account may not run an endpoint on this instance type",
        "The quota '{name}' is 0: the endpoint is not created. {request}",
        QUOTA,
    ),
    "quota_endpoint_low": Entry(
        ERROR,
        "The account may run fewer endpoint instances than the endpoint may have",
        "The quota '{name}' is {value}, but the endpoint may have {wanted} instances. {request}",
        QUOTA,
    ),
    "quota_endpoint_update": Entry(
        WARNING,
        "An update of the endpoint needs more instances than the account may have",
        "SageMaker starts an update's instances beside the old ones, and takes those away when the"
        " new ones answer. The quota '{name}' is {value}; an update may need {wanted}. Without them"
        " it is undone. {request}",
        QUOTA,
    ),
    "quota_total_low": Entry(
        ERROR,
        "The account may use fewer instances at once than the stack",
        "The quota '{name}' is {value}, whatever the instance type; the stack may use {wanted}"
        " ({subject}). {request}",
        QUOTA,
    ),
    "quota_runtime_low": Entry(
        ERROR,
        "Training jobs may not run as long as they need",
        "The quota '{name}' is {value} s; a full training job asks for {wanted} s, and SageMaker"
        " refuses it. {request}",
        QUOTA,
    ),
    # ---- images -----------------------------------------------------------------------------
    "image_uri_refused": Entry(
        ERROR,
        "The image is not in ECR",
        "The value {value} of {subject} is no image in Amazon ECR, and SageMaker takes no other.",
        DEPLOY + "{subject}=ACCOUNT.dkr.ecr.{region}.amazonaws.com/REPOSITORY@sha256:DIGEST",
    ),
    "image_other_region": Entry(
        ERROR,
        "The image is in another Region",
        "{subject} is in {found}; SageMaker in {region} pulls images of its own Region only.",
        "docker pull {value} && docker tag {value} {target} && docker push {target}",
    ),
    "image_by_tag": Entry(
        WARNING,
        "The image is named by a tag",
        "{subject} names {value} by a tag, which may be moved to another image. Now it is"
        " {digest}.",
        DEPLOY + "{subject}={pinned}",
    ),
    "image_repository_missing": Entry(
        ERROR,
        "The image's repository does not exist",
        "{subject} names the repository {repository}, which account {registry} does not have in"
        " {region}.",
        "aws ecr create-repository --region {region} --repository-name {repository} && make images",
    ),
    "image_missing": Entry(
        ERROR,
        "The image does not exist",
        "The repository {repository} has no image {image}: it was never pushed, or has expired.",
        "make images  # then push it, and deploy with its digest as {subject}",
    ),
    "image_archived": Entry(
        ERROR,
        "The image is archived",
        "{subject} names an image whose status is {status}; it cannot be pulled.",
        "make images  # then push it, and deploy with its digest as {subject}",
    ),
    "image_expires": Entry(
        WARNING,
        "The image will expire",
        "Rule {priority} of the lifecycle policy of {repository} deletes this image: {why}.",
        "aws ecr get-lifecycle-policy --region {region} --repository-name {repository}"
        "  # raise countNumber of rule {priority}, or deploy a newer image as {subject}",
    ),
    "image_architecture": Entry(
        ERROR,
        "The image is for another processor",
        "{subject} is built for {found}; SageMaker's GPU instances need amd64.",
        "docker build --platform linux/amd64 .",
    ),
    "image_not_multi_model": Entry(
        ERROR,
        "The image does not say that it serves several models",
        "{subject} lacks the label {label}=true; SageMaker refuses it for a multi-model endpoint.",
        "make images  # with serving_image/Dockerfile as it is, then push",
    ),
    "image_python_old": Entry(
        ERROR,
        "The image's Python is too old",
        "{subject} has Python {found}; Likeness needs {needed} or newer.",
        "make images  # with a newer BASE_IMAGE: docs/hosting.md has the table",
    ),
    "image_other_cuda": Entry(
        ERROR,
        "The image has another CUDA than ServingImageCuda",
        "{subject} has CUDA {found}, but ServingImageCuda is {expected}.",
        DEPLOY + "ServingImageCuda={major}",
    ),
    "image_driver_old": Entry(
        ERROR,
        "The endpoint's driver is too old for the image",
        "{subject} has CUDA {found}, which needs driver {needed}; {ami} has {driver}, so the image"
        " sees no GPU.",
        DEPLOY + "InferenceAmiVersion={better}",
    ),
    "image_without_labels": Entry(
        NOTE,
        "The image does not say what it needs",
        "{subject} has no label {label}, so its CUDA cannot be compared with the endpoint's"
        " driver.",
        "make images  # writes the labels",
    ),
    # ---- base model and captioner -----------------------------------------------------------
    "bucket_missing": Entry(
        ERROR,
        "The bucket of base models does not exist",
        "BasesBucket names {subject}, which does not exist.",
        "aws s3 mb s3://{subject} --region {region}",
    ),
    "bucket_other_region": Entry(
        WARNING,
        "The bucket of base models is in another Region",
        "{subject} is in {found}: every training job and endpoint copies the base across Regions,"
        " slowly and at a price.",
        "aws s3 mb s3://NAME --region {region} && aws s3 sync s3://{subject} s3://NAME"
        " --region {region} --source-region {found}",
    ),
    "base_missing": Entry(
        ERROR,
        "The base model is not there",
        "s3://{bucket}/{subject} does not exist: no request is accepted.",
        "aws s3 sync FOLDER s3://{bucket}/{folder}  # FOLDER has base.json: docs/bases.md",
    ),
    "base_card_refused": Entry(
        ERROR,
        "base.json is not a base's card",
        "{subject} cannot be used: {reason}.",
        "aws s3 cp base.json s3://{bucket}/{subject}  # docs/bases.md says how it is made",
    ),
    "base_card_other": Entry(
        ERROR,
        "base.json belongs to another base",
        "{subject} says base_id {found}, but BaseId is {expected}.",
        DEPLOY + "BaseId={found}  # or upload the right base.json",
    ),
    "base_hash_wrong": Entry(
        ERROR,
        "base.json's hash is not that of its files",
        "The sha256 of {subject} is not the hash of the files that it lists; every training would"
        " end with base_mismatch.",
        "aws s3 cp base.json s3://{bucket}/{subject}  # made again: docs/bases.md",
    ),
    "base_file_missing": Entry(
        ERROR,
        "A file of the base model is missing",
        "{subject} is in base.json but not in the bucket; every training would end with"
        " base_incomplete.",
        "aws s3 cp FILE s3://{bucket}/{subject}",
    ),
    "base_file_changed": Entry(
        ERROR,
        "A file of the base model is another one",
        "{subject} has the SHA-256 {found}, but base.json says {expected}.",
        "aws s3 cp FILE s3://{bucket}/{subject}",
    ),
    "base_file_frozen": Entry(
        ERROR,
        "A file of the base model is archived",
        "{subject} is in the storage class {found}; it must be restored before it can be read.",
        "aws s3 cp s3://{bucket}/{subject} s3://{bucket}/{subject} --storage-class STANDARD"
        " --force-glacier-transfer",
    ),
    "base_not_hashed": Entry(
        NOTE,
        "Large files of the base model were not compared",
        "{files} of the base's files ({gigabytes} GB) are there, but their content was not"
        " compared with base.json: S3 keeps no SHA-256 of them.",
        "likeness doctor --stack {stack} --region {region} --hash",
    ),
    "captioner_missing": Entry(
        ERROR,
        "The captioner is not there",
        "CaptionerId is {value}, but s3://{bucket}/{subject} lacks {missing}: every training job"
        " of the stack fails.",
        "aws s3 sync FOLDER s3://{bucket}/{subject}  # or deploy with CaptionerId=none",
    ),
    "safety_checker_missing": Entry(
        ERROR,
        "The safety checker is not there",
        "SafetyCheckerId is {value}, but s3://{bucket}/{subject} lacks {missing}: the endpoint does"
        " not start.",
        "aws s3 sync FOLDER s3://{bucket}/{subject}  # or deploy with SafetyCheckerId=none",
    ),
    "names_missing": Entry(
        ERROR,
        "The list of names is not there",
        "BlockedNamesId is {value}, but there is no s3://{bucket}/{subject}: no upload is accepted,"
        " and the endpoint does not start.",
        "aws s3 cp NAMES.txt s3://{bucket}/{subject}  # or deploy with BlockedNamesId=none",
    ),
    "classifier_missing": Entry(
        ERROR,
        "A classifier of photos is not there",
        "{parameter} is {value}, but s3://{bucket}/{subject} lacks {missing}: no upload is trained,"
        " and an endpoint with this content filter does not start.",
        "aws s3 sync FOLDER s3://{bucket}/{subject}  # or deploy with {parameter}=none",
    ),
    "classifier_unusable": Entry(
        ERROR,
        "A classifier of photos cannot be used",
        "{parameter} is {value}, but s3://{bucket}/{subject} is no ViTForImageClassification with"
        " the named labels: no upload is trained, and an endpoint with this content filter does not"
        " start.",
        "aws s3 sync FOLDER s3://{bucket}/{subject}  # or name its labels, or {parameter}=none",
    ),
    "weights_changed": Entry(
        WARNING,
        "Weights are not those that were written down",
        "{parameter} is {value}, but the content of s3://{bucket}/{subject} has the SHA-256 {found}"
        " and not {expected}, as {sums} says: what it lets pass may be something else.",
        "aws s3 sync FOLDER s3://{bucket}/  # or write SHA256SUMS anew, if the change is meant",
    ),
    "weights_not_compared": Entry(
        NOTE,
        "Weights were not compared with their hashes",
        "{parameter} is {value}, but nothing was compared of {files} in s3://{bucket}/{subject}:"
        " SHA256SUMS beside them has no line of it, or S3 keeps no SHA-256 of a large file.",
        "sha256sum FILE... > SHA256SUMS && aws s3 cp SHA256SUMS s3://{bucket}/{subject}"
        "  # then likeness doctor --stack {stack} --hash",
    ),
    "age_not_estimated": Entry(
        NOTE,
        "No age is estimated",
        "{subject} is none: photos of minors are kept out by the consent alone, in which the caller"
        " says that everybody is 18.",
        DEPLOY + "AgeEstimatorId=NAME",
    ),
    # ---- keys and secrets -------------------------------------------------------------------
    "marks_secret_missing": Entry(
        ERROR,
        "The secret of the marks does not exist",
        "The endpoint derives the keys of its marks from {subject}, which does not exist here: it"
        " does not start.",
        DEPLOY + "MarksSecretArn=ARN",
    ),
    "marks_secret_deleted": Entry(
        ERROR,
        "The secret of the marks is being deleted",
        "{subject} cannot be read: the endpoint does not start, and once the secret is gone nobody"
        " can read the marks of earlier pictures.",
        "aws secretsmanager restore-secret --region {region} --secret-id {subject}",
    ),
    "key_missing": Entry(
        ERROR,
        "A KMS key does not exist",
        "{used_by} uses the key {subject}, which does not exist here.",
        "aws kms create-key --region {region}",
    ),
    "key_other_region": Entry(
        ERROR,
        "A KMS key is in another Region",
        "{used_by} uses the key {subject}, which is in {found}; no service in {region} can use it.",
        "aws kms create-key --region {region}",
    ),
    "key_disabled": Entry(
        ERROR,
        "A KMS key cannot be used",
        "{used_by} uses the key {subject}, whose state is {state}: nothing can be read or written.",
        "{mend}",
    ),
    "key_policy": Entry(
        ERROR,
        "A KMS key does not let the roles in",
        "The policy of {subject} lets neither the account's IAM policies decide nor {role} decrypt;"
        " {used_by} cannot be read.",
        "aws kms put-key-policy --region {region} --key-id {subject} --policy file://policy.json"
        "  # with kms:* for {root}",
    ),
    "role_denied": Entry(
        ERROR,
        "A role may not do what it must",
        "{subject} is denied {action} on {resource} ({decision}): a permission boundary, a policy"
        " of the organisation, or a change by hand.",
        "aws iam simulate-principal-policy --policy-source-arn {arn} --action-names {action}"
        " --resource-arns {resource}{context}",
    ),
    # ---- the strict profile -----------------------------------------------------------------
    "subnet_missing": Entry(
        ERROR,
        "A subnet does not exist",
        "SubnetIds names {subject}, which {region} does not have: the deployment fails.",
        "aws ec2 describe-subnets --region {region}",
    ),
    "subnets_of_two_vpcs": Entry(
        ERROR,
        "The subnets are of several networks",
        "The subnets {subject} are of {vpcs}; Lambda and SageMaker take one network.",
        DEPLOY + "SubnetIds=SUBNETS  # of one VPC",
    ),
    "subnets_in_one_zone": Entry(
        WARNING,
        "All subnets are in one Availability Zone",
        "The subnets {subject} are in one Availability Zone: nothing works while it fails, and"
        " SageMaker has fewer instances to choose from.",
        DEPLOY + "SubnetIds=SUBNETS  # of two Availability Zones at least",
    ),
    "security_group_missing": Entry(
        ERROR,
        "A security group does not exist",
        "SecurityGroupIds names {subject}, which {region} does not have: the deployment fails.",
        "aws ec2 describe-security-groups --region {region}",
    ),
    "security_group_elsewhere": Entry(
        ERROR,
        "A security group is of another network",
        "{subject} is not of {vpc}, where the subnets are: the deployment fails.",
        "aws ec2 describe-security-groups --region {region} --filters Name=vpc-id,Values={vpc}",
    ),
    "vpc_endpoint_missing": Entry(
        WARNING,
        "The network has no way to a service",
        "{vpc} has no VPC endpoint for {subject}. Calls to it leave through a NAT gateway if the"
        " subnets have one; else they hang until the function's time is over.",
        "{mend}",
    ),
    "vpc_endpoint_without_dns": Entry(
        WARNING,
        "A VPC endpoint has no private DNS",
        "The endpoint for {subject} has no private DNS, so calls do not find it.",
        "aws ec2 modify-vpc-endpoint --region {region} --vpc-endpoint-id {endpoint}"
        " --private-dns-enabled",
    ),
    "key_closed_to_service": Entry(
        ERROR,
        "The key's policy does not let a service write",
        "{service} may not use {subject}: what it should write to the stack is lost without a"
        " word, or the deployment fails.",
        "aws kms put-key-policy --region {region} --key-id {subject} --policy file://policy.json"
        "  # docs/strict.md has the policy",
    ),
    "boundary_missing": Entry(
        ERROR,
        "The permissions boundary does not exist",
        "PermissionsBoundaryArn names {subject}, which does not exist: no role can be made.",
        "aws iam list-policies --scope Local",
    ),
    "access_logs_bucket_missing": Entry(
        ERROR,
        "The bucket of access logs does not exist",
        "AccessLogsBucket names {subject}, which does not exist: the deployment fails.",
        "aws s3 mb s3://{subject} --region {region}",
    ),
    "access_logs_refused": Entry(
        ERROR,
        "S3 may not write access logs",
        "The policy of {subject} does not let logging.s3.amazonaws.com put objects: nobody learns"
        " who has read the buckets.",
        "aws s3api put-bucket-policy --region {region} --bucket {subject} --policy"
        " file://policy.json  # s3:PutObject for logging.s3.amazonaws.com",
    ),
    "concurrency_not_reserved": Entry(
        ERROR,
        "The account cannot reserve that many executions",
        "{functions} functions with {each} reserved executions each are {needed}; the account has"
        " {free} left beside the 100 that Lambda keeps: the deployment fails.",
        "aws service-quotas request-service-quota-increase --region {region} --service-code lambda"
        " --quota-code L-B99A9384 --desired-value {wanted}",
    ),
    # ---- the stack --------------------------------------------------------------------------
    "stack_missing": Entry(
        ERROR,
        "There is no such stack",
        "{region} has no stack {subject}, and no parameters of a deployment to come are given.",
        "likeness doctor --stack {stack} --region {region} --config-env prod"
        "  # checks what samconfig.toml would deploy",
    ),
    "stack_dead": Entry(
        ERROR,
        "The stack's first deployment failed",
        "{subject} is {status}; CloudFormation can only delete it.",
        "aws cloudformation delete-stack --stack-name {stack} --region {region}",
    ),
    "stack_stuck": Entry(
        ERROR,
        "The stack's last change failed",
        "{subject} is {status}; it takes no further change.",
        "{mend}",
    ),
    "stack_rolled_back": Entry(
        WARNING,
        "The stack's last update was undone",
        "{subject} is {status}: it runs as before the update.",
        "aws cloudformation describe-stack-events --stack-name {stack} --region {region}"
        " --query \"StackEvents[?ends_with(ResourceStatus,'_FAILED')]\"",
    ),
    "stack_busy": Entry(
        WARNING,
        "The stack is being changed",
        "{subject} is {status}; what the doctor sees may change.",
        "aws cloudformation wait stack-exists --stack-name {stack} --region {region}",
    ),
    "name_taken": Entry(
        ERROR,
        "A name is taken",
        "{type} {subject} exists and is not the stack's; the deployment fails there. It is left"
        " from an earlier stack.",
        "{mend}",
    ),
    "drift_deleted": Entry(
        ERROR,
        "A resource of the stack is gone",
        "{subject} ({type}) was deleted behind CloudFormation's back.",
        "sam deploy --stack-name {stack} --region {region}"
        "  # after a change of {subject}'s properties, or with a new stack",
    ),
    "drift_changed": Entry(
        WARNING,
        "A resource is not as the template says",
        "{subject} ({type}) was changed by hand: {properties}.",
        "aws cloudformation describe-stack-resource-drifts --stack-name {stack} --region {region}"
        " --stack-resource-drift-status-filters MODIFIED",
    ),
    "drift_unknown": Entry(
        UNKNOWN,
        "CloudFormation could not compare everything",
        "The drift detection ended as {status}; the resources that it could not read may differ.",
        "aws cloudformation detect-stack-drift --stack-name {stack} --region {region}",
    ),
    # ---- functions and state machines -------------------------------------------------------
    "function_missing": Entry(
        ERROR,
        "A function is gone",
        "The function {subject} does not exist any more.",
        "sam deploy --stack-name {stack} --region {region}",
    ),
    "function_failed": Entry(
        ERROR,
        "A function cannot run",
        "The function {subject} is {state}.",
        "sam build && sam deploy --stack-name {stack} --region {region}",
    ),
    "function_not_updated": Entry(
        ERROR,
        "A function's last update failed",
        "{subject} runs older code or settings than the stack.",
        "sam build && sam deploy --stack-name {stack} --region {region}",
    ),
    "function_runtime_old": Entry(
        WARNING,
        "A function's runtime is no longer supported",
        "{subject} runs {runtime}, for which AWS no longer fixes faults.",
        "sam build && " + DEPLOY + "LambdaRuntime={newest}",
    ),
    "function_stopped": Entry(
        ERROR,
        "A function is switched off",
        "The reserved concurrency of {subject} is 0: every call is refused.",
        "aws lambda delete-function-concurrency --region {region} --function-name {subject}",
    ),
    "stream_stopped": Entry(
        ERROR,
        "A function no longer reads its stream or queue",
        "The event source mapping {subject} is {state}: what is in it is not processed.",
        "aws lambda update-event-source-mapping --region {region} --uuid {uuid} --enabled",
    ),
    "stream_failing": Entry(
        ERROR,
        "A function cannot read its stream or queue",
        "The event source mapping {subject} is on, but its last result is a problem.",
        "aws lambda get-event-source-mapping --region {region} --uuid {uuid}",
    ),
    "machine_gone": Entry(
        ERROR,
        "A state machine is gone",
        "The state machine {subject} is {state}: {loss}.",
        "sam deploy --stack-name {stack} --region {region}",
    ),
    # ---- events, queue, topics, alarms ------------------------------------------------------
    "bucket_silent": Entry(
        ERROR,
        "A bucket sends no events",
        "{subject} does not send its events to EventBridge: uploads start nothing.",
        "aws s3api put-bucket-notification-configuration --bucket {bucket}"
        " --notification-configuration '{{\"EventBridgeConfiguration\": {{}}}}'",
    ),
    "rule_disabled": Entry(
        ERROR,
        "A rule is switched off",
        "The rule {subject} is {state}: {logical_id} delivers no event.",
        "aws events enable-rule --region {region} --name {subject}",
    ),
    "rule_missing": Entry(
        ERROR,
        "A rule is gone",
        "The rule {subject} ({logical_id}) does not exist any more.",
        "sam deploy --stack-name {stack} --region {region}",
    ),
    "rule_without_target": Entry(
        ERROR,
        "A rule calls nobody",
        "The rule {subject} ({logical_id}) has no target.",
        "sam deploy --stack-name {stack} --region {region}",
    ),
    "dead_letters": Entry(
        ERROR,
        "Events were not delivered",
        "{count} messages are in the dead-letter queue.",
        "likeness replay {url}",
    ),
    "webhook_dead_letters": Entry(
        NOTE,
        "Messages to webhooks were given up",
        "{count} messages were not taken by tenants' webhooks within a day. A tenant may order each"
        " again: POST /v1/webhooks/ID/deliveries/ID:replay.",
        "aws sqs receive-message --region {region} --queue-url {url} --visibility-timeout 0",
    ),
    "queue_missing": Entry(
        ERROR,
        "A queue is gone",
        "The queue {subject} does not exist any more: {loss}.",
        "sam deploy --stack-name {stack} --region {region}"
        "  # with a new stack: CloudFormation does not see that it is gone",
    ),
    "queue_without_dead_letters": Entry(
        WARNING,
        "A queue drops what nobody could work on",
        "{subject} has no dead-letter queue: a message that fails again and again is never seen.",
        "aws sqs set-queue-attributes --region {region} --queue-url {url}"
        " --attributes RedrivePolicy=POLICY  # as template.yaml has it",
    ),
    # ---- the HTTP API -----------------------------------------------------------------------
    "api_missing": Entry(
        ERROR,
        "The HTTP API is gone",
        "The API {api} ({subject}) does not exist any more: no application gets an answer.",
        "aws apigatewayv2 get-apis --region {region}  # then deploy a new stack",
    ),
    "api_route_missing": Entry(
        ERROR,
        "A route of the HTTP API is gone",
        "The API {api} has no route {subject}: its callers get 404.",
        "aws apigatewayv2 get-routes --region {region} --api-id {api}  # then make it again",
    ),
    "api_route_open": Entry(
        ERROR,
        "A route of the HTTP API asks nobody who is calling",
        "The route {subject} has no authorizer: everybody's requests reach the functions.",
        "aws apigatewayv2 get-routes --region {region} --api-id {api}"
        "  # then aws apigatewayv2 update-route --authorization-type CUSTOM --authorizer-id ID",
    ),
    "api_authorizer_missing": Entry(
        ERROR,
        "The HTTP API does not ask the authorizer",
        "No authorizer of {subject} calls {function}: nobody checks API keys and ID tokens.",
        "sam deploy --stack-name {stack} --region {region}",
    ),
    "user_pool_missing": Entry(
        ERROR,
        "The user pool is gone",
        "The user pool {pool} ({subject}) does not exist any more: nobody can sign in.",
        DEPLOY + "OidcIssuer=ISSUER OidcAudience=AUDIENCE  # or a new stack, with a new pool",
    ),
    "user_pool_open": Entry(
        ERROR,
        "Strangers may make themselves accounts",
        "The user pool {pool} lets everybody sign up; the template lets operators only.",
        "sam deploy --stack-name {stack} --region {region}  # after a change of the pool and back",
    ),
    "user_pool_client_missing": Entry(
        ERROR,
        "The user pool's client is gone",
        "The client {client} of {pool} does not exist any more: nobody can sign in.",
        "aws cognito-idp list-user-pool-clients --region {region} --user-pool-id {pool}",
    ),
    "attribute_writable": Entry(
        ERROR,
        "People may choose their tenant or role",
        "The client {client} may write {subject}: a person who is signed in can give themselves"
        " another tenant's rights.",
        "aws cognito-idp describe-user-pool-client --region {region} --user-pool-id {pool}"
        " --client-id {client}  # then update-user-pool-client --write-attributes email",
    ),
    "subscription_pending": Entry(
        WARNING,
        "A subscription was never confirmed",
        "{endpoint} ({protocol}) has not confirmed its subscription to {subject}: it gets nothing.",
        "aws sns subscribe --region {region} --topic-arn {arn} --protocol {protocol}"
        " --notification-endpoint {endpoint}  # sends the confirmation again",
    ),
    "topic_without_subscriber": Entry(
        WARNING,
        "Nobody reads a topic",
        "{subject} has no subscriber: {loss}.",
        "aws sns subscribe --region {region} --topic-arn {arn} --protocol email"
        " --notification-endpoint ADDRESS",
    ),
    "alarm_raised": Entry(
        ERROR,
        "An alarm is raised",
        "{subject} is in ALARM: {description}.",
        "aws cloudwatch describe-alarm-history --region {region} --alarm-name {alarm}"
        "  # {runbook} says what to do",
    ),
    "alarm_silent": Entry(
        WARNING,
        "An alarm notifies nobody",
        "The actions of {subject} are switched off.",
        "aws cloudwatch enable-alarm-actions --region {region} --alarm-names {alarm}",
    ),
    # ---- buckets and tables -----------------------------------------------------------------
    "bucket_gone": Entry(
        ERROR,
        "A bucket of the stack is gone",
        "The bucket {bucket} ({subject}) does not exist any more.",
        "aws s3 mb s3://{bucket} --region {region} && sam deploy --stack-name {stack}"
        " --region {region}",
    ),
    "bucket_open": Entry(
        ERROR,
        "A bucket may be made public",
        "{subject} does not block public access ({missing}).",
        "aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration"
        " BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,"
        "RestrictPublicBuckets=true",
    ),
    "bucket_unversioned": Entry(
        ERROR,
        "A bucket keeps no versions",
        "The versioning of {subject} is {state}: a photo that is replaced while its request is"
        " processed cannot be read any more.",
        "aws s3api put-bucket-versioning --bucket {bucket}"
        " --versioning-configuration Status=Enabled",
    ),
    "photos_do_not_expire": Entry(
        ERROR,
        "Photos do not expire as promised",
        "The lifecycle rules of {subject} delete photos {found}; PhotoRetentionDays is {days}.",
        "sam deploy --stack-name {stack} --region {region}"
        "  # after a change of PhotoRetentionDays and back",
    ),
    "table_not_active": Entry(
        ERROR,
        "A table cannot be used",
        "The table {table} ({subject}) is {state}.",
        "aws dynamodb describe-table --region {region} --table-name {table}",
    ),
    "table_without_stream": Entry(
        ERROR,
        "The jobs table has no stream",
        "The stream of {table} is off: queued jobs wait for the schedule, and nobody hears of"
        " progress.",
        "aws dynamodb update-table --region {region} --table-name {table}"
        " --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
    ),
    "table_without_recovery": Entry(
        WARNING,
        "A table has no point-in-time recovery",
        "{table} ({subject}) cannot be restored after a mistake.",
        "aws dynamodb update-continuous-backups --region {region} --table-name {table}"
        " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
    ),
    # ---- endpoint ---------------------------------------------------------------------------
    "endpoint_failed": Entry(
        ERROR,
        "The endpoint failed",
        "The endpoint {subject} is {status}: no model answers.",
        "aws sagemaker delete-endpoint --region {region} --endpoint-name {subject}"
        "  # then `likeness models TENANT --wake`, or deploy again",
    ),
    "endpoint_missing": Entry(
        ERROR,
        "The endpoint does not exist",
        "CreateEndpoint is true, but there is no endpoint {subject}: new models are not warmed.",
        "aws sagemaker create-endpoint --region {region} --endpoint-name {subject}"
        " --endpoint-config-name {config}",
    ),
    "endpoint_busy": Entry(
        NOTE,
        "The endpoint is being changed",
        "The endpoint {subject} is {status}; until it is InService, models answer slowly or not.",
        "aws sagemaker wait endpoint-in-service --region {region} --endpoint-name {subject}",
    ),
    "endpoint_other_config": Entry(
        ERROR,
        "The endpoint runs another configuration",
        "{subject} runs {found}; the stack's configuration is {expected}.",
        "aws sagemaker update-endpoint --region {region} --endpoint-name {subject}"
        " --endpoint-config-name {expected}",
    ),
    "endpoint_other_image": Entry(
        ERROR,
        "The endpoint runs another image",
        "The model {model} has the image {found}; ServingImageUri is {expected}.",
        DEPLOY + "ServingImageUri={expected}",
    ),
    "endpoint_image_moved": Entry(
        WARNING,
        "The endpoint runs an older image of the tag",
        "{subject} pulled {found}; the tag names another image by now.",
        DEPLOY + "ServingImageUri=REPOSITORY@sha256:DIGEST",
    ),
    "endpoint_other_instance": Entry(
        ERROR,
        "The endpoint runs on another instance type",
        "{subject} runs on {found}; EndpointInstanceType is {expected}.",
        DEPLOY + "EndpointInstanceType={expected}",
    ),
    "endpoint_type_held": Entry(
        ERROR,
        "A growing endpoint cannot change its instance type",
        "{subject} runs on {found}; EndpointInstanceType is {expected}. SageMaker refuses another"
        " type while Application Auto Scaling knows the endpoint, and the deployment is undone.",
        DEPLOY + "EndpointMaxInstances=1 EndpointInstanceType={found}  # then the type, then the"
        " larger EndpointMaxInstances, each in a deployment of its own",
    ),
    "endpoint_other_ami": Entry(
        ERROR,
        "The endpoint starts with another driver",
        "{subject} starts with {found} (NVIDIA driver {driver}); InferenceAmiVersion is"
        " {expected}.",
        DEPLOY + "InferenceAmiVersion={expected}",
    ),
    "logs_kept_for_ever": Entry(
        WARNING,
        "SageMaker's logs are kept for ever",
        "SageMaker made the log group {subject} without an end, and LogRetentionDays is for the"
        " stack's own groups. Ids of models stay in it, and its storage is paid.",
        "aws logs put-retention-policy --region {region} --log-group-name {subject}"
        " --retention-in-days {days}",
    ),
    # ---- training ---------------------------------------------------------------------------
    "training_refused": Entry(
        ERROR,
        "SageMaker refuses training jobs",
        "{count} queued jobs wait because SageMaker has refused their training job.",
        "likeness doctor --stack {stack} --region {region}  # a quota finding has the command",
    ),
}
