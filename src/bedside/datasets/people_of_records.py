"""Whose a recording is, where its name says it."""

import re
from typing import Annotated

import pydantic


def _is_a_pattern(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression ({error})") from None
    if groups > 1:
        raise ValueError(f"{text!r} has {groups} groups; the one in parentheses is the subject")
    return text


# A regular expression for a record's name; its group is the subject, or, without one, all that it finds.
SubjectPattern = Annotated[str, pydantic.AfterValidator(_is_a_pattern)]


def subject_of(record: str, pattern: str | None) -> str | None:
    """The subject of a record by its name; the record itself where no pattern is given, None where it does not fit."""
    if pattern is None:
        return record
    found = re.search(pattern, record)
    return found[found.re.groups] if found and found[found.re.groups] else None
