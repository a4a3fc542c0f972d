"""What a reviewer sees in MLflow's pages, in a real browser: runs, model, alias, verdict, pictures; report page too.

Screenshots go to build/screenshots. Needs a Chromium (`apt-get install chromium`).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bedside import tracking
from components.report import report
from tests.support.deployments import Maker, changed_gates
from tests.support.mlflow_store import QUIET, database
from tests.support.promoting import MODEL, TARGET, promoted

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from playwright.sync_api import Browser, FrameLocator, Locator, Page

pytestmark = pytest.mark.browser
SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-proxy-server", "--no-first-run"]
ELSEWHERE = "openvino-cpu"
WARNED = f"ecg-arrhythmia.{ELSEWHERE}"
LOOSE = changed_gates(G4={"floors": {"V": 0.5, "S": 0.5}})
HEIGHT = 1000
PATIENCE = 60_000  # ms; MLflow's first page loads megabytes of script


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A promotion and a report of three deployments, recorded in a store of their own."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEDSIDE_HOME", str(folder / "home"))
        patch.setenv("BEDSIDE_FLUSH", "off")
        patch.setenv("BEDSIDE_PIPELINE_RUN", "nightly")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database(folder)}")
        tracking.origin.pipeline.cache_clear()
        maker = Maker(folder / "artifacts", source="simulated", drawn=True)
        deployed = [
            maker.make("teacher", p99_ms=12.0, size=6_000_000),
            maker.make("combined", p99_ms=0.5, size=90_000, missed=0.0),
            maker.make("quantized", p99_ms=3.0, size=1_500_000, missed=0.2),
        ]
        decision = folder / "artifacts" / "decisions" / TARGET
        promoted(deployed, decision)
        _warned(Maker(folder / "warned", drawn=True), folder)
        report(
            evidence=[d.evidence for d in deployed],
            verdicts=[d.verdict for d in deployed],
            decisions=[decision],
            report=folder / "artifacts" / "report",
            params={},
        )
        tracking.flush()
        tracking.origin.pipeline.cache_clear()
        yield folder


def _warned(maker: Maker, folder: Path) -> None:
    """On another target: `combined` is refused by looser gates, measured again, and passes them."""
    promoted([maker.make("pruned", ELSEWHERE)], folder / "usual")
    for p99_ms in (30.0, 0.5):
        made = maker.make("combined", ELSEWHERE, p99_ms=p99_ms, gates=LOOSE)
        promoted([made], folder / f"loose{p99_ms}", gates=LOOSE)


@pytest.fixture(scope="module")
def site(run: Path) -> Iterator[str]:
    """`mlflow ui` on that store, as `bedside ui` starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "bedside.cli", "ui", "--port", str(port)]
    with (run / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=run, env={**os.environ, **QUIET}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(port, run / "ui.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(log.read_text())


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    if CHROMIUM is None:
        pytest.skip("no Chromium found")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    context = browser.new_context(viewport={"width": 1600, "height": HEIGHT})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


def shoot(page: "Page", name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(800)
    page.screenshot(path=SHOTS / f"{name}.png")


def sees(page: "Page", *texts: str) -> None:
    for text in texts:
        page.get_by_text(text).first.wait_for(state="visible")


def client(run: Path) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{run / 'mlflow.db'}")


def test_three_clicks_lead_from_the_models_to_verdict_and_pictures(page: "Page", site: str, run: Path) -> None:
    page.goto(f"{site}/#/models")
    sees(page, MODEL, "challenger")
    page.keyboard.press("Escape")  # MLflow greets a new browser with a dialog
    shoot(page, "1-models")
    page.get_by_role("link", name=MODEL).click()
    sees(page, "Every version here passed all gates")
    shoot(page, "2-model")
    challenger = client(run).get_model_version_by_alias(MODEL, "challenger").version
    page.get_by_role("link", name=f"Version {challenger}").first.click()
    sees(page, "PASS: combined", "SIMULATED PATIENTS", "challenger", "Patients who lost most", "90.1 kB")
    shoot(page, "3-version")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Review page").click()
    review = opened.value
    review.set_default_timeout(PATIENCE)
    inside = review.frame_locator("iframe").first
    inside.get_by_text("Beats that compression flipped").wait_for()
    inside.get_by_text("Patients who lost most through compression").wait_for()
    assert inside.locator("img").count() == 4
    shoot(review, "4-review")
    review.get_by_text("confusion.png").first.click()
    review.wait_for_function("[...document.images].some(i => i.src.startsWith('blob:') && i.naturalWidth > 300)")
    shoot(review, "5-picture")


def test_a_reviewer_reads_first_that_gates_were_loosened_and_that_it_was_refused_before(
    page: "Page", site: str
) -> None:
    page.goto(f"{site}/#/models/{WARNED}/versions/2")
    sees(page, "PASS: combined")
    page.keyboard.press("Escape")
    said = ("GATES ARE LOOSER", "gates.G4.floors.V 0.85 -> 0.5 (looser)", "PASSES NOW, WAS REFUSED BEFORE")
    first_thing(page, page.get_by_text("PASS: combined").first, *said)
    shoot(page, "9-warnings")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Review page").click()
    review = opened.value
    review.set_default_timeout(PATIENCE)
    inside = review.frame_locator("iframe").first
    inside.get_by_text("Patients who lost most through compression").wait_for()
    first_thing(inside, inside.get_by_text("all gates hold").first, *said)
    shoot(review, "10-warnings-on-the-review-page")


def first_thing(page: "Page | FrameLocator", before: "Locator", *texts: str) -> None:
    """Each text stands above `before`, where nobody has to scroll to."""
    end = before.bounding_box()
    assert end is not None
    for text in texts:
        box = page.get_by_text(text).first.bounding_box()
        assert box is not None, text
        assert box["y"] + box["height"] <= end["y"] + 1 < HEIGHT, (text, box, end)


def test_the_runs_of_a_pipeline_stand_together_with_their_parameters(page: "Page", site: str, run: Path) -> None:
    store = client(run)
    (experiment,) = [e.experiment_id for e in store.search_experiments() if e.name == "bedside"]
    page.goto(f"{site}/#/experiments/{experiment}/runs")
    sees(page, "pipeline nightly")
    page.locator("[role=row] button[data-component-id*=runnamecellrenderer]").first.click()
    sees(page, "gate quantized onnxruntime-cpu", "promote")
    shoot(page, "6-runs")
    (gate,) = [r for r in store.search_runs([experiment]) if r.info.run_name.startswith("gate quantized")]
    page.goto(f"{site}/#/experiments/{experiment}/runs/{gate.info.run_id}")
    sees(page, "gates/verdict", "gates.G3.floors.V.gross", "component")
    shoot(page, "7-run")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_shows_verdicts_and_pictures_without_the_network(browser: "Browser", run: Path, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": 1400, "height": 1000}, color_scheme="dark" if scheme == "dark" else "light", offline=True
    )
    page = context.new_page()
    page.goto((run / "artifacts" / "report" / "index.html").as_uri())
    sees(page, "Every variant on every target", "What the article claims, and what was measured")
    page.locator("details").last.locator("summary").click()
    widths = page.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert len(widths) == 1 + 3 * 4
    assert min(widths) > 100
    table = page.locator("table").first
    assert table.evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"8-report-{scheme}.png", full_page=True)
    context.close()
