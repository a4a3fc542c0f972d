import pytest

from bedside.cluster.cron import checked, for_kubeflow
from bedside.errors import RefusedError


def test_kubeflow_gets_seconds_first() -> None:
    assert for_kubeflow(" 0  3 * * 1 ") == "0 0 3 * * 1"


@pytest.mark.parametrize(
    "cron", ["* * * * *", "*/15 0-6 1,15 jan-mar MON-FRI", "5/20 * * * *", "0 0 29 2 *", "0 0 31 2 1", "0 0 30 2,3 *"]
)
def test_what_cron_means_is_taken(cron: str) -> None:
    assert checked(cron) == cron


@pytest.mark.parametrize(
    ("cron", "told"),
    [
        ("0 3 * *", "has 4 fields, not five"),
        ("0 0 3 * * 1", "has 6 fields, not five"),
        ("@daily", "has 1 fields"),
        ("", "has 0 fields"),
        ("60 3 * * 1", "'60' is no minute"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 3 0 * *", "'0' is no day of the month"),
        ("0 3 * 13 *", "'13' is no month"),
        ("0 3 * * 7", r"'7' is no day of the week \(0-6 or sun-sat"),
        ("0 3 * * someday", "'someday' is no day of the week"),
        ("*/0 * * * *", "'\\*/0' is no minute"),
        ("30-10 * * * *", "'30-10' is no minute"),
        ("1-2-3 * * * *", "'1-2-3' is no minute"),
        ("1,, * * * *", "'' is no minute"),
        ("0 0 31 2,4 *", "no such month has a day 31"),
        ("0 0 30 feb *", "no such month has a day 30"),
        ("0; rm * * * *", "has 6 fields"),
    ],
)
def test_a_wrong_cron_is_refused_with_the_field_that_is_wrong(cron: str, told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        checked(cron)
