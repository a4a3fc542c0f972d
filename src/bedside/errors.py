"""Errors that a person can mend; the command line prints them as one message, without a traceback."""


class RefusedError(RuntimeError):
    """The input is not fit for this stage; the message says why and what to do next."""
