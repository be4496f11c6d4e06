"""The face finder's child process, on photos of real people."""

from collections.abc import Iterator
from contextlib import closing
from math import dist

import pytest

from bench.people import eyes
from contracts.errors import DecoderBrokenError
from contracts.shared.people.thresholds import DEFAULTS
from runtime.imaging import photo_child
from runtime.imaging.faces import ChildFaceFinder
from tests.fakes.people import ASTRONAUT, PRESIDENT, photo, png


@pytest.fixture
def finder() -> Iterator[ChildFaceFinder]:
    with closing(ChildFaceFinder()) as found:
        yield found


def test_people_are_told_apart_and_an_empty_photo_has_no_face(finder: ChildFaceFinder) -> None:
    names = (PRESIDENT[0], PRESIDENT[2], ASTRONAUT)
    one, same, other = (finder.find(png(photo(name))) or () for name in names)
    assert dist(one[0].embedding, same[0].embedding) < DEFAULTS.max_person_distance
    assert dist(one[0].embedding, other[0].embedding) > DEFAULTS.max_person_distance
    assert finder.find(png(photo(ASTRONAUT).crop((0, 260, 300, 512)))) == ()
    assert 0 < finder.seconds < 120


def test_open_eyes_are_told_from_closed_and_covered_ones(finder: ChildFaceFinder) -> None:
    least = DEFAULTS.min_iris_contrast
    for name in (PRESIDENT[2], ASTRONAUT):
        small = photo(name)
        small.thumbnail((512, 512))
        changes = (small, eyes.closed(small), eyes.covered(small))
        open_, closed, covered = (finder.find(png(one)) or () for one in changes)
        assert open_[0].iris_contrast > least + 0.03
        assert closed[0].iris_contrast < least - 0.03
        assert covered[0].iris_contrast == 0


def test_what_is_no_photo_ends_the_child_but_not_the_search(finder: ChildFaceFinder) -> None:
    assert finder.find(b"no photo") is None
    assert len(finder.find(png(photo(ASTRONAUT))) or ()) == 1


def test_a_finder_that_does_not_start_says_so(
    finder: ChildFaceFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = {"PYTHONHOME": "/nowhere"}
    monkeypatch.setattr(photo_child, "environment_of_child", nowhere.copy)
    with pytest.raises(DecoderBrokenError):
        finder.find(b"")


def test_a_finder_that_was_begun_early_finds_and_one_near_its_limit_is_replaced(
    finder: ChildFaceFinder,
) -> None:
    finder.begin()
    finder.begin()
    assert len(finder.find(png(photo(ASTRONAUT))) or ()) == 1
    finder.close_after(10_000)
    first = finder.seconds
    finder.close_after(0)
    assert len(finder.find(png(photo(ASTRONAUT))) or ()) == 1
    assert finder.seconds > first, "the seconds of both children count"
