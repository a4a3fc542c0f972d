import json
from pathlib import Path
from typing import Annotated, Literal

import pydantic
import pytest

from bedside.params import Params, ParamsError, load, lookup, validate


class Training(Params):
    epochs: int = pydantic.Field(default=3, ge=1)
    learning_rate: float = 1e-3


class Stage(Params):
    training: Training = Training()
    width: int


class Everything(Params):
    """Every shape in which a number or a boolean can be a parameter."""

    whole: int = 1
    real: Annotated[float, pydantic.Field(gt=0)] = 0.5
    either: int | float = 1
    perhaps: float | None = None
    bits: Literal["dynamic", 8, 16] = 8
    many: tuple[int, ...] = ()
    named: dict[str, pydantic.PositiveInt] = pydantic.Field(default_factory=dict)
    nested: tuple[Training, ...] = ()
    flag: bool = False


def test_a_file_reference_and_inline_json_give_the_same_parameters(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("stages: {teacher: {width: 8, training: {epochs: 5}}}")
    assert load(Stage, f"{file}:stages.teacher") == load(Stage, '{"width": 8, "training": {"epochs": 5}}')


def test_whole_floats_are_taken_for_integers_since_kubeflow_sends_every_number_as_one() -> None:
    assert load(Training, '{"epochs": 3.0}').epochs == 3
    with pytest.raises(ParamsError, match=r"inline:epochs: .*integer"):
        load(Training, '{"epochs": 3.5}')


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"whole": True}, "whole"),
        ({"whole": "3"}, "whole"),
        ({"real": True}, "real"),
        ({"either": False}, "either"),
        ({"perhaps": True}, "perhaps"),
        ({"bits": True}, "bits"),
        ({"many": [1, True]}, "many.1"),
        ({"named": {"lstm.0": True}}, "named.lstm.0"),
        ({"nested": [{"epochs": True}]}, "nested.0.epochs"),
        ({"flag": 1}, "flag"),
        ({"flag": "no"}, "flag"),
    ],
)
def test_nothing_is_taken_for_a_number_or_a_boolean_that_is_none(raw: object, path: str) -> None:
    with pytest.raises(ParamsError) as told:
        validate(Everything, raw, where="p.yaml:stage")
    (line,) = str(told.value).splitlines()
    assert line.startswith(f"p.yaml:stage.{path}: Input should be")


def test_numbers_as_yaml_and_kubeflow_write_them_are_taken() -> None:
    raw = {"whole": 3.0, "real": "1e-3", "either": 2, "bits": 16.0, "many": [1.0, 2], "named": {"a": 4.0}, "flag": True}
    found = validate(Everything, raw, where="inline").model_dump(mode="json")
    plain = {"whole": 3, "real": 0.001, "either": 2, "bits": 16, "many": [1, 2], "named": {"a": 4}, "flag": True}
    assert json.dumps(found) == json.dumps({**Everything().model_dump(mode="json"), **plain})


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


def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("training:\n  epochs: 3\n  learning_rate: 0.1\n  epochs: 30\n")
    with pytest.raises(ParamsError, match=r"p.yaml: 'epochs' stands twice in one place, in line 2 and in line 4; keep"):
        load(Training, f"{tmp_path}/p.yaml:training")
    with pytest.raises(ParamsError, match="inline: 'epochs' stands twice in one place"):
        load(Training, '{"epochs": 3, "epochs": 30}')


def test_a_key_may_replace_one_that_is_merged_in(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "a: &a {epochs: 3}\nb: &b {<<: *a, epochs: 4}\nc: {<<: *b, learning_rate: 0.5}\nd: {epochs: 5}\n"
    )
    assert [load(Training, f"{tmp_path}/p.yaml:{name}").epochs for name in "abcd"] == [3, 4, 4, 5]


@pytest.mark.parametrize("text", ["at: 2024-13-45", "a: b: c", "a: \0", "{[1]: 2}", "a: !!python/object:os.system {}"])
def test_a_file_that_is_no_yaml_is_one_message(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ParamsError, match=r"p.yaml: not YAML"):
        lookup(tmp_path / "p.yaml", "")


def test_a_file_in_another_encoding_is_told_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes("ort: Würzburg".encode("latin-1"))
    with pytest.raises(ParamsError, match=r"p.yaml: not UTF-8 \(.*\); save it as UTF-8"):
        lookup(tmp_path / "p.yaml", "")


def test_a_folder_may_have_a_colon_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "09:30").mkdir()
    (tmp_path / "09:30/p.yaml").write_text("training: {epochs: 7}")
    assert load(Training, f"{tmp_path}/09:30/p.yaml:training").epochs == 7


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
