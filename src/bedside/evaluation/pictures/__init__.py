"""The pictures a reviewer looks at: confusion, patients, ROC-like curves, and the windows that compression flipped."""

from bedside.evaluation.pictures.draw import draw as draw
