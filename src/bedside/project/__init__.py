"""A project of one's own: what `bedside init` makes, and where it takes it from."""
