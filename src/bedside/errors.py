"""Errors that a person can correct; the command line prints them as one message, without a traceback."""


class RefusedError(RuntimeError):
    """The input is not fit for this stage; the message says why and what to do next."""


class NotFiniteError(RefusedError):
    """A number is not finite: `whose`, what was `found` of it, and what to do about it, for whoever knows no better."""

    def __init__(self, whose: str, found: str, advice: str) -> None:
        super().__init__(f"{whose} {found}; {advice}")
        self.found = found
