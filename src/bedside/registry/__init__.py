"""Signed bundles, the registry of models and the promotion log."""

from bedside.registry.candidate import Candidate as Candidate
from bedside.registry.candidate import Yardstick as Yardstick
from bedside.registry.candidate import candidates as candidates
from bedside.registry.promotion import Promote as Promote
from bedside.registry.promotion import Promotion as Promotion
from bedside.registry.snapshot import private_copies as private_copies
