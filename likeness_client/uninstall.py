"""``likeness uninstall STACK``: shows what it will remove, asks, does it, and lists what stays.

Every step can be repeated. After an interruption, run the command again, also when the stack itself
is gone.
"""

import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial

from botocore.exceptions import ClientError

from likeness_client import inventory
from likeness_client.emptying import NotEmptiedError, empty
from likeness_client.exit_codes import ExitCode
from likeness_client.inventory import BUSY, Clients, Inventory, endpoint_name, exists
from likeness_client.printing import PrintLine, print_now
from likeness_client.stack import BUCKET, KEY, KEYS, RULE, Resource, Stack, events, find

ROUNDS = 3
"""How often the stack's deletion is tried: a file may arrive in a bucket that was just emptied."""

POLL_SECONDS = 2.0
RECOVERY_DAYS = 30
"""Days in which a deleted key or secret can be brought back; the template says the same."""

PATIENCE_SECONDS = 3600.0
"""The longest wait for a training job or the stack to end; a training job has two minutes to stop,
an endpoint may be created for a quarter of an hour before it can be deleted."""

STAYS = """\
what stays, and why:
  images      {images}: other stacks may use them; `aws ecr batch-delete-image` removes one
  base model  bucket {bases}: it is yours, and this stack has only read it
  records     of SageMaker training jobs: they hold settings and times, no photo
  logs        /aws/sagemaker/TrainingJobs: every training job of the account writes there
  keys        a deleted KMS key or secret can be brought back for {days} days, free of charge
  backups     DynamoDB keeps a backup of a deleted table for 35 days, free of charge
  code        in the bucket of `sam deploy` (aws-sam-cli-managed-default): other stacks use it
  figures     CloudWatch's metrics and X-Ray's traces end by themselves, after 15 months and 30 days
"""


class NotConfirmedError(Exception):
    """Nobody has confirmed the removal; the text says how."""


class NotUninstalledError(Exception):
    """A step failed; the text says which, why and what to do."""


@dataclass(frozen=True)
class Uninstallation:
    """One run: what there is, and what the person wants to keep."""

    clients: Clients
    found: Inventory
    keep: frozenset[str]
    print_line: PrintLine
    pause: Callable[[float], object] = time.sleep

    @property
    def stack(self) -> Stack:
        """The stack."""
        return self.found.stack

    def run(self) -> None:
        """Do every step.

        Raises:
            NotUninstalledError: a step failed; running the command again goes on.
        """
        if self.stack.exists:
            self.start_nothing_more()
        self.stop_work()
        self.delete_endpoint()
        self.guard_tables()
        for _ in range(ROUNDS):
            self.empty_buckets()
            if self.delete_stack():
                break
        else:
            raise NotUninstalledError(self.why_not())
        self.remove_what_was_kept()
        self.remove_keys()
        self.remove_logs()

    def start_nothing_more(self) -> None:
        """Switch off what starts workflows and training jobs; the rest still tells the owners."""
        for rule in self.stack.of(RULE):
            if rule.logical_id.endswith(("RequestUploaded", "EveryMinute", "SlotFree")):
                exists(self.clients.events.disable_rule, Name=rule.name)
        self.print_line("no upload starts anything any more")

    def stop_work(self) -> None:
        """Stop executions and training jobs, and wait until the training jobs have ended."""
        for arn in inventory.executions(self.clients.states, self.stack):
            exists(self.clients.states.stop_execution, executionArn=arn, cause=CAUSE)
            self.print_line(f"stopped {arn.rpartition(':')[2]}")
        stopped: set[str] = set()

        def quiet() -> bool:
            jobs = set(inventory.training_jobs(self.clients.sagemaker, self.stack))
            for name in sorted(jobs - stopped):
                self.stop_training(name)
            stopped.update(jobs)
            return not jobs

        self.wait(quiet, "training jobs")

    def stop_training(self, name: str) -> None:
        """Stop one training job; one that has ended meanwhile is no error."""
        try:
            self.clients.sagemaker.stop_training_job(TrainingJobName=name)
        except ClientError as error:
            if self.trains(name):
                raise NotUninstalledError(f"{name} cannot be stopped: {error}") from error
        self.print_line(f"stopped {name}")

    def trains(self, name: str) -> bool:
        """Return whether a training job has not ended."""
        job = self.clients.sagemaker.describe_training_job(TrainingJobName=name)
        return job["TrainingJobStatus"] in BUSY

    def delete_endpoint(self) -> None:
        """Delete an endpoint that was made on demand; CloudFormation deletes its own."""
        name, sagemaker = endpoint_name(self.stack), self.clients.sagemaker
        if not inventory.made_on_demand(sagemaker, name):
            return

        def settled() -> bool:
            return inventory.endpoint_status(sagemaker, name) != "Creating"

        self.wait(settled, f"endpoint {name}, which is being created")
        exists(sagemaker.delete_endpoint, EndpointName=name)
        self.wait(lambda: inventory.endpoint_status(sagemaker, name) is None, f"endpoint {name}")
        self.print_line(f"deleted endpoint {name}")

    def guard_tables(self) -> None:
        """Protect the tables that are kept, and no others."""
        for table in self.found.tables:
            wanted = table.resource.data in self.keep
            if table.protected != wanted:
                self.clients.dynamodb.update_table(
                    TableName=table.resource.name, DeletionProtectionEnabled=wanted
                )

    def empty_buckets(self) -> None:
        """Empty the buckets that are not kept.

        Raises:
            NotUninstalledError: S3 does not delete a file.
        """
        for bucket, _ in self.found.buckets:
            if bucket.data not in self.keep:
                self.empty_bucket(bucket.name)

    def empty_bucket(self, name: str) -> None:
        """Empty one bucket; one that is gone is no error."""
        try:
            deleted = exists(partial(empty, self.clients.s3), bucket=name)
        except NotEmptiedError as error:
            raise NotUninstalledError(str(error)) from error
        if deleted:
            self.print_line(f"emptied bucket {name}: {deleted:,} versions of files")

    def delete_stack(self) -> bool:
        """Delete the stack; what is kept stays behind. Return whether it is gone."""
        if not self.stack.exists:
            return True
        cloudformation, retained = self.clients.cloudformation, []
        if self.status() == "DELETE_FAILED":
            retained = [one.logical_id for one in self.kept() if not one.kept]
        more = {"RetainResources": retained} if retained else {}
        cloudformation.delete_stack(StackName=self.stack.stack_id, **more)
        self.print_line(f"deleting stack {self.stack.name}")
        self.wait(lambda: not self.status().endswith("IN_PROGRESS"), f"stack {self.stack.name}")
        return self.status() == "DELETE_COMPLETE"

    def status(self) -> str:
        """Return the stack's status now."""
        found = self.clients.cloudformation.describe_stacks(StackName=self.stack.stack_id)
        return str(found["Stacks"][0]["StackStatus"])

    def kept(self) -> Iterator[Resource]:
        """Yield the buckets and tables that the person wants to keep."""
        for resource in self.data():
            if resource.data in self.keep:
                yield resource

    def data(self) -> Iterator[Resource]:
        """Yield the buckets and tables that exist."""
        yield from (bucket for bucket, _ in self.found.buckets)
        yield from (table.resource for table in self.found.tables)

    def remove_what_was_kept(self) -> None:
        """Delete buckets and tables that outlived the stack, unless the person keeps them."""
        for resource in self.data():
            if resource.data in self.keep:
                continue
            if resource.kind == BUCKET:
                self.empty_bucket(resource.name)
                gone = exists(self.clients.s3.delete_bucket, Bucket=resource.name)
            else:
                gone = exists(self.clients.dynamodb.delete_table, TableName=resource.name)
            if gone:
                self.print_line(f"deleted {resource.name}")

    def remove_keys(self) -> None:
        """Delete the key and the secret that outlived the stack, unless the person keeps them."""
        if KEYS in self.keep:
            return
        for resource in inventory.keys(self.clients, self.stack):
            if resource.kind == KEY:
                self.clients.kms.schedule_key_deletion(
                    KeyId=resource.name, PendingWindowInDays=RECOVERY_DAYS
                )
            else:
                self.clients.secretsmanager.delete_secret(
                    SecretId=resource.name, RecoveryWindowInDays=RECOVERY_DAYS
                )
            self.print_line(
                f"deleted {resource.name}: it can be brought back for {RECOVERY_DAYS} days"
            )

    def remove_logs(self) -> None:
        """Delete the log groups: Lambda may have made one again for its last lines."""
        if LOGS in self.keep:
            return
        for name in self.found.log_groups:
            exists(self.clients.logs.delete_log_group, logGroupName=name)
        self.print_line(f"deleted {len(self.found.log_groups)} log groups")

    def why_not(self) -> str:
        """Say which resources CloudFormation could not delete, in its own words."""
        failed = {
            event["LogicalResourceId"]: event.get("ResourceStatusReason", "no reason")
            for event in reversed(list(events(self.clients.cloudformation, self.stack.stack_id)))
            if event["ResourceStatus"] == "DELETE_FAILED"
            and event["LogicalResourceId"] != self.stack.name
        }
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in failed.items())
        return (
            f"CloudFormation cannot delete {self.stack.name}; fix this and run the command"
            f" again:{reasons}"
        )

    def wait(self, done: Callable[[], bool], what: str) -> None:
        """Wait until something has ended.

        Raises:
            NotUninstalledError: it has not after PATIENCE_SECONDS.
        """
        waited = 0.0
        while not done():
            if waited >= PATIENCE_SECONDS:
                raise NotUninstalledError(f"still waiting for {what}; run the command again later")
            self.pause(POLL_SECONDS)
            waited += POLL_SECONDS


CAUSE = "likeness uninstall"
LOGS = "logs"


def uninstall(name: str, *, keep: Collection[str], yes: str | None, dry_run: bool) -> int:
    """Show, ask, remove, and list what stays.

    Args:
        name: the stack's.
        keep: kinds of data that stay: photos, models, tables, keys, logs.
        yes: the stack's name again, in place of the question.
        dry_run: only show.

    Raises:
        NoStackError: there is no such stack.
        NotConfirmedError: the answer is not the stack's name, or the keys cannot be kept.
        NotUninstalledError: a step failed.
    """
    clients = Clients.make()
    found = inventory.take(clients, find(clients.cloudformation, name))
    sys.stdout.write(plan(found, keep))
    if dry_run:
        return ExitCode.DONE
    if found.stack.exists and found.stack.protected:
        raise NotConfirmedError(
            f"{name} has termination protection. Take it away first: aws cloudformation"
            f" update-termination-protection --no-enable-termination-protection --stack-name {name}"
        )
    if KEYS in keep and found.stack.exists and found.stack.parameters.get("ProtectData") != "true":
        raise NotConfirmedError(
            "CloudFormation deletes the keys of a stack with ProtectData=false; deploy it with"
            " ProtectData=true first, and they outlive it"
        )
    confirm(name, yes)
    Uninstallation(clients, found, frozenset(keep), print_now).run()
    sys.stdout.write(stays(found, keep))
    return ExitCode.DONE


def plan(found: Inventory, keep: Collection[str]) -> str:
    """Return what will be stopped, removed and kept, a line each."""
    lines = [f"stack {found.stack.name} ({found.stack.status})"]
    for bucket, content in found.buckets:
        lines.append(f"  {fate(bucket, keep)} {bucket.data:9} bucket {bucket.name}: {content}")
    for table in found.tables:
        about = f"table {table.resource.name}: about {table.rows:,} rows"
        lines.append(f"  {fate(table.resource, keep)} {table.resource.data:9} {about}")
    lines += [f"  {fate(key, keep)} {key.data:9} {key.logical_id} {key.name}" for key in found.keys]
    lines += [f"  stop   workflow  {arn.rpartition(':')[2]}" for arn in found.executions]
    lines += [f"  stop   training  {name}" for name in found.training_jobs]
    if found.endpoint is not None:
        lines.append(f"  delete endpoint  {endpoint_name(found.stack)}: {found.endpoint}")
    logs = "keep  " if LOGS in keep else "delete"
    lines.append(f"  {logs} logs      {len(found.log_groups)} log groups")
    if found.stack.exists:
        lines.append(f"  delete stack     {len(found.stack.resources)} resources")
    return "\n".join(lines) + "\n"


def fate(resource: Resource, keep: Collection[str]) -> str:
    """Say what becomes of a bucket, a table or a key."""
    return "keep  " if resource.data in keep else "delete"


def confirm(name: str, yes: str | None) -> None:
    """Return when a person has given the stack's name again.

    Raises:
        NotConfirmedError: another name, or nobody is there to be asked.
    """
    if yes is None and not sys.stdin.isatty():
        raise NotConfirmedError(f"nobody can be asked here; confirm by --yes {name}")
    if yes is None:
        sys.stdout.write("Photos, models and rows cannot be brought back.\n")
        sys.stdout.write("Type the stack's name to go on: ")
        sys.stdout.flush()
        yes = sys.stdin.readline().strip()
    if yes != name:
        raise NotConfirmedError(f"nothing was removed: the answer is not {name}")


def stays(found: Inventory, keep: Collection[str]) -> str:
    """Return what is still there, and why."""
    images = {found.stack.parameters.get(f"{kind}ImageUri", "") for kind in ("Training", "Serving")}
    text = STAYS.format(
        images=", ".join(sorted(images - {""})) or "in ECR",
        bases=found.stack.parameters.get("BasesBucket", "") or "of the base models",
        days=RECOVERY_DAYS,
    )
    kept = [
        f"  {resource.data:11} {resource.name}: you kept it\n"
        for resource in (
            *(bucket for bucket, _ in found.buckets),
            *(table.resource for table in found.tables),
            *found.keys,
        )
        if resource.data in keep
    ]
    return text + "".join(kept)
