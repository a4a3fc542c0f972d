"""Bytes from a DVC remote, each file held against the digest that it was asked by.

DVC believes what a remote holds, and follows a list of files wherever its names lead. Here the list itself is verified
before one of its names is used; its digest comes from git.
"""

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from bedside.errors import RefusedError

JOBS = 8
# A remote that is away says so within seconds, and a node's own rights are never borrowed.
_AWS = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "2"}
_TIMEOUTS = {"connect_timeout": 10.0, "read_timeout": 60.0}


class Remote:
    """A DVC remote at `url`, in the layout of DVC 3; credentials are found in the environment by its own client."""

    def __init__(self, url: str, endpoint: str | None = None) -> None:
        from dvc.exceptions import DvcException
        from dvc.fs import parse_external_url

        for name, value in _AWS.items():
            os.environ.setdefault(name, value)
        settings = {**_TIMEOUTS, "endpointurl": endpoint} if url.startswith("s3://") else {}
        self.url = url
        try:
            self._fs, root = parse_external_url(url, settings)
            self._objects = self._fs.join(root, "files", "md5")  # loads the package for this kind of address
        except (DvcException, ImportError) as error:
            raise RefusedError(f"{url} is no remote that can be read here ({error})") from None

    def folder(self, md5: str, size: int, into: Path) -> None:
        """Fill `into` with the folder that DVC knows as `md5` (`<hex>.dir`); `size` in bytes is for the progress."""
        listing = into / ".listing"
        self._file(md5, listing)
        files = json.loads(listing.read_text(encoding="utf-8"))
        listing.unlink()
        with ThreadPoolExecutor(JOBS) as pool, tqdm(total=size, desc=self.url, unit="B", unit_scale=True) as progress:
            try:
                for came in pool.map(lambda file: self._file(file["md5"], into / file["relpath"]), files):
                    progress.update(came)
            except BaseException:  # Ctrl-C included: what has not begun need not be waited for
                pool.shutdown(cancel_futures=True)
                raise

    def _file(self, md5: str, target: Path) -> int:
        """Bring one object and verify it; its size in bytes."""
        target.parent.mkdir(parents=True, exist_ok=True)
        place = self._fs.join(self._objects, md5[:2], md5[2:])
        try:
            self._fs.get_file(place, str(target))
        except Exception as error:  # every kind of remote has its own family of errors
            raise RefusedError(self._explain(error, md5)) from error
        with target.open("rb") as file:
            if hashlib.file_digest(file, "md5").hexdigest() != md5.removesuffix(".dir"):
                raise RefusedError(f"{self.url}: object {md5} is damaged; remove it there and run `dvc push` again")
        return target.stat().st_size

    def _explain(self, error: Exception, md5: str) -> str:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        if isinstance(error, FileNotFoundError):
            return f"{self.url}: object {md5} is missing; run `dvc push` where the revision was made"
        if isinstance(error, PermissionError) or re.search(r"[Cc]redentials|AccessKey|Signature", said):
            return (
                f"{self.url} refuses these credentials ({said}); check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: "
                "they must be allowed to read it"
            )
        return f"{self.url} does not answer ({said}); check the address, and run this again when it does"
