import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bedside.lineage import PORTS, Lineage, check, techniques
from bedside.params import ParamsError, validate

COMPONENTS = Path(__file__).parents[2] / "components"


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


def test_the_variant_that_is_wrong_is_named_and_not_its_child_that_comes_first() -> None:
    with pytest.raises(ParamsError, match=r"variants.pruned: unknown parent 'nope'"):
        tree(combined="pruned", pruned="nope")
    with pytest.raises(ParamsError, match=r"variants.pruned: goes in a circle: pruned <- pruned"):
        tree(combined="pruned", pruned="pruned")


@pytest.mark.parametrize("parent", ["teacher", "distilled"])
def test_a_variant_cannot_be_called_teacher(parent: str) -> None:
    with pytest.raises(ParamsError, match=r"variants.teacher: the root is made by train_teacher"):
        tree(teacher=parent)


def test_a_circle_is_refused() -> None:
    with pytest.raises(ParamsError, match="goes in a circle"):
        tree(a="b", b="a")
    with pytest.raises(ParamsError, match="goes in a circle"):
        tree(a="a")


def pipeline(evaluated: tuple[str, ...] = ("teacher",), **variants: tuple[str, str]) -> dict[str, Any]:
    """Parameters with variants given as (parent, technique)."""
    return {
        "variants": {
            name: {"parent": parent, "technique": technique} for name, (parent, technique) in variants.items()
        },
        "evaluated": {"variants": list(evaluated)},
    }


def refused(match: str, **variants: tuple[str, str]) -> None:
    with pytest.raises(ParamsError, match=match):
        check(pipeline(**variants), COMPONENTS)


def test_the_projects_own_lineage_can_be_made() -> None:
    params = yaml.safe_load((COMPONENTS.parent / "params.yaml").read_text())
    assert set(check(params, COMPONENTS).variants) == set(params["variants"])


@pytest.mark.parametrize("chain", [("distill", "prune", "quantize"), ("prune", "substitute", "prune")])
def test_a_chain_in_which_each_technique_takes_what_the_one_before_gives_is_accepted(chain: tuple[str, ...]) -> None:
    first, second, third = chain
    check(pipeline(a=("teacher", first), b=("a", second), c=("b", third)), COMPONENTS)


def test_an_unknown_technique_is_refused_with_the_known_ones() -> None:
    refused(
        r"params.yaml:variants.a.technique: unknown technique 'prune_it'; known: .*distill, .*prune, quantize",
        a=("teacher", "prune_it"),
    )


def test_a_stage_that_is_no_technique_is_refused_as_one() -> None:
    refused("unknown technique 'evaluate'", a=("teacher", "evaluate"))


def test_a_technique_that_cannot_apply_is_refused_with_the_rule_in_words() -> None:
    refused(
        r"variants.combined.technique: prune takes a float network, and its parent 'small' is quantized, made by "
        r"quantize \(teacher -> small -> combined\); let prune come earlier",
        combined=("small", "prune"),
        small=("teacher", "quantize"),
    )
    refused(
        r"prune takes a float network, .* two_step, made by early_exit", a=("teacher", "early_exit"), b=("a", "prune")
    )


def test_every_problem_is_told_at_once_and_none_that_only_follows_from_another() -> None:
    with pytest.raises(ParamsError) as told:
        check(
            pipeline(
                a=("teacher", "quantize"),
                b=("a", "prune"),
                c=("b", "quantize"),
                d=("teacher", "nothing"),
                e=("d", "prune"),
            ),
            COMPONENTS,
        )
    assert [line.split(".technique")[0] for line in str(told.value).splitlines()] == [
        "params.yaml:variants.d",
        "params.yaml:variants.b",
    ]


def test_what_is_evaluated_must_exist() -> None:
    with pytest.raises(ParamsError, match=r"evaluated.variants: unknown variant 'b'; known: teacher, a"):
        check(pipeline(("teacher", "b"), a=("teacher", "prune")), COMPONENTS)


def test_a_technique_that_says_nothing_takes_anything_and_gives_what_it_took(tmp_path: Path) -> None:
    ports = ", ".join(f"{port}: int" for port in PORTS)
    for name, words in {"tidy": "", "grid": ", takes=('float',), gives='grid'"}.items():
        source = f"@component(image='train'{words})\ndef {name}(*, {ports}) -> None: ...\n"
        (tmp_path / f"{name}.py").write_text(source)
    (tmp_path / "helper.py").write_text("def helper() -> None: ...\n")
    assert {"tidy", "grid"} <= set(techniques(tmp_path))
    assert "helper" not in techniques(tmp_path)
    check(pipeline(a=("teacher", "tidy"), b=("a", "grid"), c=("b", "tidy")), tmp_path)
    with pytest.raises(ParamsError, match="'c' is grid, made by tidy"):
        check(pipeline(a=("teacher", "tidy"), b=("a", "grid"), c=("b", "tidy"), d=("c", "grid")), tmp_path)


def test_a_check_is_quick_it_imports_no_torch() -> None:
    script = (
        "import sys, yaml; from pathlib import Path; from bedside.lineage import check; "
        f"folder = Path({str(COMPONENTS)!r}); check(yaml.safe_load((folder / '../params.yaml').read_text()), folder); "
        "assert not {'torch', 'onnx', 'kfp', 'dvc'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(COMPONENTS.parent / "src")}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
