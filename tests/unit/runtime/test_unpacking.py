"""An archive is unpacked by a child: how it starts, what it is given, and what its end means."""

import io
import tarfile

import pytest

from contracts.errors import ArchiveRefusedError, DecoderBrokenError
from contracts.shared.limits import MAX_ARCHIVE_SECONDS
from domain.ports.archives import Archives, Member
from runtime.imaging.unpacking import ChildArchives
from tests.fakes.intake import PlainArchives
from tests.unit.domain.test_archives import FILES, tarred, zipped
from tests.unit.runtime.conftest import Script


@pytest.fixture(params=[ChildArchives, PlainArchives])
def archives(request: pytest.FixtureRequest) -> Archives:
    kind: type[Archives] = request.param
    return kind()


def files_of(archives: Archives, body: bytes) -> list[Member]:
    with archives.open(body) as opened:
        return list(opened.members())


def refusal(archives: Archives, body: bytes = b"x" * 600) -> dict[str, object]:
    with pytest.raises(ArchiveRefusedError) as caught:
        files_of(archives, body)
    return dict(caught.value.facts)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_the_headers_are_known_before_the_files_come(archives: Archives, pack: object) -> None:
    body = pack(FILES)  # type: ignore[operator]
    with archives.open(body) as opened:
        assert {header.name: header.size for header in opened.headers} == {
            name: len(data) for name, data in FILES.items()
        }
        assert {member.name: member.body for member in opened.members()} == FILES


def test_what_is_refused_keeps_its_code_and_reason(archives: Archives) -> None:
    assert refusal(archives, zipped({"../x": b"y"})) == {"code": "archive_unsafe", "reason": "name"}
    assert refusal(archives) == {"code": "archive_damaged"}


def test_damage_within_a_file_is_told_when_the_file_comes(archives: Archives) -> None:
    whole = zipped({"a.jpg": b"fine", "b.jpg": bytes(range(256)) * 40})
    at = whole.rindex(b"b.jpg", 0, whole.index(b"PK\x01\x02")) + 20
    body = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
    with archives.open(body) as opened:
        files = opened.members()
        assert next(files).body == b"fine"
        with pytest.raises(ArchiveRefusedError, match="archive_damaged"):
            next(files)


def test_an_archive_larger_than_a_pipe_comes_through() -> None:
    large = {f"{n}.jpg": bytes([n]) * 300_000 for n in range(8)}
    assert {m.name: m.body for m in files_of(ChildArchives(), tarred(large, "w"))} == large


def test_who_takes_one_file_only_leaves_no_child_behind() -> None:
    archives = ChildArchives()
    with archives.open(zipped({f"{n}": bytes(200_000) for n in range(20)})) as opened:
        next(opened.members())
    assert archives.seconds > 0


def test_the_archives_of_an_upload_share_their_time() -> None:
    archives = ChildArchives()
    archives.seconds = MAX_ARCHIVE_SECONDS - 0.5
    assert refusal(archives) == {"code": "archive_too_complex", "reason": "time"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("exit 127", "status 127"),
        ("kill -9 $$", "status -9"),
        ("echo cannot map libz.so >&2; exit 1", "cannot map libz.so"),
        ("echo; echo words of a file >&2; exit 1", "status 1"),
        ("exec sleep 60", "did not start within 0.5 s"),
    ],
)
def test_a_child_that_never_read_the_archive_judges_none(
    program: Script, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    monkeypatch.setattr("runtime.imaging.unpacking.WAIT_SECONDS", 0.5 if "sleep" in body else 60)
    program.write(body)
    with pytest.raises(DecoderBrokenError) as caught:
        files_of(ChildArchives(), bytes(300_000))
    assert reason in str(caught.value.facts["reason"])
    assert "words of a file" not in str(caught.value.facts["reason"])


@pytest.mark.parametrize(
    ("body", "reason"), [("echo; kill -9 $$", "killed"), ("echo; exec sleep 60", "time")]
)
def test_a_child_that_a_limit_ends_refuses_the_archive(
    program: Script, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    monkeypatch.setattr("runtime.imaging.unpacking.WAIT_SECONDS", 5 if "sleep" in body else 60)
    program.write(body)
    assert refusal(ChildArchives()) == {"code": "archive_too_complex", "reason": reason}


def test_no_secret_reaches_the_child(program: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = program.path.with_name("seen")
    program.write(f"/usr/bin/env > {seen}; exit 1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(DecoderBrokenError):
        files_of(ChildArchives(), b"")
    assert "secret" not in seen.read_text()


def test_a_header_that_asks_for_memory_is_refused_before_it_is_read(archives: Archives) -> None:
    """The pax header of case I5: a small gzip whose one header unpacks to hundreds of megabytes."""
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {"comment": "x" * 1_000_001}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    wanted = {"code": "archive_too_complex", "reason": "extension"}
    assert refusal(archives, out.getvalue()) == wanted
