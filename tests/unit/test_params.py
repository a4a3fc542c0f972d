from pathlib import Path

import pydantic
import pytest

from bedside.params import Params, ParamsError, load, lookup, validate


class Training(Params):
    epochs: int = pydantic.Field(default=3, ge=1)
    learning_rate: float = 1e-3


class Stage(Params):
    training: Training = Training()
    width: int


def test_a_file_reference_and_inline_json_give_the_same_parameters(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("stages: {teacher: {width: 8, training: {epochs: 5}}}")
    assert load(Stage, f"{file}:stages.teacher") == load(Stage, '{"width": 8, "training": {"epochs": 5}}')


def test_whole_floats_are_taken_for_integers_since_kubeflow_sends_every_number_as_one() -> None:
    assert load(Training, '{"epochs": 3.0}').epochs == 3
    with pytest.raises(ParamsError, match=r"inline:epochs: .*integer"):
        load(Training, '{"epochs": 3.5}')


def test_parameters_cannot_change_after_they_were_read() -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        Training().epochs = 4  # type: ignore[misc]  # that it is refused is the point


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            {"width": 8, "traning": {}},
            "p.yaml:stage.traning: unknown parameter; known: training, width; did you mean 'training'",
        ),
        (
            {"width": 8, "training": {"epoch": 2}},
            "p.yaml:stage.training.epoch: unknown parameter; known: epochs, learning_rate",
        ),
        (
            {"width": 8, "training": {"epochs": 0}},
            "p.yaml:stage.training.epochs: Input should be greater than or equal to 1",
        ),
        ({}, "p.yaml:stage.width: Field required"),
        ({"width": "wide"}, "p.yaml:stage.width: Input should be a valid integer"),
        ([1], "p.yaml:stage: Input should be a valid dictionary"),
    ],
)
def test_a_wrong_parameter_is_named_by_its_path_with_what_would_be_right(raw: object, message: str) -> None:
    with pytest.raises(ParamsError) as error:
        validate(Stage, raw, where="p.yaml:stage")
    assert message in str(error.value)


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, number: str) -> None:
    (tmp_path / "p.yaml").write_text(f"training: {{learning_rate: {number}}}")
    with pytest.raises(ParamsError, match="learning_rate: Input should be a finite number"):
        load(Training, f"{tmp_path}/p.yaml:training")


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ParamsError) as error:
        validate(Stage, {"training": {"epochs": 0, "x": 1}}, where="p.yaml:stage")
    assert len(str(error.value).splitlines()) == 3


def test_a_wrong_path_names_the_keys_at_the_level_where_it_failed(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("variants: {pruned: {params: 1}}")
    assert lookup(file, "variants.pruned") == {"params": 1}
    with pytest.raises(ParamsError, match=r"p.yaml:variants: no key 'pruend'; known: pruned"):
        lookup(file, "variants.pruend")
    with pytest.raises(ParamsError, match="no key 'deeper'; known: a int"):
        lookup(file, "variants.pruned.params.deeper")
    with pytest.raises(ParamsError, match="no such parameter file"):
        lookup(tmp_path / "absent.yaml", "x")


def test_what_is_not_json_or_yaml_is_refused_as_such(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("a: [1, 2\nb: 3")
    with pytest.raises(ParamsError, match=r"(?s)p.yaml: not YAML .*line 2"):
        load(Training, f"{tmp_path}/p.yaml:a")
    with pytest.raises(ParamsError, match="inline: not JSON"):
        load(Training, '{"epochs": 3')
