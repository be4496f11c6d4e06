"""The multi-user step: K users' adapters are trained in one forward pass of the shared base.

Each example goes through its own user's adapter. The loss is a sum over users and clipping is per
user, so the gradients equal those of K separate runs. Seeds, photos, prompts and alpha may differ
between users; the options that shape a step must be equal.

A batch has K x B examples: B of each user, user after user.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import TypeAlias

import torch
from torch import Tensor

from trainer.examples.batches import Batch, draw_batch
from trainer.model.base import Base
from trainer.model.grouped_lora import adapter_of, attach, detach
from trainer.model.text import EncodedPrompts
from trainer.optimisation.checkpoint import Progress, TrainingState
from trainer.optimisation.loop import raise_if_untrained, training_mode
from trainer.optimisation.losses import example_losses, user_loss
from trainer.optimisation.step import OptimizerStep, StepStats, clip_per_user, divergence_at
from trainer.optimisation.training_run import RunTracker, TrainingOutcome, TrainingRun
from trainer.process.results import PreemptedError, TrainingError
from trainer.process.time_limit import TimeLimit

UserResult: TypeAlias = tuple[TrainingOutcome, dict[str, Tensor]] | TrainingError
"""How one user's training ended and its weights; its failure when there are none."""


def train_users(base: Base, runs: list[TrainingRun], limit: TimeLimit) -> list[UserResult]:
    """Train users whose recipes can share a step.

    Raises:
        PreemptedError: SIGTERM has come, and every user's checkpoint was saved.
    """
    network, recipe = base.network, runs[0].recipe
    weights = attach(network, base.denoiser.name, [run.recipe for run in runs])
    try:
        stepper = OptimizerStep(recipe, weights, base.dtype, clip_per_user)
        progresses = resume(runs, stepper)
        trackers = [RunTracker(run, own) for run, own in zip(runs, progresses, strict=True)]
        texts = [run.examples.encode_frozen(base) for run in runs]
        with training_mode(base, {}, recipe, texts) as frozen, ExitStack() as stack:
            for tracker in trackers:
                stack.enter_context(closing(tracker))
            _train_steps(base, trackers, frozen, stepper, limit)
        return [_result_of(tracker, stepper, user) for user, tracker in enumerate(trackers)]
    finally:
        detach(network)


def _train_steps(
    base: Base,
    trackers: list[RunTracker],
    frozen: list[EncodedPrompts],
    stepper: OptimizerStep,
    limit: TimeLimit,
) -> None:
    """Do the remaining steps, until all users have diverged or the time is over."""
    runs = [tracker.run for tracker in trackers]
    for step in range(trackers[0].resumed_from, runs[0].recipe.steps):
        if limit.training_is_over or all(own.diverged_at is not None for own in trackers):
            return
        started = time.monotonic()
        losses = compute_gradients(base, runs, frozen, stepper, step)
        stats = stepper.apply(step, losses)
        _record(trackers, stats, stepper, (time.monotonic() - started) / len(runs))
        preempted = limit.preempted
        _save_if_due(trackers, stepper, preempted=preempted)
        if preempted:
            raise PreemptedError


def compute_gradients(
    base: Base,
    runs: list[TrainingRun],
    frozen: list[EncodedPrompts],
    stepper: OptimizerStep,
    step: int,
) -> Tensor:
    """Compute the gradients of all users' adapters; return each user's loss, (K,)."""
    batch, prompts = draw_group_batch(base, runs, frozen, step)
    losses = example_losses(base, runs[0].recipe, batch, prompts).view(len(runs), -1)
    own_losses = zip(losses, runs, strict=True)
    per_user = torch.stack([user_loss(own, run.recipe) for own, run in own_losses])
    stepper.scale(per_user.sum()).backward()
    return per_user.detach()


def _record(
    trackers: list[RunTracker], stats: list[StepStats], stepper: OptimizerStep, seconds: float
) -> None:
    """Report a step of every user; a user that diverges takes no further part."""
    for tracker, own in zip(trackers, stats, strict=True):
        if tracker.diverged_at is not None:
            continue
        if own.diverged:
            tracker.diverged_at = tracker.progress.step
        else:
            images = tracker.run.recipe.examples_per_batch
            tracker.record(own, seconds, images, stepper.learning_rate)


def _save_if_due(trackers: list[RunTracker], stepper: OptimizerStep, *, preempted: bool) -> None:
    for user, tracker in enumerate(trackers):
        is_due = preempted or tracker.run.checkpoint_is_due(tracker.progress.step)
        if is_due and tracker.diverged_at is None:
            tracker.run.save(state_of(stepper.state_dict(tracker.progress), user))


def _result_of(tracker: RunTracker, stepper: OptimizerStep, user: int) -> UserResult:
    """Return a user's weights; after a divergence, those of its newest worthwhile checkpoint."""
    if tracker.diverged_at is None:
        try:
            raise_if_untrained(tracker.progress)
        except TrainingError as error:
            return error
        return tracker.outcome(), adapter_of(stepper.weights, user)
    state = tracker.run.load_worthwhile()
    if state is None:
        return divergence_at(tracker.diverged_at)
    tracker.progress = state.progress
    return tracker.outcome(), state.adapter()


def resume(runs: list[TrainingRun], stepper: OptimizerStep) -> list[Progress]:
    """Restore the users' checkpoints if all are of one step; else all users begin at step 0."""
    found = [state for run in runs if (state := run.load()) is not None]
    steps = {state.progress.step for state in found}
    if len(found) < len(runs) or len(steps) > 1:
        return [Progress.none() for _ in runs]
    stepper.load_state(stack_states(found))
    return [state.progress for state in found]


def state_of(state: TrainingState, user: int) -> TrainingState:
    """Return one user's part of a stacked state; a single run can resume from it as well."""
    own = {key: tensor[user] if tensor.ndim else tensor for key, tensor in state.tensors.items()}
    return TrainingState(state.progress, own, state.numbers)


def stack_states(states: list[TrainingState]) -> TrainingState:
    """Return the states of all users stacked, with the first user's progress."""
    first = states[0]
    tensors = {
        key: torch.stack([state.tensors[key] for state in states]) if own.ndim else own
        for key, own in first.tensors.items()
    }
    return TrainingState(first.progress, tensors, first.numbers)


def draw_group_batch(
    base: Base, runs: Sequence[TrainingRun], texts: list[EncodedPrompts], index: int
) -> tuple[Batch, EncodedPrompts]:
    """Return the users' batches one after the other, and the encoded prompt of each example."""
    timestep_count, device = base.objective.timestep_count, base.device
    batches = [draw_batch(run.recipe, run.examples, index, timestep_count) for run in runs]
    prompts = [text.rows(b.rows.to(device)) for text, b in zip(texts, batches, strict=True)]
    batch = Batch(
        torch.cat([b.latents for b in batches]),
        torch.cat([b.noise for b in batches]),
        torch.cat([b.timesteps for b in batches]),
        torch.cat([b.rows for b in batches]),
        weights=_join_weights(batches),
        time_ids=torch.cat([b.time_ids for b in batches if b.time_ids is not None]),
    )
    return batch, EncodedPrompts.join(prompts)


def _join_weights(batches: list[Batch]) -> Tensor | None:
    """Return the loss weights of all users; None when all weights are equal."""
    if all(batch.weights is None for batch in batches):
        return None
    return torch.cat(
        [
            batch.latents.new_ones(len(batch.latents), 1, *batch.latents.shape[2:])
            if batch.weights is None
            else batch.weights
            for batch in batches
        ]
    )
