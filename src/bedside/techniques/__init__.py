"""The techniques: one file each, from a parent to a variant. Their libraries are in bedside.compression."""
