"""Recordings that somebody publishes, with a list of digests: brought from there or from a mirror, and verified."""

import abc
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, NoReturn, Self

from pydantic import Field, model_validator
from tqdm import tqdm

from bedside.datasets.download import DownloadError, digest_of, fetch, is_url, text
from bedside.datasets.recording import SUFFIXES, RecordingError
from bedside.datasets.waveforms import Waveforms
from bedside.errors import RefusedError
from bedside.redaction import clean
from bedside.scratch import home

SUMS = "SHA256SUMS.txt"
DISPUTED = "disputed"  # in place of a digest: the list has two
MIRROR = "BEDSIDE_MIRROR"
PHYSIONET = "https://physionet.org/files"
_FILE = r"([0-9a-fA-F]{{64}})\s+\*?(?:\./)?(\w[\w.-]*\.(?:hea|dat|{}))"


class Published(Waveforms, abc.ABC):
    """Fetch `<name>-<version>` from `url` (PhysioNet where none is named), or from a mirror: a folder or URL that holds
    its files or `<name>/<version>`.

    The environment variable BEDSIDE_MIRROR goes before `mirror`. `sums_sha256` is the digest of the publisher's list of
    digests, so that a mirror cannot vouch for itself. `same_person` names the patient of each record that is not the
    only one of its person (`{record: patient}`). `records` are names, or a pattern for the whole name. `annotator` is
    the ending of the annotation files, which are kept as `.atr`.
    """

    name: str
    version: str
    url: str | None = None
    mirror: str | None = None
    records: Annotated[tuple[str, ...], Field(min_length=1)] | str | None = None
    annotator: str = Field(default="atr", pattern=r"^[A-Za-z]{1,12}$")
    same_person: dict[str, str] = {}  # noqa: RUF012  # pydantic copies it
    connections: int = Field(default=4, gt=0)
    sums_sha256: str | None

    @model_validator(mode="after")
    def _one_patient_each(self) -> Self:
        same = self.same_person
        if chained := sorted(record for record in same.values() if same.get(record, record) != record):
            raise ValueError(f"same_person: {', '.join(chained)} is of another person itself; name that one for both")
        return self

    @property
    def label(self) -> str:
        return f"{self.name}-{self.version}"

    def patient(self, record: str) -> str:
        return self.same_person.get(record, record)

    def fetch(self, folder: Path) -> dict[str, str]:
        place, listing = self._reach()
        sums = _parse(listing, self.annotator)
        names = self._wanted(sums, place)
        cache = home() / "downloads" / self.label if is_url(place) else folder
        bar = tqdm(total=len(names) * len(SUFFIXES), desc=f"{self.label} from {clean(place)}", unit="file")
        with bar, ThreadPoolExecutor(self.connections) as pool:
            tasks = {
                name: pool.submit(_bring, place, name, sums, (cache, folder), bar, annotator=self.annotator)
                for name in names
            }
            try:
                reasons = {name: task.result() for name, task in tasks.items()}
            except BaseException:  # Ctrl-C included: nothing is begun any more, and nobody is waited for
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return {name: reason for name, reason in reasons.items() if reason}

    def _wanted(self, sums: dict[str, str], place: str) -> list[str]:
        """The records to bring; a list without one, or a person of a record that is not there, is a slip."""
        listed = sorted(name.removesuffix(".hea") for name in sums if name.endswith(".hea"))
        if not listed:
            raise RefusedError(f"{clean(place)}/{SUMS} lists no recording (a .hea that lies beside it)")
        named = self.same_person if "same_person" in self.model_fields_set else {}
        if unknown := sorted(named.keys() - {*listed, *self._named(listed)}):
            raise RefusedError(f"source.same_person: {self.label} has no record {', '.join(unknown)}")
        if not (wanted := self._named(listed)):
            raise RefusedError(f"source.records: {self.label} has no record that {self.records} fits")
        return wanted

    def _named(self, listed: list[str]) -> list[str]:
        if isinstance(self.records, str):
            return [name for name in listed if re.fullmatch(self.records, name)]
        return list(self.records or listed)

    def _reach(self) -> tuple[str, str]:
        """Where the files are and the publisher's list of digests; one message when nobody answers."""
        layout = f"{self.name}/{self.version}"
        base = (os.environ.get(MIRROR) or self.mirror or self.url or f"{PHYSIONET}/{layout}").rstrip("/")
        problem = None
        for place in (base, f"{base}/{layout}"):
            try:
                listing = text(place, SUMS)
            except DownloadError as error:
                problem = problem or error
                continue
            if self.sums_sha256 and digest_of(listing) != self.sums_sha256:
                raise RefusedError(
                    f"{clean(place)}/{SUMS} is not the publisher's list (sha256 {digest_of(listing)[:12]}..., expected "
                    f"{self.sums_sha256[:12]}...); use another mirror, or check it and set source.sums_sha256 to null"
                )
            return place, listing
        raise RefusedError(
            f"cannot reach {clean(base)} ({problem}). Set {MIRROR} to a folder or URL that holds the files of "
            f"{layout}, or run `make demo`, which needs no download."
        )


def _parse(listing: str, annotator: str) -> dict[str, str]:
    """`{file: sha256}` of the recordings at the top level of a SHA256SUMS.txt."""
    pattern = re.compile(_FILE.format(annotator))
    rows = [pattern.fullmatch(line.strip()) for line in listing.splitlines()]
    sums: dict[str, str] = {}
    for row in filter(None, rows):
        digest = row[1].lower()
        sums[row[2]] = digest if sums.get(row[2], digest) == digest else DISPUTED
    return sums


def _bring(
    place: str,
    record: str,
    sums: dict[str, str],
    through: tuple[Path, Path],
    bar: "tqdm[NoReturn]",
    *,
    annotator: str,
) -> str | None:
    """Bring the three files of a record `through` the cache to the folder; the reason if one cannot be had."""
    cache, folder = through
    try:
        for suffix in SUFFIXES:
            name = f"{record}.{annotator}" if suffix == ".atr" else f"{record}{suffix}"
            if name not in sums:
                raise DownloadError(f"{name}: not in the publisher's {SUMS}")
            if sums[name] == DISPUTED:
                raise DownloadError(f"{name}: listed twice in the publisher's {SUMS}, with different digests")
            file = fetch(place, name, cache, sums[name])
            if file != (kept := folder / f"{record}{suffix}"):
                (shutil.copyfile if cache != folder else shutil.move)(file, kept)
            bar.update()
    except (DownloadError, RecordingError) as error:
        return str(error)
    return None
