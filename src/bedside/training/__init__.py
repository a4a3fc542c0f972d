"""Training that can be killed at any instant and ends with the same weights."""
