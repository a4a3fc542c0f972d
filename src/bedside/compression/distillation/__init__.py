"""Knowledge distillation: soft targets, features, learning without labels, and a last step on edge cases."""

from bedside.compression.distillation.edge_cases import EdgeCases, learn_edge_cases
from bedside.compression.distillation.features import Features, Hinted, feature_distillation
from bedside.compression.distillation.unlabelled import answered
from bedside.training.soft_targets import SoftTargets, distillation_loss

__all__ = [
    "EdgeCases",
    "Features",
    "Hinted",
    "SoftTargets",
    "answered",
    "distillation_loss",
    "feature_distillation",
    "learn_edge_cases",
]
