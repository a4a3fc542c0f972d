"""Simulated ECG: beats drawn as sums of Gaussian waves (after McSharry 2003), then placed, disturbed and digitized."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedside.datasets.simulated_rhythm import Beats

Array = NDArray[np.float64]
# Waves of a beat, one row each: amplitude in mV, centre in s after the R peak, width in s. Rows: P, Q, R, S, R', T.
SINUS = np.array(
    [
        [0.14, -0.165, 0.024],
        [-0.10, -0.034, 0.011],
        [1.15, 0.0, 0.014],
        [-0.22, 0.034, 0.013],
        [0.0, 0.055, 0.018],
        [0.28, 0.27, 0.052],
    ]
)
VENTRICULAR = np.array(
    [
        [0.0, -0.165, 0.024],
        [-0.12, -0.09, 0.022],
        [1.35, 0.0, 0.036],
        [-0.55, 0.085, 0.036],
        [0.0, 0.055, 0.018],
        [-0.38, 0.30, 0.062],
    ]
)
BEFORE_S, AFTER_S = 0.32, 0.62
RESOLUTION, ZERO = 11, 1024  # of the converter: its bits, and what it gives for 0 mV


@dataclass(frozen=True)
class Heart:
    """One person's beats as two leads see them: waves (lead, wave, 3) of amplitude, centre and width."""

    sinus: Array
    ventricular: Array
    second_focus: Array
    atrial: Array

    @classmethod
    def draw(cls, random: np.random.Generator, normal: str, fibrillating: bool) -> "Heart":
        sinus = np.stack([_vary(SINUS, random, 0.22), _vary(SINUS, random, 0.4)])
        if normal in "LR":  # a conduction block: broad, notched, with the T wave turned over
            sinus[:, 2:4, 2] *= random.uniform(1.5, 1.9)
            sinus[:, 4] = [random.uniform(0.4, 0.8), random.uniform(0.05, 0.07), 0.02]
            sinus[:, 5, 0] *= random.uniform(-0.8, -0.3)
        if fibrillating:
            sinus[:, 0, 0] = 0.0  # no P wave
        turned = 1.0 if random.random() < 0.55 and normal == "N" else -1.0  # a block turns it the other way
        ventricular = np.stack([_vary(VENTRICULAR, random, 0.25), _vary(VENTRICULAR, random, 0.4)])
        ventricular[:, :, 0] *= turned
        second = ventricular * 1.0
        if random.random() < 0.35 and normal == "N":  # a second focus sends the wave another way
            second[:, :, 0] *= random.uniform(-0.9, -0.5)
            second[:, :, 2] *= random.uniform(0.85, 1.15)
        atrial = sinus * 1.0
        atrial[:, 0, 0] *= random.uniform(-0.9, 0.5)
        atrial[:, 0, 1] += random.uniform(0.015, 0.05)
        return cls(sinus, ventricular, second, atrial)


@dataclass(frozen=True)
class Placement:
    """How the electrodes and the room disturb one recording; amplitudes in mV, `gain` (lead,) without unit."""

    gain: Array
    wander: float
    muscle: float
    mains: float
    bursts: int

    @classmethod
    def draw(cls, random: np.random.Generator) -> "Placement":
        polarity = np.where(random.random(2) < 0.06, -1.0, 1.0)
        return cls(
            gain=polarity * random.uniform(0.55, 1.5, 2),
            wander=random.uniform(0.03, 0.22),
            muscle=random.uniform(0.008, 0.035),
            mains=random.uniform(0.0, 0.015),
            bursts=int(random.integers(0, 5)),
        )


def draw(beats: Beats, heart: Heart, seconds: float, rate: float, random: np.random.Generator) -> Array:
    """The undisturbed signal (sample, lead) in mV."""
    waves = _waves(beats, heart, random)
    stretch = np.sqrt(np.clip(beats.interval, 0.4, 1.4) / 0.8)
    waves[:, :, 5, 1] *= stretch[:, None]  # the QT interval follows the rate
    waves[:, :, :, 0] *= (1 + 0.06 * np.sin(2 * np.pi * 0.22 * beats.time) + random.normal(0, 0.03, len(stretch)))[
        :, None, None
    ]
    signal = np.zeros((int(seconds * rate), 2))
    first = np.floor((beats.time - BEFORE_S) * rate).astype(np.int64)
    samples = first[:, None] + np.arange(int((BEFORE_S + AFTER_S) * rate))
    offset = samples / rate - beats.time[:, None]
    inside = (samples >= 0) & (samples < len(signal))
    for lead in range(2):
        beat = np.zeros_like(offset)
        for amplitude, centre, width in np.moveaxis(waves[:, lead], 0, -1):
            beat += amplitude[:, None] * np.exp(-0.5 * ((offset - centre[:, None]) / width[:, None]) ** 2)
        np.add.at(signal[:, lead], samples[inside], beat[inside])
    return signal


def disturb(signal: Array, placement: Placement, rate: float, random: np.random.Generator) -> Array:
    """Electrode gain, baseline wander, muscle noise in bursts, mains hum and electrode motion on (sample, lead)."""
    time = np.arange(len(signal)) / rate
    wander = sum(
        random.uniform(0.3, 1.0) * np.sin(2 * np.pi * (f * time + random.random())) for f in (0.07, 0.18, 0.31)
    )
    loud = np.ones(len(time))
    for _ in range(placement.bursts):
        start, length = random.uniform(0, time[-1]), random.uniform(2, 8)
        loud[(time > start) & (time < start + length)] *= 3.0
    noise = random.normal(0, placement.muscle, signal.shape)
    noise[1:] = 0.6 * noise[1:] + 0.4 * noise[:-1]
    hum = placement.mains * np.sin(2 * np.pi * 60.0 * time)
    motion = np.zeros(len(time))
    for start in random.uniform(0, time[-1], placement.bursts):
        motion += np.where(time > start, random.normal(0, 0.4) * np.exp(-np.clip(time - start, 0, 60) / 0.5), 0.0)
    common = placement.wander * np.asarray(wander) + hum + motion
    return np.asarray(signal * placement.gain + common[:, None] + noise * loud[:, None])


def digitize(signal: Array, gain: float = 200.0) -> NDArray[np.int64]:
    """ADC values (sample, lead) of the converter, which clips at its ends."""
    half = 1 << (RESOLUTION - 1)
    return (np.clip(np.round(signal * gain), -half, half - 1) + ZERO).astype(np.int64)


def _waves(beats: Beats, heart: Heart, random: np.random.Generator) -> Array:
    """The waves (beat, lead, wave, 3) by what each beat is: between a sinus beat and a ventricular one.

    The shares make the classes overlap: some ventricular beats start near the septum and are narrow, a fusion lies
    between its parents, and a few sinus beats are conducted with an aberration.
    """
    waves = np.repeat(heart.sinus[None], len(beats.time), axis=0)
    waves[beats.symbol == "A"] = heart.atrial
    number = len(beats.time)
    focus = random.random(number) < 0.7
    ventricular = np.where(focus[:, None, None, None], heart.ventricular, heart.second_focus)
    shares = {
        "V": np.where(
            random.random(number) < 0.12, random.uniform(0.3, 0.75, number), random.normal(1.0, 0.08, number)
        ),
        "F": random.uniform(0.3, 0.7, number),
        "Q": random.uniform(0.1, 0.5, number),
    }
    aberrant = np.where(random.random(number) < 0.012, random.uniform(0.1, 0.4, number), 0.0)
    share = np.select([beats.symbol == symbol for symbol in shares], list(shares.values()), aberrant)
    return np.asarray(waves + share[:, None, None, None] * (ventricular - waves))


def _vary(waves: Array, random: np.random.Generator, spread: float) -> Array:
    """Another person's waves: amplitudes vary most, then widths, then places."""
    varied = waves * random.lognormal(0, [spread, spread / 6, spread / 3], waves.shape)
    return np.asarray(varied)
