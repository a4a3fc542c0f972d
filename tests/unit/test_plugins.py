import pytest

from bedside.params import Params, ParamsError, load, validate
from bedside.plugins import Choice
from tests.support.shapes.base import Shape


class Drawing(Params):
    shape: Choice[Shape]
    count: int = 1


def test_a_kind_chooses_the_strategy_and_its_fields_are_the_parameters() -> None:
    assert Shape.build({"kind": "square", "side": 3}).area() == 9


def test_every_file_of_the_family_is_known_without_being_imported_by_name() -> None:
    assert sorted(Shape.family()) == ["circle", "square"]


def test_a_strategy_is_a_stage_argument_by_itself() -> None:
    assert load(Shape, '{"kind": "square", "side": 2.0}').area() == 4  # type: ignore[type-abstract]  # a family


def test_an_unknown_kind_lists_the_known_ones_and_its_path() -> None:
    with pytest.raises(
        ParamsError, match=r"params.yaml:drawing.shape: .*unknown Shape kind 'hexagon'; known: circle, square"
    ):
        validate(Drawing, {"shape": {"kind": "hexagon"}}, where="params.yaml:drawing")


@pytest.mark.parametrize("raw", ["square", None, ["square"], 3])
def test_a_strategy_without_a_mapping_is_refused(raw: object) -> None:
    with pytest.raises(ParamsError, match="a Shape is a mapping with a `kind`"):
        validate(Drawing, {"shape": raw}, where="params.yaml:drawing")


def test_a_missing_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParamsError, match="unknown Shape kind None; known: circle, square"):
        validate(Drawing, {"shape": {"side": 2}}, where="params.yaml:drawing")


@pytest.mark.parametrize("kind", [["circle"], {"circle": 1}, 3, True])
def test_a_kind_that_is_no_text_is_refused_with_the_known_ones(kind: object) -> None:
    with pytest.raises(ParamsError, match=r"drawing.shape: unknown Shape kind .*; known: circle, square"):
        validate(Drawing, {"shape": {"kind": kind}}, where="params.yaml:drawing")


def test_a_wrong_field_of_a_strategy_is_refused() -> None:
    with pytest.raises(ParamsError, match="radius"):
        validate(Drawing, {"shape": {"kind": "circle", "radius": -1}}, where="params.yaml:drawing")
    with pytest.raises(ParamsError, match="side"):
        validate(Drawing, {"shape": {"kind": "circle", "side": 1}}, where="params.yaml:drawing")


def test_a_choice_keeps_its_own_fields_when_written_out() -> None:
    drawing = validate(Drawing, {"shape": {"kind": "circle", "radius": 2}}, where="inline")
    assert drawing.model_dump(mode="json") == {"shape": {"kind": "circle", "radius": 2.0}, "count": 1}
    assert validate(Drawing, drawing.model_dump(mode="json"), where="inline") == drawing
