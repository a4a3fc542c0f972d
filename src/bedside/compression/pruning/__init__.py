"""Pruning, structured (whole units go) and unstructured (single weights become zero); score, schedule, allocation and
surgery are kept apart.
"""
