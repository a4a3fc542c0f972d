"""Kubeflow Pipelines from outside: what pods get, pipeline versions, runs, schedules, and how they stand."""
