"""What people read: the comparison of all deployments, and the review page of one."""

from bedside.reporting.brief import short as short
from bedside.reporting.claims import SeedClaim as SeedClaim
from bedside.reporting.pages import PICTURES as PICTURES
from bedside.reporting.pages import comparison_page as comparison_page
from bedside.reporting.pages import headline as headline
from bedside.reporting.pages import review_page as review_page
from bedside.reporting.pareto import draw as draw_pareto
from bedside.reporting.table import advice as advice
from bedside.reporting.table import batches as batches
from bedside.reporting.table import results as results

__all__ = [
    "PICTURES",
    "SeedClaim",
    "advice",
    "batches",
    "comparison_page",
    "draw_pareto",
    "headline",
    "results",
    "review_page",
    "short",
]
