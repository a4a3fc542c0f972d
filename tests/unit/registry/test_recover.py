"""docs/how-to/recover.md, followed to the letter: each fault is made, each command is run, each answer is there."""

import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from bedside import cli
from bedside.registry import keys
from bedside.registry.log import PromotionLog
from bedside.registry.promotion import Promotion
from pipelines import workspace as own
from tests.support import deployments, following
from tests.support.deployments import Maker
from tests.support.mlflow_store import database
from tests.support.promoting import MODEL, NAMED, aliases, registry, stored

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/recover.md"
SECTIONS = following.sections(PAGE)
AGAIN = "dvc repro --force --single-item promote@onnxruntime-cpu"
STAGE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["promote"]["do"]["cmd"]
EXAMPLE = "0123456789abcdef"  # the page's name for the key of this workspace


class Operator:
    """Types the commands of the page in a workspace where pruned and combined were promoted, and Ada signed off."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.key = EXAMPLE
        self.variants: list[str] = []

    def __call__(self, command: str) -> str:
        """What the command answers, on stdout and stderr together."""
        command = command.replace(EXAMPLE, self.key)
        if command == AGAIN:
            return self._shown(self._stage)
        if command.startswith("bedside "):
            return self._shown(lambda: cli.main(shlex.split(command)[1:]))
        done = subprocess.run(["bash", "-euc", command], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def makes(self, variant: str, p99_ms: float) -> None:
        """A deployment that is promoted beside those before it from now on."""
        Maker(self.folder / "artifacts").make(variant, p99_ms=p99_ms)
        self.variants.append(variant)
        params = {
            "evaluated": {"variants": self.variants},
            "promote": {**NAMED, "timeout": 2},
            "gates": deployments.GATES,
            "budgets": {"onnxruntime-cpu": deployments.BUDGET},
        }
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def follows(self, heading: str) -> None:
        following.follow(SECTIONS[heading], self)

    def _stage(self) -> None:
        """What DVC runs for this stage; that DVC does so, the slow test below shows."""
        from components.promote import promote

        promote.main(shlex.split(STAGE.replace("${item}", "onnxruntime-cpu"))[4:])

    def _shown(self, do: Callable[[], None]) -> str:
        self.capsys.readouterr()
        message = ""
        try:
            do()
        except SystemExit as ended:
            message = f"{ended.code}\n"
        shown = self.capsys.readouterr()
        return (shown.err + shown.out + message).replace(self.key, EXAMPLE)


@pytest.fixture
def operator(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Operator]:
    """At work where `champion` and `challenger` are version 2, and the copies of the page's first section are made."""
    monkeypatch.setenv("BEDSIDE_HOME", ".bedside")
    monkeypatch.setenv("HOME", str(workspace / "person"))
    monkeypatch.delenv("BEDSIDE_REVIEWER_KEY")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    operator = Operator(workspace, capsys)
    operator.makes("pruned", p99_ms=2.0)
    operator.makes("combined", p99_ms=1.0)
    signed_off_by_ada = "bedside approve onnxruntime-cpu 2 --reviewer ada@example.org --reason fit"
    for command in (AGAIN, "bedside reviewer ada@example.org", signed_off_by_ada):
        shown = operator(command)
    assert "version 2 is champion" in shown, shown
    operator.follows("Before anything happens: copies")
    operator.key = keys.public_key().stem
    yield operator
    assert set(aliases()) == {"champion", "challenger"}  # an operator never leaves without
    operator("bedside log --verify")


def all_is_well(operator: Operator) -> bool:
    return "WRONG" not in operator("bedside log --verify")


LOG = Path(".bedside/promotions.jsonl")


def edited() -> None:
    LOG.write_text(LOG.read_text().replace("grace@example.org", "eve@example.org", 1))


def cut() -> None:
    LOG.write_text("".join(LOG.read_text().splitlines(keepends=True)[:-1]))


def gone() -> None:
    LOG.unlink()


@pytest.mark.parametrize("fault", [edited, cut, gone])
def test_the_log_is_damaged_or_gone_and_there_is_a_copy(operator: Operator, fault: Callable[[], None]) -> None:
    fault()
    operator.follows("The log is damaged, or gone, and there is a copy")
    assert all_is_well(operator)


def test_the_log_is_gone_and_there_is_no_copy(operator: Operator) -> None:
    gone()
    operator.follows("The log is gone, and there is no copy")
    assert all_is_well(operator)


def test_the_signing_key_is_lost(operator: Operator) -> None:
    (operator.folder / ".bedside/keys/signing.pem").unlink()
    operator.follows("The signing key is lost")


def test_the_signing_key_is_lost_and_there_is_no_copy(operator: Operator) -> None:
    (operator.folder / ".bedside/keys/signing.pem").unlink()
    operator.follows("The signing key is lost, and there is no copy")
    assert all_is_well(operator)


def test_the_signing_key_was_stolen(operator: Operator) -> None:
    operator.follows("The signing key was stolen")
    assert all_is_well(operator)
    assert aliases() == {"champion": "4", "challenger": "4"}


def test_a_reviewers_key_is_lost(operator: Operator) -> None:
    (operator.folder / "person/.config/bedside/reviewer.pem").unlink()
    operator.follows("A reviewer's key is lost")
    assert all_is_well(operator)


def test_a_reviewers_key_was_stolen(operator: Operator) -> None:
    operator.follows("A reviewer's key was stolen")
    assert aliases()["champion"] == "2"
    assert all_is_well(operator)


def test_mlflow_is_empty(operator: Operator) -> None:
    database(operator.folder)
    operator.follows("MLflow is empty")
    assert all_is_well(operator)


def test_mlflow_came_back_from_an_old_backup(operator: Operator) -> None:
    backup = shutil.copyfile("mlflow.db", "sunday.db")
    operator.makes("distilled", p99_ms=0.5)
    operator(AGAIN)
    operator("bedside approve onnxruntime-cpu 3 --reviewer ada@example.org --reason fit")
    assert aliases() == {"champion": "3", "challenger": "3"}
    shutil.copyfile(backup, "mlflow.db")
    operator.follows("MLflow came back from an old backup")
    assert all_is_well(operator)


def test_files_that_mlflow_lost_are_a_version_that_is_gone(operator: Operator) -> None:
    """The same section, where only the files are gone: version 2 is there and leads nowhere."""
    shutil.rmtree(stored("2"))
    operator("bedside restore onnxruntime-cpu --nowhere --reason 'its files are gone'")
    operator(AGAIN)
    operator("bedside approve onnxruntime-cpu 3 --reviewer ada@example.org --reason 'the same graph'")
    assert aliases() == {"champion": "3", "challenger": "3"}
    assert all_is_well(operator)


def test_somebody_moved_an_alias_in_mlflow(operator: Operator) -> None:
    registry().set_registered_model_alias(MODEL, "champion", "1")
    operator.follows("Somebody moved an alias in MLflow")
    assert all_is_well(operator)


def test_a_promotion_was_interrupted(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between moving the aliases and confirming them, and then MLflow goes away."""

    def killed(*_: object) -> None:
        raise SystemExit(137)

    operator("bedside restore onnxruntime-cpu --nowhere --alias challenger")
    with monkeypatch.context() as patched:
        patched.setattr(Promotion, "_confirmed", killed)
        operator(AGAIN)
    assert PromotionLog().verify()[-1]["state"] == "ALIASED"
    failing, *rest = SECTIONS["A promotion was interrupted"]
    with monkeypatch.context() as patched:
        patched.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        following.follow([failing], operator)
    following.follow(rest, operator)
    assert PromotionLog().verify()[-1]["state"] == "CONFIRMED"


def test_the_disk_is_full(operator: Operator, tmp_path: Path) -> None:
    disk, state = tmp_path / "disk", operator.folder / ".bedside"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        shutil.copytree(state, disk, dirs_exist_ok=True)
        shutil.rmtree(state)
        state.symlink_to(disk)
        (disk / "logs").mkdir(exist_ok=True)
        filling = f"head -c 3000000 /dev/zero > {disk / 'logs/filler'}"
        assert (
            "No space left"
            in subprocess.run(["bash", "-c", filling], capture_output=True, text=True, check=False).stderr
        )
        operator.follows("The disk is full")
        assert all_is_well(operator)
    finally:
        state.unlink()
        shutil.copytree(disk, state, symlinks=True)
        subprocess.run(["umount", disk], check=True)


def test_every_section_is_followed_here() -> None:
    tests = Path(__file__).read_text()
    assert [heading for heading in SECTIONS if f'"{heading}"' not in tests] == []


def test_the_table_of_symptoms_leads_to_every_section() -> None:
    from tests.packaging.test_pages import anchors

    led_to = {link.split(")")[0] for link in PAGE.read_text().split("](#")[1:]}
    assert anchors(PAGE) - led_to == {"recover", "before-anything-happens-copies"}


@pytest.mark.slow
def test_an_artifact_and_the_cache_are_damaged(tmp_path: Path) -> None:
    """By DVC itself, in a workspace with simulated patients."""
    own.lay_out(tmp_path, ROOT / "profiles/short.yaml")
    environment = {**own.environment_of(tmp_path), "BEDSIDE_FLUSH": "off"}
    shell = Shell(tmp_path, environment)
    shell("dvc repro validate_recordings")
    (damaged,) = (
        file
        for file in (tmp_path / ".dvc/cache/files/md5").rglob("*")
        if file.is_file() and file.read_bytes() == (tmp_path / "artifacts/recordings/records.json").read_bytes()
    )
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes().replace(b"1", b"2", 1))
    shutil.rmtree(tmp_path / "artifacts/recordings")
    shell("dvc checkout")  # without a word
    following.follow(SECTIONS["An artifact or the cache is damaged"], shell)
    assert not shell("dvc status validate_recordings").startswith("validate")


@pytest.mark.slow
def test_promoting_again_is_what_dvc_does_with_the_command_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / ".bedside"))
    monkeypatch.setenv("BEDSIDE_FLUSH", "off")
    Maker(tmp_path / "artifacts").make("pruned")
    judged = {"gates": deployments.GATES, "budgets": {"onnxruntime-cpu": deployments.BUDGET}}
    (tmp_path / "own.yaml").write_text(
        yaml.safe_dump({"evaluated": {"variants": ["pruned"]}, **judged}, sort_keys=False)
    )
    own.lay_out(tmp_path, tmp_path / "own.yaml")
    params = yaml.safe_load((tmp_path / "params.yaml").read_text()) | judged  # all of them, in this order
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    shell = Shell(tmp_path, own.environment_of(tmp_path))
    for _ in range(2):
        assert "Running stage 'promote@onnxruntime-cpu'" in shell(AGAIN)
    assert [entry["state"] for entry in PromotionLog().verify()].count("CONFIRMED") == 1


class Shell:
    """One shell that keeps its folder from command to command."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def __call__(self, command: str) -> str:
        if command.startswith("cd "):
            self.folder = self.folder / command.removeprefix("cd ")
            return ""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        ).stdout
