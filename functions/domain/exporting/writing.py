"""Write an archive: stream every file into one zip, then the records and the manifest.

An export stores a lease and then looks for tombstones. An erasure stores the tombstone and then
looks for leases. So one of the two sees the other, and no archive outlives an erasure.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import IO, Any, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from contracts.documents.erasure import API_STORES, ErasureSubject
from contracts.documents.export import (
    ExportCode,
    ExportedFile,
    ExportedStore,
    ExportInput,
    ExportManifest,
    ExportRow,
    ExportSubject,
)
from contracts.shared import layout
from domain.erasure.reach import Reach
from domain.erasure.receipts import expiring
from domain.exporting.asking import new_row
from domain.exporting.contents import ChosenFile, Contents, contents_of, stores_of
from domain.exporting.reaching import joined, own_consents, reaches_of, subjects_of
from domain.exporting.records import Records, api_rows_of, records_of
from domain.exporting.services import ExportServices
from domain.ports.exports import ArchiveFile
from domain.ports.storage import ObjectMissingError

MAX_BYTES = 10 * 1024**3
"""Largest archive; a run has 15 minutes, and every byte is read and written once."""

LEASE = timedelta(minutes=16)
"""Longer than export_data may run."""

LOOK_EVERY = timedelta(seconds=5)
"""How often a run looks for a tombstone between two files."""

API_ROWS = "answers that a repeated call gets again, and counters; they go within two days"
API_ROWS_OF_MODELS = (
    f"{API_ROWS}; messages and figures about the models are in the tenant's archive"
)


class ExportRefusedError(Exception):
    """There is no archive; the code says why."""

    def __init__(self, code: ExportCode) -> None:
        super().__init__(code)
        self.code = code


def write_export(given: ExportInput, services: ExportServices) -> ExportRow:
    """Write the archive; return its row. A run after the end changes nothing."""
    row = begun(given, services)
    if row.status != "processing":
        return row
    try:
        changes = archived(row, services)
    except ExportRefusedError as error:
        return ended(row, {"status": "failed", "code": error.code}, services)
    except BaseException:
        ended(row, {}, services)  # the next run begins anew, and no erasure waits for this one
        raise
    return ended(row, {"status": "succeeded", **changes}, services)


def begun(given: ExportInput, services: ExportServices) -> ExportRow:
    """Return the export's row with a lease of this run."""
    now = services.now()
    services.exports.add(new_row(given.export_id, given.subject, now))
    row = services.exports.get(given.export_id)
    if row is None or row.subject != given.subject:  # erased since, or another's id
        return new_row(given.export_id, given.subject, now).model_copy(
            update={"status": "failed", "code": "not_found"}
        )
    if row.status != "processing":
        return row
    leased = row.model_copy(update={"busy_until": (now + LEASE).isoformat()})
    return leased if services.exports.replace(row, leased) else begun(given, services)


def ended(row: ExportRow, changes: dict[str, Any], services: ExportServices) -> ExportRow:
    """Store how a run has ended, and give its lease back."""
    after = row.model_copy(
        update={**changes, "busy_until": None, "updated_at": services.now().isoformat()}
    )
    return after if services.exports.replace(row, after) else row


def archived(row: ExportRow, services: ExportServices) -> dict[str, Any]:
    """Write the archive; return its size, its hash and how many files it has.

    Raises:
        ExportRefusedError: there is nothing, too much, or an erasure has come in between.
    """
    subject = row.subject
    consents = own_consents(subject, services.consents.of(subject.tenant))
    named = subjects_of(subject, consents)
    if not named:
        raise ExportRefusedError("not_found")
    refuse_erased([], subject, services)
    # What was erased of a person before is gone; the consent to it is still theirs to see.
    subjects = [one for one in named if not services.erasures.is_erased(one)]
    if subject.kind == "upload" and not subjects:
        raise ExportRefusedError("erased")
    reaches = reaches_of(subjects, services)
    reach = joined(named[0], reaches)
    contents = contents_of(reaches, services)
    records = [*records_of(subject, reach, consents, services)]
    if not contents.files and not any(holds_more(one, row.export_id) for one in records):
        raise ExportRefusedError("not_found")
    if sum(file.size for file in contents.files) > MAX_BYTES:
        raise ExportRefusedError("export_too_large")
    target = services.archives.open(layout.uploads.export_key(subject.tenant, row.export_id))
    out = Hashed(target)
    try:
        writer = Writer(row, out, services.now())
        for file in contents.files:
            writer.refuse_erased(subjects, services)
            writer.add_file(file)
        for one in records:
            writer.add_records(one)
        rows = stores_of_records(records, reach, services)
        writer.close(manifest_of(row, contents, writer.files, rows, services))
        refuse_erased(subjects, subject, services)
        target.finish()
    except BaseException:
        target.abort()
        raise
    return {"size": out.size, "sha256": out.digest(), "files": len(writer.files)}


def holds_more(records: Records, export_id: str) -> bool:
    """Return whether there are rows that were there before somebody asked for this export."""
    return any(export_id not in json.dumps(one) for one in records.rows)


def refuse_erased(
    subjects: Iterable[ErasureSubject], subject: ExportSubject, services: ExportServices
) -> None:
    """Look for tombstones.

    Raises:
        ExportRefusedError: the tenant or one of its uploads is erased.
    """
    if services.erasures.is_erased(ErasureSubject(tenant=subject.tenant), *subjects):
        raise ExportRefusedError("erased")


class Hashed:
    """Counts and hashes what goes into an archive that nobody can seek in."""

    def __init__(self, target: ArchiveFile) -> None:
        self._target, self._hash, self.size = target, sha256(), 0

    def write(self, data: bytes, /) -> int:
        """Add bytes; return how many."""
        self._hash.update(data)
        self.size += len(data)
        self._target.write(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: the target keeps all until its end."""
        self._target.flush()

    def digest(self) -> str:
        """Return the SHA-256 of all bytes."""
        return self._hash.hexdigest()


class Writer:
    """One zip, without compression: photos and weights have none left to give."""

    def __init__(self, row: ExportRow, out: Hashed, now: datetime) -> None:
        self._row, self._looked = row, now
        self._zip = ZipFile(cast("IO[bytes]", out), "w", ZIP_STORED)  # it only writes and flushes
        self.files: list[ExportedFile] = []

    def refuse_erased(self, subjects: list[ErasureSubject], services: ExportServices) -> None:
        """Look for tombstones, if the last look was some seconds ago."""
        if services.now() - self._looked >= LOOK_EVERY:
            refuse_erased(subjects, self._row.subject, services)
            self._looked = services.now()

    def add_file(self, file: ChosenFile) -> None:
        """Stream one object into the zip; one that has expired meanwhile is left out."""
        chunks = file.reader.chunks(file.key)
        try:
            first = next(chunks, b"")
        except ObjectMissingError:
            return
        folder = file.store.replace(" ", "_")
        path = f"{folder}/{len(self.files):06d}{suffix_of(file.key)}"
        self._add(path, file.store, file.key, together(first, chunks))

    def add_records(self, one: Records) -> None:
        """Add rows as JSON."""
        body = json.dumps(one.rows, indent=1, ensure_ascii=False).encode()
        self._add(f"records/{one.file}", one.store, "", [body])

    def close(self, manifest: ExportManifest) -> None:
        """Add the manifest, and end the zip."""
        with self._zip.open(self._info("manifest.json"), "w", force_zip64=True) as entry:
            entry.write(manifest.model_dump_json(indent=1).encode())
        self._zip.close()

    def _add(self, path: str, store: str, name: str, chunks: Iterable[bytes]) -> None:
        hashed, size = sha256(), 0
        with self._zip.open(self._info(path), "w", force_zip64=True) as entry:
            for chunk in chunks:
                hashed.update(chunk)
                size += len(chunk)
                entry.write(chunk)
        made = ExportedFile(path=path, store=store, name=name, size=size, sha256=hashed.hexdigest())
        self.files.append(made)

    def _info(self, path: str) -> ZipInfo:
        made = datetime.fromisoformat(self._row.created_at)
        info = ZipInfo(path, made.timetuple()[:6])
        info.external_attr = 0o600 << 16
        return info


def together(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the first part and then the others."""
    yield first
    yield from rest


def suffix_of(key: str) -> str:
    """Return a key's ending, if it is a plain one.

    >>> suffix_of("tenants/a/uploads/u/Me.JPG"), suffix_of("a/b.tar.gz"), suffix_of("x/.../..")
    ('.jpg', '.gz', '')
    """
    found = re.search(r"\.[a-z0-9]{1,12}$", key.lower())
    return "" if found is None else found[0]


def manifest_of(
    row: ExportRow,
    contents: Contents,
    files: list[ExportedFile],
    rows: Iterable[ExportedStore],
    services: ExportServices,
) -> ExportManifest:
    """Return the list of what is in the archive, and of what is not."""
    exported = Counter(file.store for file in files)
    now = services.now()
    return ExportManifest(
        export_id=row.export_id,
        subject=row.subject,
        made_at=now.isoformat(),
        stores=(*stores_of(contents, exported), *rows),
        files=tuple(files),
        kept_by_aws=tuple(expiring(services.elsewhere, now)),
    )


def stores_of_records(
    records: list[Records], reach: Reach, services: ExportServices
) -> Iterator[ExportedStore]:
    """Yield how many rows of each kind there are; those of the HTTP API are counted once more."""
    for one in records:
        count = len(one.rows)
        yield ExportedStore(store=one.store, held=count, exported=count, why=one.why)
    shown = sum(len(one.rows) for one in records if one.store in API_STORES)
    others = max(0, api_rows_of(reach, services) - shown)
    why = API_ROWS if reach.is_tenant else API_ROWS_OF_MODELS
    yield ExportedStore(store="other api rows", held=others, exported=0, why=why)
    notices = sum(record.notice_id is not None for record in reach.records)
    yield ExportedStore(
        store="notice rows",
        held=notices,
        exported=0,
        why="the id and the time of a message; jobs.json has the id" if notices else None,
    )
