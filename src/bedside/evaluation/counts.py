"""Tables of answers and what is counted in them: the scorer, which every task's outcome sets up.

Reference classes are in rows, with the unscored row last; answers are in columns. An unscored unit, and one of a class
that `outcome.neither` names for the answer, is neither a true nor a false answer. A task's own counting
rule, with its source, stands beside its outcome, in `bedside.tasks`.

The worked counts below are of classes A, B, C and D, in which a D called B is neither:

              A   B   C   D    called
        A    90   3   4   0
        B     2   7   0   1
        C     1   1   5   0
        D     1   2   2   3
        -     0   1   1   0    unscored
"""

from collections.abc import Sequence

import numpy as np

from bedside.evaluation.predictions import Flags, Floats, Ints, Predictions
from bedside.outcome import Outcome


def tables(predictions: Predictions, group: Ints, groups: int) -> Ints:
    """Tables `(group, class + 1, class)`: reference in rows with the unscored last, the answer in columns."""
    classes = len(predictions.classes)
    row = np.where(predictions.scored, predictions.label, classes)
    cell = (group * (classes + 1) + row) * classes + predictions.called
    return np.bincount(cell, minlength=groups * (classes + 1) * classes).reshape(groups, classes + 1, classes)


def sensitivity(table: Ints, outcome: Outcome, name: str) -> tuple[Ints, Ints]:
    """Numerator and denominator of Se for tables `(..., class + 1, class)`.

    Worked: of 10 reference B 7 are called B, 2 A, 1 D: 7 of 10.
    """
    index = outcome.index(name)
    return table[..., index, index], table[..., index, :].sum(-1)


def predictivity(table: Ints, outcome: Outcome, name: str) -> tuple[Ints, Ints]:
    """Numerator and denominator of +P for tables `(..., class + 1, class)`.

    Worked: 14 are called B: 7 B, 3 A, 1 C, 2 D, 1 unscored. The D and the unscored do not count, so +P is 7 of 11.
    """
    index = outcome.index(name)
    return table[..., index, index], table[..., counted(outcome, name), index].sum(-1)


def counted(outcome: Outcome, name: str) -> Flags:
    """Rows of the table (the unscored last) that, called `name`, are right or wrong rather than neither."""
    neither = outcome.neither.get(name, ())
    return np.array([row not in neither for row in outcome.classes] + [False])


def ratio(numerator: Ints | Floats, denominator: Ints | Floats) -> Floats:
    """Elementwise quotient; nothing out of nothing is NaN, which no gate passes."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1), np.nan)


def f1(table: Ints, outcome: Outcome, name: str) -> Floats:
    """F1 from Se and +P as they are counted here: `2 TP / (reference units + counted answers)`.

    Worked: Se 7 of 10 and +P 7 of 11 give 14 / 21.
    """
    hits, events = sensitivity(table, outcome, name)
    _, answers = predictivity(table, outcome, name)
    return ratio(2 * hits, events + answers)


def macro_f1(table: Ints, outcome: Outcome, over: Sequence[str]) -> float:
    """Mean F1 of one table over those classes of `over` that the reference holds; NaN if it holds none."""
    present = [name for name in over if sensitivity(table, outcome, name)[1] > 0]
    return float(np.mean([f1(table, outcome, name) for name in present])) if present else float("nan")


def accuracy(table: Ints) -> float:
    """Share of all scored units that are called as the reference says."""
    scored = table[..., :-1, :]
    return float(ratio(np.trace(scored), scored.sum()))
