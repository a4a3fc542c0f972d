"""The outcome of beat classification, counted as ANSI/AAMI EC57 and its reference implementation do.

Source: ANSI/AAMI EC57 and `bxb` of the WFDB Software Package (George B. Moody, `bxb.c`, revision of 10 August 2010),
where rows are the reference and columns the algorithm:

    VTP = Vv   VFN = Vn + Vs + Vf + Vq + Vo + Vx   VFP = Nv + Sv + Ov + Xv
    STP = Ss   SFN = Sn + Sv + Sf + Sq + So + Sx   SFP = Ns + Vs + Fs + Os + Xs

A ventricular fusion (F) or unclassifiable (Q) beat called V is therefore neither a true nor a false V; a Q beat called
S is neither for S, while an F beat called S is a false S. Missed and extra detections (o, x, O, X) do not exist here:
beats are classified at the reference positions. EC57 sets no rule for N and F as answers; Q is left out there too.

Worked, for the tables of `bedside.evaluation.counts`: of 10 reference V beats 7 are called V, 2 N, 1 F, so Se is 7 of
10. 14 beats are called V: 7 V, 3 N, 1 S, 2 F, 1 Q. F and Q do not count, so +P is 7 of 11, not 7 of 14, and F1 is
14 / 21.
"""

from bedside.outcome import Averaged, Noun, Outcome, Unscored
from bedside.tasks.ecg_beats.aami import CLASSES

OUTCOME = Outcome(
    classes=CLASSES,
    names={"N": "normal", "S": "supraventricular ectopic", "V": "ventricular ectopic", "F": "fusion"},
    unit=Noun(one="beat", many="beats"),
    unscored=Unscored(name="Q", why="nobody can tell what an unclassifiable or paced beat should have been called"),
    background="N",
    macro=Averaged(
        classes=("N", "S", "V"), why="nearly all F beats stem from one patient, so that their F1 is a coin toss"
    ),
    neither={"V": ("F",)},
    gravest=("V", "F", "S", "N"),
    watched=("S", "V"),
    rare=("S", "V", "F"),
    standard="ANSI/AAMI EC57",
)
