"""Real faults on the real code, each a function of its row and its number: `python -m benchmarks.faults`."""
