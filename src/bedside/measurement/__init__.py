"""What a deployment costs on this machine: latency, throughput, start-up, memory; each with where it comes from."""

from bedside.measurement.measure import Measure, Measurement

__all__ = ["Measure", "Measurement"]
