"""The proof finds the same person behind another name, another start and another offset."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bedside.errors import RefusedError
from bedside.tasks.proof import Fingerprint, prove, window_digests

PEAKS = np.arange(300, 7000, 250)


def recording(seed: int) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(900, 1200, 7200).astype(np.int16)


def fingerprint(name: str, signal: NDArray[np.int16], peaks: NDArray[np.int64] = PEAKS) -> Fingerprint:
    return Fingerprint(frozenset({name}), frozenset({f"sha-{name}"}), window_digests(signal, peaks, 180, 180))


def test_strangers_share_nothing_and_the_proof_says_so_for_every_pair() -> None:
    proof = prove({"train": fingerprint("a", recording(1)), "test": fingerprint("b", recording(2))})
    assert proof["overlaps"] == {"train/test": {"shared_patients": 0, "shared_records": 0, "shared_windows": 0}}
    assert proof["splits"]["test"]["windows"] == len(PEAKS)


def test_a_person_in_two_splits_is_refused_by_name() -> None:
    with pytest.raises(RefusedError, match=r"train and test share 1 patients, 1 records.*\(patients a\)"):
        prove({"train": fingerprint("a", recording(1)), "test": fingerprint("a", recording(2))})


def test_a_renamed_copy_is_refused_by_its_windows() -> None:
    with pytest.raises(RefusedError, match=f"train and test share {len(PEAKS)} windows"):
        prove({"train": fingerprint("a", recording(1)), "test": fingerprint("b", recording(1))})


def test_a_copy_with_the_same_file_is_refused_even_without_a_common_window() -> None:
    same = frozenset({"sha-same"})
    first = Fingerprint(frozenset({"a"}), same, frozenset({b"1"}))
    second = Fingerprint(frozenset({"b"}), same, frozenset({b"2"}))
    with pytest.raises(RefusedError, match="share 1 records"):
        prove({"validation": first, "test": second})


@pytest.mark.parametrize(("shift", "offset"), [(100, 0), (0, 17), (211, -40)])
def test_a_shifted_copy_is_refused_by_its_windows(shift: int, offset: int) -> None:
    copy = (recording(1)[shift:] + offset).astype(np.int16)
    peaks = PEAKS[shift + 180 < PEAKS] - shift
    with pytest.raises(RefusedError, match=f"share {len(peaks)} windows"):
        prove({"train": fingerprint("a", recording(1)), "test": fingerprint("b", copy, peaks)})


def test_flat_stretches_make_nobody_kin() -> None:
    flat = np.full(7200, 1024, dtype=np.int16)
    assert window_digests(flat, PEAKS, 180, 180) == frozenset()


def test_windows_that_reach_over_an_end_are_not_compared() -> None:
    assert len(window_digests(recording(1), np.array([100, 180, 7020, 7100]), 180, 180)) == 2
