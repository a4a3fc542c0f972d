"""What was changed in a network, as data: one kind of edit per file, applied in order to a fresh network."""
