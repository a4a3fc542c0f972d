"""All rows, in the order of the scorecard: each group declares its own when it is imported."""

from benchmarks.faults import flipped as flipped
from benchmarks.faults import guard as guard
from benchmarks.faults import kills as kills
from benchmarks.faults import labels as labels
from benchmarks.faults import recordings as recordings
from benchmarks.faults import splits as splits
from benchmarks.faults import tampering as tampering
from benchmarks.faults import training as training
from benchmarks.faults.rows import ROWS as ROWS
