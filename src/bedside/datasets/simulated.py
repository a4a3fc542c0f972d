"""A simulated cohort in the publisher's layout, so that the whole pipeline runs where no publisher can be reached.

No person was recorded: everything that is made from it carries the label `source: simulated` and can never be champion.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, PositiveFloat
from tqdm import tqdm

from bedside.datasets.simulated_rhythm import Rhythm, beats
from bedside.datasets.simulated_signal import RESOLUTION, ZERO, Heart, Placement, digitize, disturb, draw
from bedside.datasets.waveforms import Waveforms
from bedside.params import Seed


class Simulated(Waveforms):
    """Records `s001` onward, one per patient; the last patient has two.

    Traps on purpose: one record holds its leads in the other order, and with `lead_off` one more record goes flat half
    way, which `validate` must quarantine.
    """

    kind: Literal["simulated"] = "simulated"
    rate: PositiveFloat = 360.0
    gain: PositiveFloat = 200.0
    patients: int = Field(default=36, gt=0)
    seconds: float = Field(default=240.0, gt=0)
    seed: Seed = 7
    lead_off: bool = True

    @property
    def label(self) -> str:
        return "simulated"

    def patient(self, record: str) -> str:
        return _name(self.patients) if record == _name(self.patients + 1) else record

    def fetch(self, folder: Path) -> dict[str, str]:
        numbers = range(1, self.patients + (3 if self.lead_off else 2))
        for number in tqdm(numbers, desc="simulated cohort", unit="record"):
            self._record(folder, number)
        return {}

    def _record(self, folder: Path, number: int) -> None:
        """Write one record; it depends on its number and the seed alone, not on how many others there are."""
        person = self.patients if number == self.patients + 1 else number
        who = np.random.default_rng([self.seed, person])
        normal = str(who.choice(["N", "L", "R"], p=[0.84, 0.08, 0.08]))
        age, sex = int(who.integers(28, 90)), "FM"[person % 2]
        rhythm = Rhythm.draw(who)
        heart = Heart.draw(who, normal, rhythm.fibrillating)
        random = np.random.default_rng([self.seed, person, number])
        found = beats(rhythm, self.seconds, normal, random)
        clean = draw(found, heart, self.seconds, self.rate, random)
        signal = digitize(disturb(clean, Placement.draw(random), self.rate, random), self.gain)
        if number == self.patients + 2:
            signal[len(signal) // 2 :] = ZERO
        leads = ["MLII", "V5" if number % 2 else "V1"]
        order = [1, 0] if number == 5 else [0, 1]
        jitter = random.normal(0, 0.004, len(found.time))  # a person marked the peaks: a few ms off
        sample = np.round((found.time + jitter) * self.rate).astype(np.int64)
        _write(
            folder,
            _name(number),
            signal[:, order],
            [leads[i] for i in order],
            self,
            comments=[f"{age} {sex} 0 0 x1", "Simulated by bedside: no person was recorded."],
        )
        _annotate(folder, _name(number), sample, found.symbol)


def _name(number: int) -> str:
    return f"s{number:03d}"


def _write(
    folder: Path,
    record: str,
    signal: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]",
    leads: list[str],
    source: Simulated,
    *,
    comments: list[str],
) -> None:
    import wfdb

    made = wfdb.Record(
        record_name=record,
        fs=source.rate,
        units=[source.units] * 2,
        sig_name=leads,
        d_signal=signal,
        fmt=["212"] * 2,
        adc_gain=[source.gain] * 2,
        baseline=[ZERO] * 2,
        adc_res=[RESOLUTION] * 2,
        adc_zero=[ZERO] * 2,
        comments=comments,
    )
    made.set_d_features()
    made.set_defaults()
    made.wrsamp(write_dir=str(folder))


def _annotate(
    folder: Path,
    record: str,
    sample: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]",
    symbol: "np.ndarray[tuple[int, ...], np.dtype[np.str_]]",
) -> None:
    import wfdb

    first = ["(N\x00"] + [""] * len(sample)
    wfdb.wrann(
        record, "atr", np.concatenate([[18], sample]), ["+", *symbol.tolist()], aux_note=first, write_dir=str(folder)
    )
