"""Simulated rhythm: when each heart beat comes and what it is, with the truth known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rhythm:
    """How one simulated person's heart beats: `interval` in seconds, the rest are shares of beats."""

    interval: float
    variability: float
    fibrillating: bool
    ventricular: float
    supraventricular: float
    fusion: float
    coupling: float

    @classmethod
    def draw(cls, random: np.random.Generator) -> "Rhythm":
        fibrillating = bool(random.random() < 0.08)
        return cls(
            interval=random.uniform(0.58, 1.0),
            variability=random.uniform(0.012, 0.04),
            fibrillating=fibrillating,
            ventricular=float(np.clip(random.lognormal(np.log(0.07), 0.5), 0.03, 0.2)),
            supraventricular=0.0 if fibrillating else float(np.clip(random.lognormal(np.log(0.05), 0.6), 0.01, 0.18)),
            fusion=random.choice([0.0, 0.008, 0.02]),
            coupling=random.uniform(0.56, 0.72),
        )


@dataclass(frozen=True)
class Beats:
    """Beats in time order, one row each: `time` of the R peak in s, WFDB `symbol`, `interval` before it in s."""

    time: NDArray[np.float64]
    symbol: NDArray[np.str_]
    interval: NDArray[np.float64]


def beats(rhythm: Rhythm, seconds: float, normal: str, random: np.random.Generator) -> Beats:
    """Draw beats until `seconds` are full; `normal` is the symbol of this person's sinus beats (N, L or R)."""
    times, symbols = [random.uniform(0.6, 1.0)], [normal]
    drift, pause = 0.0, 1.0
    while times[-1] < seconds - 1.0:
        drift = 0.9 * drift + random.normal(0, rhythm.variability)
        breathing = 0.02 * np.sin(2 * np.pi * 0.22 * times[-1])
        sinus = rhythm.interval * (1 + drift * 0.6 + breathing)
        if rhythm.fibrillating:
            sinus = rhythm.interval * random.gamma(22, 1 / 22)
        symbol = _kind(rhythm, normal, symbols[-1], random)
        early = _earliness(rhythm, symbol, random)
        times.append(times[-1] + max(0.26, sinus * early * pause))
        symbols.append(symbol)
        pause = _pause(symbol, early, rhythm.fibrillating, random)
    time = np.array(times)
    return Beats(time, np.array(symbols), np.diff(time, prepend=time[0] - rhythm.interval))


def _kind(rhythm: Rhythm, normal: str, before: str, random: np.random.Generator) -> str:
    """What comes next: ectopic beats seldom follow each other (couplets), a few beats cannot be classified."""
    again = 1.0 if before == normal else 0.35
    shares = np.array([rhythm.ventricular, rhythm.supraventricular, rhythm.fusion, 0.0015]) * again
    return str(random.choice(["V", "A", "F", "Q", normal], p=[*shares, 1 - shares.sum()]))


def _earliness(rhythm: Rhythm, symbol: str, random: np.random.Generator) -> float:
    """The interval before a beat as a share of the sinus interval: some ventricular beats come late, as fusions do."""
    if symbol == "V":
        return random.uniform(0.86, 1.0) if random.random() < 0.15 else random.normal(rhythm.coupling, 0.04)
    if symbol == "A":
        return random.normal(rhythm.coupling + 0.09, 0.06)
    return random.uniform(0.88, 0.99) if symbol == "F" else 1.0


def _pause(symbol: str, early: float, fibrillating: bool, random: np.random.Generator) -> float:
    """The next interval as a share: fully compensatory after ventricular beats, reset after supraventricular ones."""
    if fibrillating:
        return 1.0
    return {"V": 2.0 - early, "F": 2.0 - early, "A": random.uniform(1.0, 1.18)}.get(symbol, 1.0)
