"""A publisher for tests: it serves a folder over HTTP, and can break connections and damage files on the way."""

import base64
import contextlib
import http.server
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bedside.artifacts import sha256


@dataclass
class Publisher:
    """What it serves and how it misbehaves; `breaks` and `damages` say how many answers for a file are bad."""

    folder: Path
    url: str = ""
    breaks: Counter[str] = field(default_factory=Counter)
    damages: Counter[str] = field(default_factory=Counter)
    answers: list[tuple[str, int]] = field(default_factory=list)  # (file, first byte)
    asks_for: str | None = None  # "user:password", without which it answers 401


def publish(folder: Path) -> Mapping[str, str]:
    """Write SHA256SUMS.txt for the recordings in `folder`; return it as `{file: sha256}`."""
    sums = {file.name: sha256(file) for file in sorted(folder.iterdir()) if file.suffix in {".hea", ".dat", ".atr"}}
    (folder / "SHA256SUMS.txt").write_text("".join(f"{digest} {name}\n" for name, digest in sums.items()))
    return sums


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Publisher]:
    """Serve `folder` on a free port, with ranges, until the block ends."""
    publisher = Publisher(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            _answer(self, publisher)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    publisher.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()


def _answer(request: http.server.BaseHTTPRequestHandler, publisher: Publisher) -> None:
    name = urllib.parse.unquote(request.path.lstrip("/"))
    if publisher.asks_for is not None:
        known = base64.b64encode(publisher.asks_for.encode()).decode()
        if request.headers.get("Authorization") != f"Basic {known}":
            request.send_error(401)
            return
    file = publisher.folder / name
    if not file.is_file():
        request.send_error(404)
        return
    content = file.read_bytes()
    first = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    publisher.answers.append((name, first))
    if first >= len(content) > 0:
        request.send_error(416)
        return
    if publisher.damages[name] > 0:
        publisher.damages[name] -= 1
        content = content[:-1] + bytes([content[-1] ^ 1])
    request.send_response(206 if first else 200)
    request.send_header("Content-Length", str(len(content) - first))
    request.end_headers()
    body = content[first:]
    if publisher.breaks[name] > 0:
        publisher.breaks[name] -= 1
        body = body[: len(body) // 2]
    request.wfile.write(body)
    request.close_connection = True
