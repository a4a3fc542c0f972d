"""One file, one stage: a typed function with declared ports, from the raw recordings to the report."""
