"""Writing files into one ZIP that is there whole or not at all, with the SHA-256 of each taken while it is written."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from bot.refusals import FileExists, FileNotWritten
from storage.contents import Content, State, digest_of

CHUNK = 1 << 20


class Verdict(StrEnum):
    """What comparing a file with its recorded SHA-256 says; IN_PART and ERASED: the body was purged; WITHHELD: it is
    not for whom the pack is made."""

    SAME = "same"
    DIFFERS = "differs"
    UNRECORDED = "unrecorded"
    IN_PART = "in-part"
    ERASED = "erased"
    WITHHELD = "withheld"


TROUBLES = frozenset({Verdict.DIFFERS, Verdict.IN_PART, Verdict.ERASED})
"""What a reader must be told before everything else."""


@dataclass(frozen=True)
class Written:
    """A file of the pack: its SHA-256 (hex), empty where nothing is left to write; `recorded`: the one noted then.

    `verdict` is None for what the record never had as a file, such as a table.
    """

    name: str
    size: int
    sha256: str
    verdict: Verdict | None = None
    recorded: str | None = None


@dataclass
class Packing:
    """A ZIP that is being written. `advance` is told how many octets more are in it."""

    archive: ZipFile
    at: datetime
    advance: Callable[[int], None]
    files: list[Written] = field(default_factory=list)

    def add_mail(self, name: str, content: Content) -> None:
        """A mail as the record has it, compared with what was noted of it."""
        if content.state in (State.ERASED, State.WITHHELD):
            self.files.append(Written(name, 0, "", Verdict(content.state.value), content.recorded))
            return
        size, digest = self._write(name, content.read())
        self.files.append(Written(name, size, digest, _verdict(content, digest), content.recorded))

    def add_text(self, name: str, text: str) -> None:
        """A table or a page."""
        size, digest = self._write(name, [text.encode("utf-8", "replace")])
        self.files.append(Written(name, size, digest))

    def add_manifest(self, name: str) -> None:
        """The SHA-256 of every file, for `sha256sum -c`."""
        lines = (f"{one.sha256}  {one.name}\n" for one in sorted(self.files, key=lambda one: one.name) if one.sha256)
        self.add_text(name, "".join(lines))

    def _write(self, name: str, chunks: Iterable[bytes]) -> tuple[int, str]:
        entry = ZipInfo(name, self.at.timetuple()[:6])
        entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o100600 << 16
        size, digest = 0, sha256()
        with self.archive.open(entry, "w", force_zip64=True) as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                self.advance(len(chunk))
        return size, digest.hexdigest()


def _verdict(content: Content, digest: str) -> Verdict:
    if content.state is State.IN_PART:
        return Verdict.IN_PART
    if content.recorded is None:
        return Verdict.UNRECORDED
    return Verdict.SAME if digest == content.recorded else Verdict.DIFFERS


@contextmanager
def drafted(target: Path) -> Iterator[Path]:
    """A file beside the target, for its owner's eyes only; whatever happens, it is gone at the end.

    Raises FileNotWritten for what the disk does not allow.
    """
    try:
        handle, name = mkstemp(prefix=".evidence-", suffix=".part", dir=target.absolute().parent)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise FileNotWritten(target.name, error.strerror or type(error).__name__) from error


@contextmanager
def packing(draft: Path, *, at: datetime, advance: Callable[[int], None]) -> Iterator[Packing]:
    """Write a ZIP, and see to it that it is on the disk."""
    with draft.open("wb") as file:
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            yield Packing(archive, at, advance)
        file.flush()
        os.fsync(file.fileno())


def put_in_place(draft: Path, target: Path, *, force: bool) -> None:
    """Give the draft its name, in one step. Raises FileExists where somebody has it, unless `force`."""
    if force:
        draft.replace(target)
    else:
        try:
            target.hardlink_to(draft)
        except FileExistsError as error:
            raise FileExists(target.name) from error
        except OSError:  # a file system without hard links
            refuse_existing(target)
            draft.replace(target)
    _sync(target.absolute().parent)


def refuse_existing(target: Path) -> None:
    """Raises FileExists, also for a link that leads nowhere."""
    if os.path.lexists(target):
        raise FileExists(target.name)


def digest_of_file(path: Path) -> str:
    """Its SHA-256 (hex), read in parts."""
    with path.open("rb") as file:
        return digest_of(iter(lambda: file.read(CHUNK), b""))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
