"""Which queued jobs are trained next, and with whom: by age, tenant and quota."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from contracts.documents.capacity import CapacityChoice, StepShape
from contracts.documents.money import Estimate
from contracts.documents.record import JobRecord
from domain.training.planning import (
    LaunchOrder,
    PlanningRules,
    batch_size,
    choose_launches,
    fair_order,
)
from tests.unit.training_kit import job_id, record

QUOTA_1, QUOTA_2 = PlanningRules(quota=1), PlanningRules(quota=2)
TOGETHER = PlanningRules(quota=2, max_batch=10)


def leaders(orders: Sequence[LaunchOrder]) -> list[str]:
    return [order.jobs[0].job_id for order in orders]


def training(job: JobRecord, name: str) -> JobRecord:
    return job.model_copy(update={"queue": "training", "training_job_name": name})


def test_the_oldest_job_is_first() -> None:
    orders = choose_launches([record(2, minute=5), record(1, minute=1)], [], QUOTA_2)
    assert leaders(orders) == [job_id(1), job_id(2)]


def test_no_more_run_than_the_quota_allows() -> None:
    running = [training(record(9), "likeness-9-1")]
    assert len(choose_launches([record(1), record(2), record(3)], running, QUOTA_2)) == 1


def test_jobs_of_one_training_job_use_one_slot() -> None:
    running = [training(record(number), "likeness-8-1") for number in (8, 9)]
    assert len(choose_launches([record(1), record(2)], running, QUOTA_2)) == 1


def test_a_full_quota_starts_nothing() -> None:
    assert choose_launches([record(1)], [training(record(9), "likeness-9-1")], QUOTA_1) == []


def test_one_upload_does_not_wait_for_another_tenants_eight_hundred() -> None:
    many = [record(number, "big") for number in range(800)]
    late = record(1000, "small", minute=9)
    assert leaders(choose_launches([*many, late], [], QUOTA_2)).index(late.job_id) == 1


def test_a_tenant_with_jobs_in_training_lets_others_go_first() -> None:
    running = [training(record(9, "big"), "likeness-9-1")]
    orders = choose_launches([record(1, "big"), record(2, "small", minute=9)], running, QUOTA_2)
    assert leaders(orders) == [job_id(2)]


def test_a_single_job_is_its_own_plan_so_that_its_next_attempt_finds_its_checkpoints() -> None:
    first, again = (
        choose_launches([record(1)], [], QUOTA_1)[0],
        choose_launches([record(1, attempt=1)], [], QUOTA_1)[0],
    )
    assert first.plan_id == again.plan_id == job_id(1)
    assert first.training_job_name != again.training_job_name


def test_names_fit_sagemakers_63_characters() -> None:
    order = choose_launches([record(2**100, attempt=9998)], [], QUOTA_1)[0]
    assert len(order.training_job_name) <= 63


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=60))
def test_every_queued_job_gets_its_turn_once(drawn: list[tuple[int, int]]) -> None:
    queued = [record(n, f"t{tenant}", minute) for n, (tenant, minute) in enumerate(drawn)]
    rounds = [job.job_id for job in fair_order(queued, Counter())]
    assert sorted(rounds) == [job.job_id for job in queued]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_while_two_tenants_wait_their_turns_differ_by_at_most_one(drawn: list[int]) -> None:
    queued = [record(number, f"t{tenant}") for number, tenant in enumerate(drawn)]
    waiting, served = Counter(job.tenant for job in queued), Counter[str]()
    for job in fair_order(queued, Counter()):
        served[job.tenant] += 1
        others = [served[tenant] for tenant in waiting if served[tenant] < waiting[tenant]]
        assert not others or served[job.tenant] - min(others) <= 1


def test_the_name_of_a_training_job_says_what_its_jobs_have_in_common() -> None:
    """The tags say the rest; captions have no steps, and users may differ in theirs."""
    known = Estimate(steps=1200, seconds=600, usd=None)
    jobs = [record(number).model_copy(update={"estimate": known}) for number in (1, 2)]
    other = jobs[1].model_copy(update={"estimate": known.model_copy(update={"steps": 900})})
    captioned = jobs[0].model_copy(update={"stage": "CaptionPhotos"})
    named = [
        LaunchOrder(job_id(1), 3, tuple(users)).training_job_name.removeprefix("likeness-")
        for users in (jobs[:1], jobs, [jobs[0], other], [captioned], [record(1)])
    ]
    ends = ("1200steps", "1200steps-2users", "2users", "captions", "")
    assert named == ["-".join(filter(None, (f"{job_id(1)}-3", end))) for end in ends]


def test_few_are_trained_each_for_itself() -> None:
    orders = choose_launches([record(n) for n in range(4)], [], TOGETHER)
    assert [len(order.jobs) for order in orders] == [1, 1]


def test_many_are_trained_together() -> None:
    orders = choose_launches([record(n) for n in range(40)], [], TOGETHER)
    assert [len(order.jobs) for order in orders] == [10, 10]


def test_nobody_waits_to_fill_a_batch() -> None:
    assert [len(order.jobs) for order in choose_launches([record(1)], [], TOGETHER)] == [1]


def test_a_training_job_has_one_base() -> None:
    bases = ("one", "other")
    queued = [record(n).model_copy(update={"base_id": bases[n % 2]}) for n in range(40)]
    for order in choose_launches(queued, [], TOGETHER):
        assert len(order.jobs) > 1
        assert len({job.base_id for job in order.jobs}) == 1


def test_a_job_whose_batch_broke_is_trained_by_itself() -> None:
    broken = record(0).model_copy(update={"alone": True})
    orders = choose_launches([broken, *(record(n, minute=1) for n in range(1, 40))], [], TOGETHER)
    assert [job.job_id for job in orders[0].jobs] == [broken.job_id]
    assert len(orders[1].jobs) == 10


def test_a_batch_has_a_name_that_none_of_its_jobs_had() -> None:
    jobs = [record(n, attempt=n % 5) for n in range(40)]
    order = choose_launches(jobs, [], TOGETHER)[0]
    assert order.attempt == 1 + max(job.attempt for job in order.jobs)
    assert order.plan_id not in {job.job_id for job in jobs}


# --- users of one step, and training jobs of several instances ---------------------------------

GROUPS = ("a" * 16, "b" * 16)
SHAPE = StepShape(group=GROUPS[0], tflop=0.1, base_bytes=0, user_bytes=1, launch_seconds=0.1)
IN_FOURS = PlanningRules(quota=1, max_batch=20, users_per_step=lambda _: 4)
MANY = PlanningRules(quota=80, max_batch=10, max_instances=5)


def shaped(number: int, group: str | None, seconds: int = 300) -> JobRecord:
    """A queued job whose recipe and estimated time are known."""
    estimate = Estimate(steps=10, seconds=seconds, usd=1)
    shape = SHAPE.model_copy(update={"group": group})
    return record(number).model_copy(update={"step_shape": shape, "estimate": estimate})


def test_users_that_can_share_a_step_come_into_one_training_job() -> None:
    (order,) = choose_launches([shaped(n, GROUPS[0]) for n in range(4)], [], IN_FOURS)
    assert (len(order.jobs), order.users_per_step) == (4, 4)
    (apart,) = choose_launches([shaped(n, None) for n in range(4)], [], IN_FOURS)
    assert (len(apart.jobs), apart.users_per_step) == (2, 1)


def test_users_of_one_step_stand_side_by_side() -> None:
    queued = [shaped(n, GROUPS[n % 2], 300 + n % 2) for n in range(8)]
    (order,) = choose_launches(queued, [], IN_FOURS)
    groups = [str(job.step_shape.group) for job in order.jobs if job.step_shape is not None]
    assert groups == sorted(groups)


def test_a_step_has_no_more_users_than_every_group_of_the_training_job_may_have() -> None:
    def allowed(job: JobRecord) -> int:
        return 3 if job.step_shape is not None and job.step_shape.group == GROUPS[0] else 2

    rules = PlanningRules(quota=1, max_batch=20, users_per_step=allowed)
    (order,) = choose_launches([shaped(n, GROUPS[n % 2]) for n in range(16)], [], rules)
    assert order.users_per_step == 2
    (single,) = choose_launches([shaped(n, GROUPS[n]) for n in range(2)], [], rules)
    assert single.users_per_step == 1


def test_jobs_of_like_length_come_together() -> None:
    queued = [shaped(n, None, 300 + 1000 * (n % 2)) for n in range(40)]
    orders = choose_launches(queued, [], PlanningRules(quota=2, max_batch=10))
    lengths = [{job.estimate.seconds for job in order.jobs if job.estimate} for order in orders]
    assert sorted(map(sorted, lengths)) == [[300], [1300]]


def test_a_large_backlog_gets_several_instances_with_a_request() -> None:
    orders = choose_launches([record(n) for n in range(2000)], [], MANY)
    assert {order.instances for order in orders} == {2}
    assert sum(order.instances for order in orders) == MANY.quota
    assert all(sum(order.shares) == len(order.jobs) for order in orders)
    assert all(max(order.shares) <= MANY.max_batch for order in orders)


def test_a_small_backlog_gets_single_instances() -> None:
    orders = choose_launches([record(n) for n in range(2 * MANY.quota - 1)], [], MANY)
    assert {order.instances for order in orders} == {1}


def test_all_instances_of_a_training_job_count_in_the_quota() -> None:
    chosen = CapacityChoice(capacity="warm", reason="one_user", users=9, instances=79)
    running = [
        training(record(number), "likeness-9-1").model_copy(update={"capacity": chosen})
        for number in (5000, 5001)
    ]
    orders = choose_launches([record(n) for n in range(2000)], running, MANY)
    assert [order.instances for order in orders] == [1]
    full = [job.model_copy(update={"training_job_name": "likeness-8-1"}) for job in running]
    assert choose_launches([record(1)], [*running, *full], MANY) == []


@given(st.integers(0, 400), st.integers(1, 120), st.integers(1, 9), st.integers(1, 9))
def test_no_round_uses_more_instances_than_are_free_nor_a_job_twice(
    waiting: int, quota: int, max_batch: int, max_instances: int
) -> None:
    rules = PlanningRules(quota, max_batch, max_instances, users_per_step=lambda _: 4)
    queued = [shaped(n, [*GROUPS, None][n % 3], 300 + n) for n in range(waiting)]
    orders = choose_launches(queued, [], rules)
    assert sum(order.instances for order in orders) <= quota
    launched = [job.job_id for order in orders for job in order.jobs]
    assert len(set(launched)) == len(launched)
    assert bool(orders) == bool(waiting)
    for order in orders:
        assert order.instances <= max_instances
        assert max(order.shares, default=len(order.jobs)) <= max_batch
        assert min(order.shares, default=1) >= 1


@given(st.integers(1, 10_000), st.integers(1, 100))
def test_a_round_takes_half_of_the_queue_so_that_instances_finish_together(
    waiting: int, quota: int
) -> None:
    size = batch_size(waiting, PlanningRules(quota=quota, max_batch=10_000))
    assert size == 1 or size * min(quota, 40) <= waiting / 2 + quota
