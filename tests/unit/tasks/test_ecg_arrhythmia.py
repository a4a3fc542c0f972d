"""Windows of a recording: labelled as EC57 says, cut from the named lead, and blind to the future."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from bedside.datasets.annotations import read_annotations
from bedside.datasets.headers import read_header
from bedside.datasets.samples import read_signal
from bedside.datasets.simulated import Simulated
from bedside.errors import RefusedError
from bedside.signals.filters import LOOK_AHEAD_S
from bedside.signals.rhythm import FEATURES
from bedside.tasks.ecg_beats.task import EcgArrhythmia

TASK = EcgArrhythmia()
S001 = {"record": "s001"}  # a row of records.json


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """s001 and s005, which holds its leads in the other order; never written to."""
    folder = tmp_path_factory.mktemp("simulated")
    Simulated(patients=5, seconds=60, lead_off=False).fetch(folder)
    return folder


@pytest.fixture
def folder(simulated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(simulated, tmp_path / "records"))


def rewrite(folder: Path, signal: np.ndarray[tuple[int, ...], np.dtype[np.int16]], leads: list[str]) -> None:
    """Write s001 again with other samples (sample, lead) and a header that agrees with them."""
    wfdb.wrsamp(
        "s001",
        360.0,
        ["mV"] * 2,
        leads,
        d_signal=signal.astype(np.int64),
        fmt=["212"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[1024] * 2,
        write_dir=str(folder),
    )


def mark(folder: Path, sample: list[int], symbol: list[str]) -> None:
    wfdb.wrann("s001", "atr", np.array(sample), symbol, write_dir=str(folder))


def test_every_beat_gives_one_window_of_the_declared_shape(folder: Path) -> None:
    windows = TASK.windows(folder, S001, training=False)
    beats = [s for s in read_annotations(folder / "s001.atr").symbol.tolist() if s != "+"]
    assert windows.inputs["signal"].shape == (len(beats), 2, 120)
    assert windows.inputs["rhythm"].shape == (len(beats), len(FEATURES))
    assert windows.inputs["signal"].dtype == windows.inputs["rhythm"].dtype == np.float32
    shorter = TASK.model_copy(update={"window_before_s": 0.25, "rate": 180.0})
    assert shorter.windows(folder, S001, training=False).inputs["signal"].shape[2] == 45 + 99


def test_symbols_become_the_classes_of_ec57(folder: Path) -> None:
    symbols = ["N", "L", "R", "e", "j", "A", "a", "J", "S", "V", "E", "F", "/", "f", "Q", "+", "~", "|"]
    mark(folder, [300 * (i + 1) for i in range(len(symbols))], symbols)
    windows = TASK.windows(folder, S001, training=False)
    assert windows.label.tolist() == [0] * 5 + [1] * 4 + [2] * 2 + [3] + [-1] * 3
    assert windows.sample.tolist() == [300 * (i + 1) for i in range(15)]


@pytest.mark.parametrize("symbol", ["B", "n", "r", "?"])
def test_a_beat_that_ec57_does_not_place_is_refused_and_never_called_normal(folder: Path, symbol: str) -> None:
    mark(folder, [300, 600, 900], ["N", symbol, "N"])
    with pytest.raises(RefusedError, match="s001: unknown annotation symbol " + re.escape(symbol)):
        TASK.windows(folder, S001, training=False)


def test_marks_that_the_format_leaves_undefined_are_refused_and_its_no_beat_is_passed_over(folder: Path) -> None:
    mark(folder, [300, 600, 900, 1200], ["N", "V", "V", "N"])
    file = folder / "s001.atr"
    words = np.frombuffer(file.read_bytes(), dtype="<u2").copy()
    for code in (0, 45):
        words[1] = words[1] & 0x3FF | code << 10
        file.write_bytes(words.tobytes())
        if code:
            with pytest.raises(RefusedError, match="s001: unknown annotation symbol <45>"):
                TASK.windows(folder, S001, training=False)
        else:
            assert TASK.windows(folder, S001, training=False).sample.tolist() == [300, 900, 1200]


def test_a_paced_recording_is_left_out_by_its_beats_and_not_by_its_name(folder: Path) -> None:
    entries = [S001, {"record": "s002"}]
    assert TASK.left_out(folder, entries) == {}
    mark(folder, [300, 600, 900], ["N", "/", "N"])
    assert TASK.left_out(folder, entries) == {"s001": "paced (excluded by AAMI EC57)"}


def test_a_recording_with_one_beat_is_refused(folder: Path) -> None:
    mark(folder, [300], ["N"])
    with pytest.raises(RefusedError, match="1 annotated beats are too few"):
        TASK.windows(folder, S001, training=False)


def test_missing_samples_are_refused(folder: Path) -> None:
    signal = read_signal(folder, read_header(folder / "s001.hea")).copy()
    signal[5000, 0] = -2048
    rewrite(folder, signal, ["MLII", "V5"])
    with pytest.raises(RefusedError, match="s001: MLII has missing samples"):
        TASK.windows(folder, S001, training=False)


def test_the_lead_is_found_by_name_in_any_order(folder: Path) -> None:
    before = TASK.windows(folder, S001, training=False)
    signal = read_signal(folder, read_header(folder / "s001.hea"))
    rewrite(folder, signal[:, ::-1], ["V5", "MLII"])
    after = TASK.windows(folder, S001, training=False)
    np.testing.assert_array_equal(after.inputs["signal"], before.inputs["signal"])
    assert after.digests == before.digests


def test_training_patients_are_seen_from_every_lead_and_others_from_one(folder: Path) -> None:
    one, both = TASK.windows(folder, S001, training=False), TASK.windows(folder, S001, training=True)
    assert len(both.label) == 2 * len(one.label)
    np.testing.assert_array_equal(both.inputs["signal"][: len(one.label)], one.inputs["signal"])
    assert len(both.digests) > len(one.digests)
    alone = TASK.model_copy(update={"train_on_every_lead": False}).windows(folder, S001, training=True)
    np.testing.assert_array_equal(alone.inputs["signal"], one.inputs["signal"])


def test_samples_after_a_windows_end_change_none_of_its_values(folder: Path) -> None:
    """A sample is known to the anti-alias filter 42 ms ahead; beyond that and the next beat, nothing is."""
    before = TASK.windows(folder, S001, training=False)
    signal = read_signal(folder, read_header(folder / "s001.hea")).copy()
    cut = 9000
    signal[cut:] = 2000 - signal[cut:]
    rewrite(folder, signal, ["MLII", "V5"])
    after = TASK.windows(folder, S001, training=False)
    decided = before.sample + round((TASK.window_after_s + LOOK_AHEAD_S) * 360) < cut
    assert 10 < decided.sum() < len(decided)
    np.testing.assert_array_equal(after.inputs["signal"][decided], before.inputs["signal"][decided])
    assert (after.inputs["signal"][~decided] != before.inputs["signal"][~decided]).any()


def test_beats_after_the_next_one_change_none_of_its_values(folder: Path) -> None:
    before = TASK.windows(folder, S001, training=False)
    marks = read_annotations(folder / "s001.atr")
    kept = 25
    samples, symbols = marks.sample[: kept + 1].tolist(), marks.symbol[: kept + 1].tolist()
    mark(
        folder,
        [*samples, *range(samples[-1] + 77, 21000, 301)],
        [*symbols, *["V"] * len(range(samples[-1] + 77, 21000, 301))],
    )
    after = TASK.windows(folder, S001, training=False)
    known = kept - 1  # the rhythm mark is no beat, and the last kept beat has another next one
    np.testing.assert_array_equal(after.inputs["signal"][: known + 1], before.inputs["signal"][: known + 1])
    np.testing.assert_array_equal(after.inputs["rhythm"][:known], before.inputs["rhythm"][:known])
    assert (after.inputs["rhythm"][known] != before.inputs["rhythm"][known]).any()
