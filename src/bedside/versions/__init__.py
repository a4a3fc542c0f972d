"""One version of the recordings: what git says they are, and the bytes from a DVC remote that are just that."""

import re

import pydantic

from bedside.params import Params

_SECRET = re.compile(r"^(https?|s3|gs|azure)://[^/]*@|://[^/]*:[^/]*@|[?&](sig|signature|token|x-amz-\w+)=", re.I)


class DataVersion(Params):
    """Which recordings: `dvc.lock` of `repository` at `revision` says what they are, and the DVC `remote` holds them.

    Credentials are in the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3, BEDSIDE_GIT_USERNAME and
    BEDSIDE_GIT_PASSWORD for a private repository.
    """

    repository: str  # a URL or a path, as git takes it
    revision: str  # a branch, a tag or a commit
    remote: str  # for example s3://bucket/folder
    endpoint: str | None = None  # of an S3 server that is not Amazon's; else AWS_ENDPOINT_URL

    @pydantic.field_validator("*")
    @classmethod
    def _one_word_without_a_secret(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[^-\s]\S*", value):
            raise ValueError("must be one word, and no option")
        if value is not None and _SECRET.search(value):
            raise ValueError("is recorded, so it holds no user, password or token; put them in the environment")
        return value
