"""What the base does with a request: parse it, have it drawn, and answer it.

Only the engine's thread draws. Parsing, looking answers up, reading adapters, decoding start images
and writing files happen on other threads, so a cached answer waits for nobody's picture.
"""

import base64
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from contracts.base import BaseCard
from contracts.documents.appeal import WithheldPicture
from contracts.marks.marking import Marker
from contracts.shared.limits import MAX_INLINE_BYTES
from contracts.shared.pictures.safety_stages import Checker
from contracts.shared.words.allowed_texts import hash_of_picture, hash_of_texts, marker_of
from contracts.shared.words.blocked_words import has_blocked
from contracts.shared.words.name_list import NO_NAMES, NameList, has_name
from serving.adapters.cache import AdapterCache, Lease
from serving.adapters.mixing import find_mixed_adapters, has_adapter, read_tenant
from serving.answer_cache import Answer, AnswerCache, answer_key
from serving.engine.engine import CANCELLED, Engine
from serving.engine.failures import is_shortage, log_failure, out_of_memory_error
from serving.engine.jobs import Job
from serving.generator import to_image
from serving.markers import ALLOWED, listed
from serving.metrics import emit
from serving.output.pictures_bucket import NotStoredError, Owner, PicturesBucket
from serving.output.safety import figures_of
from serving.picture_error import PictureError, erased_error
from serving.requests import Inputs, PendingRequest, describe, make_answer
from serving.rows import Row
from serving.tensors import parse_request
from serving.used import record_use

PARSING_THREADS = 4
WRITING_THREADS = 2

GIVEN_UP = {"cancelled", "not_in_time"}
"""Codes of requests that nobody waits for."""

REFUSED = "a word of the prompt is not allowed on this endpoint"

BUSY = "the base has too many requests, try again"


@dataclass(frozen=True)
class Limits:
    """What an operator allows."""

    requests: int = 72
    """Unanswered requests; one more is ``busy``."""
    seconds: float = 60.0
    """Time from the arrival of a request to its answer."""
    request_work: float = 0.0
    """Megapixel steps of one request; 0: no limit."""
    model_work: float = 0.0
    """Megapixel steps that one model's unanswered requests may have together; 0: no limit."""
    blocked_words: tuple[str, ...] = ()
    """Words and phrases that no prompt may have, in the plain form of blocked_words.py."""
    blocked_names: NameList = NO_NAMES
    """Names that no prompt may have."""


class PictureService:
    """Takes requests in and answers each of them once."""

    def __init__(  # noqa: PLR0913 (what the server knows and the tests choose)
        self,
        *,
        engine: Engine,
        card: BaseCard,
        adapters: AdapterCache,
        answers: AnswerCache,
        marker: Marker,
        checker: Checker,
        bucket: PicturesBucket,
        limits: Limits,
        count_chunks: Callable[[Row], int],
        run_dir: Path,
    ) -> None:
        self.engine, self.card, self.adapters, self.answers = engine, card, adapters, answers
        self.marker, self.checker, self.limits = marker, checker, limits
        self.bucket, self.count_chunks, self.run_dir = bucket, count_chunks, run_dir
        self.parsing = ThreadPoolExecutor(PARSING_THREADS, "parse")
        self.writing = ThreadPoolExecutor(WRITING_THREADS, "write")
        self.lock = Lock()
        self.unanswered = 0
        self.open: set[str] = set()
        """Ids of the unanswered requests; a request without an id is not among them."""
        self.dropped: set[str] = set()
        """Ids among ``open`` whose answer nobody waits for."""
        self.work: defaultdict[Path, float] = defaultdict(float)
        """By model, the megapixel steps of its unanswered requests."""
        self.equal: dict[str, list[PendingRequest]] = {}
        """By key, requests whose answer another request's drawing will be."""
        self.checking = Lock()
        self.unwatermarked = 0
        """Pictures that got no watermark, since the last line of metrics."""
        self.reported = (0, 0, 0, 0.0)

    def close(self) -> None:
        """Answer what is unfinished with an error, and end all threads."""
        self.parsing.shutdown()
        self.engine.stop()
        self.writing.shutdown()

    def submit(self, inputs: Inputs) -> None:
        """Take a request in; the reply comes from another thread, or at once."""
        with self.lock:
            full = self.unanswered >= self.limits.requests
            self.unanswered += not full
            if not full:
                self.open.add(inputs.request_id)
        if full:
            inputs.reply(PictureError("busy", BUSY))
            self.report({"Requests": 1, "Refused": 1})
        else:
            self.parsing.submit(self.take, inputs)

    def drop(self, request_id: str) -> None:
        """Stop drawing a request, wherever it is, because nobody waits for it."""
        with self.lock:
            if request_id in self.open:
                self.dropped.add(request_id)
        self.engine.drop(request_id)

    def drop_all(self, prefix: str) -> None:
        """Stop drawing all requests whose ids begin with ``prefix``."""
        with self.lock:
            ids = [one for one in self.open if one.startswith(prefix)]
        for request_id in ids:
            self.drop(request_id)

    def drop_models(self, job_ids: set[str]) -> None:
        """Forget erased or disabled models: rows under way, tensors and cached answers."""
        self.adapters.drop(job_ids)
        self.engine.drop_models(job_ids)
        self.answers.drop(job_ids)

    def allow_models(self, job_ids: set[str]) -> None:
        """Draw with these models again: they are no longer disabled."""
        self.adapters.allow(job_ids)
        self.engine.allow_models(job_ids)
        self.answers.allow(job_ids)

    def take(self, inputs: Inputs) -> None:
        """Parse a request; answer it from memory, or have it drawn."""
        lease = Lease(self.adapters)
        try:
            pending = self.parse(inputs, lease)
            answer = self.answers.find(pending.key)
            if answer is None:
                self.begin(pending)
                return
            self.finish(inputs, lease, answer, {"AnswerHits": 1})
        except PictureError as error:
            self.finish(inputs, lease, error, {"Refused": 1})
        except Exception as error:  # noqa: BLE001 (any error fails only this request)
            self.finish(inputs, lease, self.explain(error, set()), {})

    def parse(self, inputs: Inputs, lease: Lease) -> PendingRequest:
        """Parse one request and find its adapters.

        Raises:
            PictureError: the request or one of its adapters cannot be used.
        """
        caller = inputs.caller
        request = parse_request(
            inputs.prompt,
            inputs.negative_prompt,
            inputs.gen_args,
            self.card,
            inputs.image,
            find_image=lambda uri, limit: self.bucket.read(uri, read_tenant(caller), limit),
        )
        check_work(request.work, self.limits.request_work)
        texts = (request.prompt, request.negative_prompt or "")
        self.check_words(texts, inputs)
        others = find_mixed_adapters(caller, request.arguments.adapters, self.run_dir)
        owner = lease.find(caller) if has_adapter(caller) else None
        pending = PendingRequest(
            request=request,
            owner=owner,
            lease=lease,
            user=read_tenant(caller) or str(caller),
            inputs=inputs,
            mixed=tuple(lease.find(other) for other in others),
        )
        pending.rows = pending.make_rows()
        named = (pending.rows[0].prompt, pending.rows[0].negative_prompt or "")
        if named != texts:  # the subject's word stands in the place of TOK
            self.check_words(named, inputs)
        weights = tuple(f"{adapter.sha256} {scale}" for adapter, scale in pending.mix)
        pending.key = answer_key(request, owner.sha256 if owner else str(caller), weights)
        return pending

    def check_words(self, texts: Sequence[str], inputs: Inputs) -> None:
        """Refuse texts with a word or a name that the operator blocks.

        Raises:
            PictureError: ``prompt_refused``; no granted appeal lets the request's prompts through.
        """
        if has_blocked_words(texts, self.limits) and not is_allowed(inputs, self.run_dir):
            raise PictureError("prompt_refused", REFUSED)

    def begin(self, pending: PendingRequest) -> None:
        """Have a request drawn, unless an equal one is being drawn already."""
        chunks = self.count_chunks(pending.rows[0])
        request_id = pending.inputs.request_id
        with self.lock:
            if request_id in self.dropped:
                raise PictureError("cancelled", CANCELLED)
            if pending.key is not None and pending.key in self.equal:
                self.equal[pending.key].append(pending)
                return
            model, work = pending.inputs.caller, pending.request.work
            limit = self.limits.model_work
            if limit and self.work[model] and self.work[model] + work > limit:
                raise PictureError("busy", "this model has too much work waiting, try again")
            self.work[model] += work
            if pending.key is not None:
                self.equal[pending.key] = []
        received = pending.inputs.received
        self.engine.submit(
            Job(
                rows=pending.rows,
                chunks=chunks,
                user=pending.user,
                done=lambda job: self.hand_over(pending, job),
                deadline=received + self.limits.seconds,
                received=received,
                request_id=request_id,
            )
        )
        if request_id in self.dropped:  # since the look above
            self.engine.drop(request_id)

    def hand_over(self, pending: PendingRequest, job: Job) -> None:
        """Leave the engine's thread with a job that has ended."""
        self.writing.submit(self.write, pending, job)

    def write(self, pending: PendingRequest, job: Job) -> None:
        """Check and write a job's pictures, and answer every request that waits for them."""
        try:
            result: Answer | PictureError = job.error or self.make(pending, job)
        except PictureError as error:
            result = error
        except Exception as error:  # noqa: BLE001 (any error fails only this request)
            result = self.explain(error, pending.job_ids)
        if isinstance(result, Answer):
            if self.adapters.erased & result.job_ids:  # erased while the file was written
                result = erased_error()
            elif not pending.excepted:
                self.answers.put(pending.key, result)
        with self.lock:
            equal = self.equal.pop(pending.key, []) if pending.key is not None else []
            self.work[pending.inputs.caller] -= pending.request.work
            if self.work[pending.inputs.caller] <= 0:
                del self.work[pending.inputs.caller]
        self.finish(pending.inputs, pending.lease, result, self.values_of(pending, job))
        for other in equal:
            if pending.excepted:  # each request is let through, or not, by itself
                self.parsing.submit(self.restart, other)
            else:
                self.follow(other, result)

    def follow(self, pending: PendingRequest, result: Answer | PictureError) -> None:
        """Answer a request as its equal was answered."""
        if isinstance(result, Answer):
            info = result.info.model_copy(update={"cached": True})
            again = replace(result, info=info)
            self.finish(pending.inputs, pending.lease, again, {"AnswerHits": 1})
        elif result.code in GIVEN_UP:  # the other caller had gone, or that one's time was over
            self.parsing.submit(self.restart, pending)
        else:
            self.finish(pending.inputs, pending.lease, result, {})

    def restart(self, pending: PendingRequest) -> None:
        """Have a request drawn whose equal was not."""
        try:
            self.begin(pending)
        except PictureError as error:
            self.finish(pending.inputs, pending.lease, error, {"Refused": 1})

    def make(self, pending: PendingRequest, job: Job) -> Answer:
        """Return the answer with the pictures of a job.

        Raises:
            PictureError: a stage of the safety checks withholds a picture.
        """
        images = [to_image(job.pictures[index]) for index in range(len(job.rows))]
        with self.checking:
            verdicts = self.checker.check(images)
        if found := figures_of(verdicts):
            emit(found)
        if any(verdict.unsafe for verdict in verdicts):
            pending.excepted = is_excepted(pending, self.run_dir)
            if not pending.excepted:
                raise PictureError("unsafe_picture", "the safety checker refused the picture")
        info = describe(pending, self.card, time.monotonic() - pending.taken)
        answer, unwatermarked = make_answer(pending, images, info, self.marker)
        with self.lock:
            self.unwatermarked += unwatermarked
        return answer

    def explain(self, error: Exception, job_ids: set[str]) -> PictureError:
        """Log an unforeseen error, and return ours; its own text could repeat a prompt."""
        if is_shortage(error):
            return out_of_memory_error()
        log_failure(error, job_ids)
        return PictureError("generation_failed", "the picture could not be encoded")

    def finish(
        self,
        inputs: Inputs,
        lease: Lease,
        result: Answer | PictureError,
        values: dict[str, float],
    ) -> None:
        """Answer one request, and write its line of metrics."""
        lease.release()
        if isinstance(result, Answer):
            record_use(self.run_dir, result.job_ids)
        result = self.deliver(inputs, result)
        with self.lock:
            self.unanswered -= 1
            self.open.discard(inputs.request_id)
            self.dropped.discard(inputs.request_id)
        self.report({"Requests": 1, **values})
        inputs.reply(result)

    def deliver(self, inputs: Inputs, result: Answer | PictureError) -> Answer | PictureError:
        """Return what the caller gets: large pictures are stored, and the answer has links.

        An error here costs no drawing: the same request gets the pictures from memory.
        """
        if not isinstance(result, Answer) or result.size <= MAX_INLINE_BYTES:
            return result
        try:
            owner = Owner(read_tenant(inputs.caller), result.job_ids)
            return self.store(result, owner) if self.bucket.takes(owner) else result
        except NotStoredError:
            return PictureError("busy", "the pictures could not be stored in S3, try again")
        except Exception as error:  # noqa: BLE001 (any error fails only this request)
            return self.explain(error, set(result.job_ids))

    def store(self, answer: Answer, owner: Owner) -> Answer | PictureError:
        """Return an answer with links to its pictures."""
        files = [base64.b64decode(picture) for picture in answer.pictures]
        stored = self.bucket.store(files, answer.kind, owner)
        if self.adapters.erased & answer.job_ids:  # its erasure may have looked there already
            self.bucket.forget(stored)
            return erased_error()
        info = answer.info.model_copy(update={"stored": tuple(one.uri for one in stored)})
        return replace(answer, pictures=tuple(one.link.encode() for one in stored), info=info)

    def values_of(self, pending: PendingRequest, job: Job) -> dict[str, float]:
        """Return the metrics of a job."""
        now = time.monotonic()
        begun = job.first_tick if job.first_tick is not None else now
        dropped = job.error is not None and job.error.code in GIVEN_UP
        return {
            "Pictures": len(job.pictures) if job.error is None else 0,
            "RequestSeconds": round(now - pending.inputs.received, 3),
            "WaitSeconds": round(begun - job.received, 3),
            "Overflows": job.overflows,
            "DegeneratePictures": job.degenerate,
            "Dropped": int(dropped),
            "WastedSteps": job.steps if dropped else 0,
        }

    def report(self, values: dict[str, float]) -> None:
        """Write one line of metrics: a request's own, and what has changed since the last line."""
        adapters, counts = self.adapters, self.engine.counts
        activation = adapters.seconds + self.engine.artist.activation_seconds
        with self.lock:
            now = (adapters.hits, adapters.misses, counts.shortages, activation)
            hits, misses, shortages, before = self.reported
            self.reported = now
            waiting = self.unanswered
            unwatermarked, self.unwatermarked = self.unwatermarked, 0
        emit(
            {
                "Pictures": 0,
                "Refused": 0,
                "AnswerHits": 0,
                **values,
                "ActivationMilliseconds": round(1e3 * (activation - before), 3),
                "AdapterHits": now[0] - hits,
                "AdapterMisses": now[1] - misses,
                "MemoryShortages": now[2] - shortages,
                "AdaptersResident": len(adapters.resident),
                "AdapterBytes": adapters.resident_bytes,
                "RequestsInBase": waiting,
                "Unwatermarked": unwatermarked,
            }
        )


def check_work(work: float, limit: float) -> None:
    """Refuse a request that asks for more than the operator allows."""
    if limit and work > limit:
        text = (
            "width x height x num_inference_steps x num_images_per_prompt: this endpoint draws at"
            f" most {limit:g} million a request"
        )
        raise PictureError("over_budget", text)


def has_blocked_words(texts: Sequence[str], limits: Limits) -> bool:
    """Return whether a prompt, with its style, has a word or name that the operator blocks.

    It is asked for each request, before any cache: whoever asks gets the same answer.
    """
    blocked, names = limits.blocked_words, limits.blocked_names
    return any(has_blocked(text, blocked) or has_name(text, names) for text in texts)


def is_allowed(inputs: Inputs, run_dir: Path) -> bool:
    """Return whether a granted appeal lets the model's tenant draw these prompts, in any style."""
    owner, known = read_tenant(inputs.caller), listed(run_dir, ALLOWED)
    if owner is None or not known:
        return False
    texts = [inputs.prompt.decode(), inputs.negative_prompt.decode()]
    return marker_of(owner, hash_of_texts(owner, texts)) in known


def is_excepted(pending: PendingRequest, run_dir: Path) -> bool:
    """Return whether a granted appeal lets the pictures of this very request through."""
    inputs, request = pending.inputs, pending.request
    owner, known = read_tenant(inputs.caller), listed(run_dir, ALLOWED)
    if owner is None or pending.owner is None or not known:
        return False
    image = request.image
    drawn_from = WithheldPicture.of(
        pending.owner.sha256,
        request.arguments,
        image.sha256 if image else None,
        image.mask_sha256 if image else None,
    )
    prompts = [inputs.prompt.decode(), inputs.negative_prompt.decode()]
    return marker_of(owner, hash_of_picture(owner, prompts, drawn_from.text)) in known
