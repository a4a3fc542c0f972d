import pytest

from bedside.lineage import Lineage
from bedside.params import ParamsError, validate


def tree(**parents: str) -> Lineage:
    variants = {name: {"parent": parent, "technique": "prune"} for name, parent in parents.items()}
    return validate(Lineage, {"variants": variants}, where="params.yaml:")


def test_a_path_leads_from_the_teacher_to_the_variant() -> None:
    lineage = tree(combined="pruned", pruned="distilled", distilled="teacher")
    assert lineage.path("combined") == ["teacher", "distilled", "pruned", "combined"]
    assert lineage.path("teacher") == ["teacher"]


def test_parents_come_before_their_children_whatever_the_order_in_the_file() -> None:
    order = tree(combined="pruned", pruned="distilled", distilled="teacher", quantized="teacher").order()
    assert sorted(order) == ["combined", "distilled", "pruned", "quantized"]
    assert order.index("distilled") < order.index("pruned") < order.index("combined")


def test_an_unknown_parent_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParamsError, match=r"variants.pruned: unknown parent 'distiled'; known: teacher, pruned"):
        tree(pruned="distiled")


def test_a_circle_is_refused() -> None:
    with pytest.raises(ParamsError, match="goes in a circle"):
        tree(a="b", b="a")
    with pytest.raises(ParamsError, match="goes in a circle"):
        tree(a="a")
