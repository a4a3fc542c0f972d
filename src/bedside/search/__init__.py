"""Hardware-aware search: which student, which techniques in which order, with which numbers.

Candidates are trained briefly, measured on the target itself, and judged on validation patients alone.
"""
