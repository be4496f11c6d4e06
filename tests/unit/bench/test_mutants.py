"""The tool that tests the tests: what it makes, what it counts, and what it forgives."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.mutants import named, scratch
from bench.mutants.__main__ import Tally, rooms_with, stale_figure, sums, tally_of
from bench.mutants.generated import Verdicts, forget_data, forget_survivors, verdicts_of
from bench.mutants.named import NamedMutant, NamedMutantError, check_fragment, outcome_of, run_tests
from bench.mutants.rooms import ROOMS, ROOT, Room, chosen_rooms
from bench.mutants.sample import drawn
from bench.mutants.scratch import remove_others, tree_files
from bench.mutants.survivors import Change, as_toml, change_of, find_stale, read_reasons

DIFF = """--- src/domain/pricing/prices.py
+++ src/domain/pricing/prices.py
@@ -1,3 +1,3 @@
 def cost_usd(a):
-    return a / 3600
+    return a * 3600
"""
CHANGE = Change("prices.py", "cost_usd", "return a / 3600", "return a * 3600")
ROOM = chosen_rooms("domain/pricing")[0]


def mutant(**changes: object) -> NamedMutant:
    entry = {
        "name": "a rule is turned round",
        "why": "money",
        "file": "rule.py",
        "old": "a > 1",
        "new": "a < 1",
        "tests": ("test_rule.py",),
    }
    return NamedMutant(**(entry | changes))  # type: ignore[arg-type]


def test_a_room_is_chosen_by_its_name_or_by_the_beginning_of_it() -> None:
    assert [room.name for room in chosen_rooms("domain/pricing")] == ["domain/pricing"]
    assert {room.name.split("/")[0] for room in chosen_rooms("domain")} == {"domain"}
    assert chosen_rooms(None) == list(ROOMS)
    with pytest.raises(LookupError, match="the rooms: domain/pricing"):
        chosen_rooms("dom")


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_pattern_of_a_room_finds_files_and_its_tests_are_there(room: Room) -> None:
    assert all(list((ROOT / room.tree).glob(pattern)) for pattern in room.files)
    assert all((ROOT / test.partition("::")[0]).exists() for test in room.tests)


def test_every_folder_of_the_domain_is_a_room() -> None:
    folders = {path.name for path in (ROOT / "functions" / "domain").iterdir() if path.is_dir()}
    rooms = {room.name.removeprefix("domain/") for room in chosen_rooms("domain")}
    assert rooms == {folder for folder in folders if not folder.startswith("__")}


def test_every_test_of_the_domain_is_of_a_room() -> None:
    tests = {test for room in chosen_rooms("domain") for test in room.tests}
    assert {test for test in tests if test.startswith("tests/unit/domain/")} == {
        str(path.relative_to(ROOT)) for path in (ROOT / "tests/unit/domain").glob("test_*.py")
    }


def test_only_rooms_in_which_a_file_changed_are_run() -> None:
    changed = {"functions/domain/pricing/prices.py", "README.md"}
    assert [room.name for room in rooms_with(changed, ROOMS)] == ["domain/pricing"]
    assert rooms_with(None, ROOMS) == list(ROOMS)


def test_a_survivor_is_known_by_its_lines_and_not_by_its_number() -> None:
    change = change_of("prices.py", "domain.pricing.prices.x_cost_usd__mutmut_7", DIFF)
    assert change == CHANGE
    method = change_of("cache.py", "serving.cache.xǁCacheǁfind__mutmut_2", DIFF)
    assert method.function == "Cache.find"


def test_what_is_told_of_survivors_can_be_given_a_reason_and_read_again(tmp_path: Path) -> None:
    odd = Change("a.py", "f", 'say("\\n")\nx = "ö"', "say(None)")
    file = tmp_path / "survivors.toml"
    file.write_text(as_toml([CHANGE, odd]).replace('reason = ""', 'reason = "a log line"'))
    assert read_reasons(file) == {CHANGE: "a log line", odd: "a log line"}


def test_a_survivor_without_a_reason_is_not_explained(tmp_path: Path) -> None:
    file = tmp_path / "survivors.toml"
    file.write_text(as_toml([CHANGE]))
    with pytest.raises(ValueError, match="without a reason"):
        read_reasons(file)


def test_every_committed_reason_can_be_read() -> None:
    assert all(reason for reason in read_reasons().values())


def test_an_explanation_whose_function_or_line_is_gone_is_stale_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "def cost_usd(a):\n    return a / 3600\n"
    code += "class Cache:\n    def get(self):\n        return 1\n"
    (tmp_path / "prices.py").write_text(code)
    method = Change("prices.py", "Cache.get", "return 1", "return 2")
    stale = [
        Change("gone.py", "cost_usd", CHANGE.old, CHANGE.new),
        Change("prices.py", "price_usd", CHANGE.old, CHANGE.new),
        Change("prices.py", "cost_usd", "return 1", "return 2"),
    ]
    assert find_stale([CHANGE, method, *stale], tmp_path) == stale
    assert stale_figure([stale[0]]).met is False
    assert "survivors.toml: stale: gone.py: cost_usd: return a / 3600" in capsys.readouterr().out
    assert stale_figure([]).met is True


def test_every_committed_reason_is_about_a_line_that_is_there() -> None:
    assert find_stale(read_reasons()) == []


def test_a_sample_is_the_same_in_every_run_and_changes_little_with_the_code() -> None:
    names = [f"domain.pricing.prices.x_cost_usd__mutmut_{n}" for n in range(200)]
    sample = drawn(names, 20)
    assert len(sample) == 20
    assert drawn(names[::-1], 20) == sample
    assert len(drawn([*names, "domain.pricing.prices.x_new__mutmut_1"], 20) - sample) <= 1
    assert drawn(names, 1000) == drawn(names, None) == set(names)


def test_what_no_test_reaches_counts_as_not_noticed() -> None:
    name = "domain.pricing.prices.x_cost_usd__mutmut_"
    found = [
        {"file": "src/prices.py", "name": f"{name}{n}", "status": status, "diff": DIFF}
        for n, status in enumerate(("killed", "timeout", "no tests", "survived", "not checked"))
    ]
    verdicts = verdicts_of(ROOM, found)
    assert (verdicts.killed, verdicts.not_run, verdicts.total) == (2, 1, 5)
    assert [change.file for change in verdicts.survivors] == ["functions/prices.py"] * 2


def test_an_explained_survivor_does_not_count_and_every_other_one_does() -> None:
    other = Change("prices.py", "cost_usd", "x", "y")
    tally = tally_of(Verdicts(ROOM, 8, (CHANGE, other), 0), {CHANGE: "equal"})
    assert tally == Tally(killed=8, open=1, explained=1, not_run=0)
    assert tally.percent == pytest.approx(100 * 8 / 9)


def test_a_run_that_was_cut_off_does_not_meet_its_target() -> None:
    figures = {figure.name: figure for figure in sums([Tally(9, 0, 0, 5), Tally(9, 2, 0, 0)])}
    assert figures["generated mutants noticed"].met is True
    assert figures["generated mutants not run yet"].met is False


def test_a_document_that_changed_is_copied_anew(tmp_path: Path) -> None:
    for name, text in (("a.json", "new"), ("mutants/a.json", "old"), ("mutants/a.py", "code")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "a.py").write_text("other code")
    forget_data(tmp_path, ["a.json", "a.py", "gone.json"])
    assert not (tmp_path / "mutants/a.json").exists()
    assert (tmp_path / "mutants/a.py").exists(), "mutmut asks it for its functions"


def test_survivors_are_tested_again_and_killed_ones_are_not(tmp_path: Path) -> None:
    meta = tmp_path / "mutants" / "src" / "a.py.meta"
    meta.parent.mkdir(parents=True)
    meta.write_text('{"exit_code_by_key": {"a": 0, "b": 1, "c": 33, "d": null, "e": 24}}')
    forget_survivors(tmp_path)
    assert meta.read_text() == (
        '{"exit_code_by_key": {"a": null, "b": 1, "c": null, "d": null, "e": null}}'
    )


def test_a_copy_holds_no_file_that_the_tree_has_lost(tmp_path: Path) -> None:
    copy, elsewhere = tmp_path / "copy", tmp_path / "elsewhere"
    for path in (copy / "kept.py", copy / "lost.py", copy / "note.txt", elsewhere / "other.py"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (copy / "link").symlink_to(elsewhere)
    remove_others(copy, ["kept.py"])
    assert sorted(path.name for path in copy.iterdir()) == ["kept.py", "link", "note.txt"]
    assert (elsewhere / "other.py").exists(), "a link is not followed"


def test_a_copy_is_of_the_working_tree_without_weights() -> None:
    files = tree_files()
    assert "bench/mutants/named.toml" in files
    assert not [name for name in files if name.endswith(".safetensors")]


@pytest.mark.parametrize(
    ("text", "message"),
    [("a = 1", "holds the fragment 0 times"), ("a > 1 or a > 1", "holds the fragment 2 times")],
)
def test_a_line_that_moved_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rule.py").write_text(text)
    with pytest.raises(NamedMutantError, match=message):
        check_fragment(mutant(), tmp_path)


def test_a_file_or_a_test_that_moved_is_said(tmp_path: Path) -> None:
    with pytest.raises(NamedMutantError, match=r"there is no rule\.py"):
        check_fragment(mutant(), tmp_path)
    (tmp_path / "rule.py").write_text("a > 1")
    with pytest.raises(NamedMutantError, match=r"there is no tests/unit/test_gone\.py"):
        check_fragment(mutant(tests=("tests/unit/test_gone.py",)), tmp_path)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with one rule and a test of its upper side."""
    (tmp_path / "rule.py").write_text(
        "def rule(a):\n    return a > 1\n\n\ndef other():\n    return 0\n"
    )
    (tmp_path / "test_rule.py").write_text(
        "from rule import rule\n\n\ndef test_rule():\n    assert rule(2)\n"
    )
    monkeypatch.setattr(named, "SCRATCH", tmp_path / "copy")
    monkeypatch.setattr(named, "python_of", lambda _: Path(sys.executable))
    return tmp_path


def known(*files: str) -> named.Known:
    return named.Known(files, fresh=False)


def test_a_mistake_that_a_test_notices_is_killed_and_taken_back(copy: Path) -> None:
    before = (copy / "rule.py").read_bytes()
    assert outcome_of(mutant(), copy, known()) == "killed"
    assert (copy / "rule.py").read_bytes() == before


def test_a_mistake_that_no_test_notices_survives(copy: Path) -> None:
    assert outcome_of(mutant(old="return 0", new="return 1"), copy, known()) == "survived"


def test_a_test_that_fails_anyway_has_noticed_nothing(copy: Path) -> None:
    (copy / "rule.py").write_text("def rule(a):\n    return a > 1 and False\n")
    assert outcome_of(mutant(), copy, known()) == "test_fails_without_it"


def test_no_test_at_all_has_noticed_nothing(copy: Path) -> None:
    selected = mutant(tests=("test_rule.py", "-k", "nothing_is_called_so"))
    assert run_tests(selected, copy) != named.PASSED
    assert outcome_of(selected, copy, known()) == "test_fails_without_it"


def test_what_was_killed_is_not_asked_again_until_its_file_or_a_test_changes(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "ROOT", copy)
    files = ("rule.py", "test_rule.py", "other.py")
    (copy / "other.py").touch()
    known(*files).record_kill(mutant())
    assert known(*files).was_killed(mutant())
    assert not known(*files).was_killed(mutant(name="another"))
    assert not named.Known(files, fresh=True).was_killed(mutant())
    (copy / "other.py").write_text("changed = 1")
    assert known(*files).was_killed(mutant())
    for name in ("test_rule.py", "rule.py"):
        before = (copy / name).read_text()
        (copy / name).write_text(before + "\n")
        assert not known(*files).was_killed(mutant())
        (copy / name).write_text(before)
    assert known(*files).was_killed(mutant())


def test_the_command_line_says_what_rooms_there_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.mutants", "--room", "nowhere"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "the rooms: domain/pricing" in done.stderr
