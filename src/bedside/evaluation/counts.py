"""The beat table and the counts that ANSI/AAMI EC57 takes from it.

Source: ANSI/AAMI EC57 and its reference implementation `bxb` of the WFDB Software Package (George B. Moody, `bxb.c`,
revision of 10 August 2010), where rows are the reference and columns the algorithm:

    VTP = Vv   VFN = Vn + Vs + Vf + Vq + Vo + Vx   VFP = Nv + Sv + Ov + Xv
    STP = Ss   SFN = Sn + Sv + Sf + Sq + So + Sx   SFP = Ns + Vs + Fs + Os + Xs

A ventricular fusion (F) or unclassifiable (Q) beat called V is therefore neither a true nor a false V; a Q beat called
S is neither for S, while an F beat called S is a false S. Missed and extra detections (o, x, O, X) do not exist here:
beats are classified at the reference positions. EC57 sets no rule for N and F as answers; Q is left out there too.
"""

from collections.abc import Sequence

import numpy as np

from bedside.evaluation.predictions import Flags, Floats, Ints, Predictions

NEITHER = {"V": ("F",)}  # reference classes that, called so, are neither right nor wrong; Q is one for every class


def tables(predictions: Predictions, group: Ints, groups: int) -> Ints:
    """Beat tables `(group, class + 1, class)`: reference in rows with Q last, the answer in columns."""
    classes = len(predictions.classes)
    row = np.where(predictions.scored, predictions.label, classes)
    cell = (group * (classes + 1) + row) * classes + predictions.called
    return np.bincount(cell, minlength=groups * (classes + 1) * classes).reshape(groups, classes + 1, classes)


def sensitivity(table: Ints, classes: Sequence[str], name: str) -> tuple[Ints, Ints]:
    """Numerator and denominator of Se for tables `(..., class + 1, class)`.

    Worked: of 10 reference V beats 7 called V, 2 N, 1 F: 7 of 10.
    """
    index = list(classes).index(name)
    return table[..., index, index], table[..., index, :].sum(-1)


def predictivity(table: Ints, classes: Sequence[str], name: str) -> tuple[Ints, Ints]:
    """Numerator and denominator of +P for tables `(..., class + 1, class)`.

    Worked: 14 beats are called V: 7 V, 3 N, 1 S, 2 F, 1 Q. F and Q do not count, so +P is 7 of 11, not 7 of 14.
    """
    index = list(classes).index(name)
    return table[..., index, index], table[..., counted(classes, name), index].sum(-1)


def counted(classes: Sequence[str], name: str) -> Flags:
    """Rows of the beat table (Q last) whose beats, called `name`, are right or wrong rather than neither."""
    neither = NEITHER.get(name, ())
    return np.array([row not in neither for row in classes] + [False])


def ratio(numerator: Ints | Floats, denominator: Ints | Floats) -> Floats:
    """Elementwise quotient; nothing out of nothing is NaN, which no gate passes."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1), np.nan)


def f1(table: Ints, classes: Sequence[str], name: str) -> Floats:
    """F1 from Se and +P as EC57 counts them: `2 TP / (reference beats + counted answers)`.

    Worked: Se 7 of 10 and +P 7 of 11 give 14 / 21.
    """
    hits, events = sensitivity(table, classes, name)
    _, answers = predictivity(table, classes, name)
    return ratio(2 * hits, events + answers)


def macro_f1(table: Ints, classes: Sequence[str], over: Sequence[str]) -> float:
    """Mean F1 of one table over those classes of `over` that the reference holds; NaN if it holds none."""
    present = [name for name in over if name in classes and sensitivity(table, classes, name)[1] > 0]
    return float(np.mean([f1(table, classes, name) for name in present])) if present else float("nan")


def accuracy(table: Ints) -> float:
    """Share of all beats but Q that are called as the reference says."""
    scored = table[..., :-1, :]
    return float(ratio(np.trace(scored), scored.sum()))
