"""A proxy in front of a real server that once answers a call itself, as gateways and login pages do."""

from dataclasses import dataclass

from tests.support.mlflow_store import HangingUpOnce, Server, _Passing


@dataclass(frozen=True)
class Answer:
    """What the proxy says in place of the server, to the first call whose path ends so."""

    path: str
    status: int
    body: str


class AnsweringOnce(HangingUpOnce):
    """Passes every call on but the one that `answer` is for."""

    def __init__(self, behind: Server, answer: Answer) -> None:
        super().__init__(behind)
        self.RequestHandlerClass, self.answer = _Answering, answer
        self.answered = False


class _Answering(_Passing):
    server: AnsweringOnce

    def _answer(self) -> None:
        if self.server.answered or not self.path.partition("?")[0].endswith(self.server.answer.path):
            self._pass()
            return
        self.server.answered = True
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = self.server.answer.body.encode()
        self.send_response(self.server.answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815  (the names that http.server calls)
