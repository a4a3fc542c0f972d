"""ROC-like curves, one class against the rest, with the decision that is inside the graph marked on them."""

from pathlib import Path

import numpy as np
from scipy.special import softmax

from bedside.evaluation.pictures.style import CLASS_COLOURS, GREY, NORMAL, SMALL, figure, plain, save
from bedside.evaluation.predictions import Flags, Floats, Predictions

SIDE = 0.3  # what matters happens at the left; the rest of the axis is empty


def draw_curves(path: Path, candidate: Predictions, reference: Predictions, *, title: str) -> None:
    """Sensitivity against the share of the others called so, per class; candidate solid, teacher dotted."""
    made = figure(9, 6, f"One class against the rest: {title}")
    axes, unit = made.subplots(), candidate.outcome.unit.many
    for of, style, whose in ((candidate, "-", ""), (reference, ":", " (teacher)")):
        score = softmax(of.logits[of.scored], axis=1)
        for index, name in enumerate(of.classes):
            truth, colour = of.label[of.scored] == index, CLASS_COLOURS[index]
            if not truth.any() or truth.all():
                continue
            wrong, right, area = curve(score[:, index], truth)
            axes.plot(wrong, right, style, color=colour, linewidth=2, label=f"{name}: area {area:.3f}{whose}")
            called = of.called[of.scored] == index
            fill = colour if of is candidate else "white"
            axes.plot(called[~truth].mean(), called[truth].mean(), "o", color=fill, ms=9, mec=colour, mew=2)
    axes.plot([], [], "o", color=GREY, ms=9, mec=GREY, label="decision of the graph")
    axes.plot([], [], "o", color="white", ms=9, mec=GREY, mew=2, label="decision of the teacher")
    axes.set(xlim=(-0.005, SIDE), ylim=(0, 1.02))
    axes.set_xlabel(f"share of the other {unit} called so (axis ends at 0.3)", fontsize=NORMAL)
    axes.set_ylabel("sensitivity", fontsize=NORMAL)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=SMALL, ncols=2)
    plain(axes, f"all test {unit} but {candidate.outcome.unscored.name}, pooled")
    save(made, path)


def curve(score: Floats, truth: Flags) -> tuple[Floats, Floats, float]:
    """False positive share, true positive share, and the area under them; ties are one step.

    Worked: scores .9 .8 .3 of a true, a false and a true one give an area of .5.
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    right = np.append(0, np.cumsum(truth[order])[last]) / truth.sum()
    wrong = np.append(0, np.cumsum(~truth[order])[last]) / (~truth).sum()
    return wrong, right, float(np.trapezoid(right, wrong))
