"""A call that is given up in time, whatever it waits for: a name, a connection, a lock, an answer, its own retries."""

import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

LONGEST = 120.0  # seconds for one call, where nobody says otherwise
_seconds = contextvars.ContextVar("seconds", default=LONGEST)
R = TypeVar("R")


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Within the block, every call that is `answered` has this long."""
    token = _seconds.set(max(0.0, seconds))
    try:
        yield
    finally:
        _seconds.reset(token)


def answered(call: Callable[[], R]) -> R:
    """What the call returns or raises; TimeoutError when its time is over, though it still waits.

    Nothing ends a thread that waits for a name server or in a driver, so the call has a thread of its own, which is
    left behind and does not keep the process alive.
    """
    outcome: queue.SimpleQueue[tuple[R | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as error:  # raised again where the answer is awaited
            outcome.put((None, error))

    threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()
    try:
        result, error = outcome.get(timeout=_seconds.get())
    except queue.Empty:
        raise TimeoutError(f"no answer in {_seconds.get():.3g} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # what the call returned, None included
