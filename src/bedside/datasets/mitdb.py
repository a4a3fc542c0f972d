"""MIT-BIH Arrhythmia Database 1.0.0 (Moody and Mark 2001; ODC-BY 1.0): 48 half-hour records of 47 people."""

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from pydantic import Field
from tqdm import tqdm

from bedside.datasets.base import Source
from bedside.datasets.download import DownloadError, digest_of, fetch, is_url, text
from bedside.datasets.recording import SUFFIXES
from bedside.errors import RefusedError
from bedside.redaction import clean
from bedside.scratch import home

SUMS = "SHA256SUMS.txt"
MIRROR = "BEDSIDE_MIRROR"


class Mitdb(Source):
    """Fetch the database from PhysioNet, or from a mirror: a folder or URL that holds its files or `mitdb/1.0.0`.

    The environment variable BEDSIDE_MIRROR goes before `mirror`. `sums_sha256` is the digest of the publisher's list of
    digests, so that a mirror cannot vouch for itself.
    """

    kind: Literal["mitdb"] = "mitdb"
    version: Literal["1.0.0"] = "1.0.0"
    url: str = "https://physionet.org/files/mitdb/1.0.0/"
    mirror: str | None = None
    records: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    connections: int = Field(default=4, gt=0)
    sums_sha256: str | None = "b61158a96d5f2ca80edfb354a9a66a6324836c390a84e1966dcee2b907d6be43"

    @property
    def label(self) -> str:
        return f"mitdb-{self.version}"

    def same_person(self) -> dict[str, str]:
        return {"202": "201"}  # "This record was taken from the same analog tape as record 201" (header of 202)

    def fetch(self, folder: Path) -> dict[str, str]:
        place, listing = self._reach()
        sums = _parse(listing)
        names = self.records or sorted(name.removesuffix(".hea") for name in sums if re.fullmatch(r"\d+\.hea", name))
        cache = home() / "downloads" / self.label if is_url(place) else folder
        bar = tqdm(total=len(names) * len(SUFFIXES), desc=f"{self.label} from {clean(place)}", unit="file")
        with bar, ThreadPoolExecutor(self.connections) as pool:
            tasks = {name: pool.submit(_bring, place, name, sums, (cache, folder), bar) for name in names}
            try:
                reasons = {name: task.result() for name, task in tasks.items()}
            except BaseException:  # Ctrl-C included: what has not begun need not be waited for
                pool.shutdown(cancel_futures=True)
                raise
        return {name: reason for name, reason in reasons.items() if reason}

    def _reach(self) -> tuple[str, str]:
        """Where the files are and the publisher's list of digests; one message when nobody answers."""
        base = (os.environ.get(MIRROR) or self.mirror or self.url).rstrip("/")
        problem = None
        for place in (base, f"{base}/mitdb/{self.version}"):
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
            f"mitdb/{self.version}, or run `make demo`, which needs no download."
        )


def _parse(listing: str) -> dict[str, str]:
    """`{file: sha256}` of the recordings at the top level of a SHA256SUMS.txt."""
    rows = (line.split() for line in listing.splitlines())
    return {row[1]: row[0] for row in rows if len(row) == 2 and re.fullmatch(r"[\w-]+\.(hea|dat|atr)", row[1])}


def _bring(
    place: str, record: str, sums: dict[str, str], through: tuple[Path, Path], bar: "tqdm[NoReturn]"
) -> str | None:
    """Bring the three files of a record `through` the cache to the folder; the reason if one cannot be had."""
    cache, folder = through
    try:
        for suffix in SUFFIXES:
            name = f"{record}{suffix}"
            if name not in sums:
                raise DownloadError(f"{name}: not in the publisher's {SUMS}")
            file = fetch(place, name, cache, sums[name])
            if cache != folder:
                shutil.copyfile(file, folder / name)
            bar.update()
    except DownloadError as error:
        return str(error)
    return None
