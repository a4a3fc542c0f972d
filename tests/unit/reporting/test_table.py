"""The results table, its claims and its words."""

import dataclasses
import json
from pathlib import Path

import pytest

from bedside.artifacts import commit, open_artifact, staged
from bedside.cli import main
from bedside.errors import RefusedError
from bedside.gates.verdict import TITLES
from bedside.registry import Candidate
from bedside.registry.card import card
from bedside.reporting import claims, short
from bedside.reporting.claims import SEED
from bedside.reporting.finished import BEGIN, END, deployments, write_into, write_page
from bedside.reporting.pages import comparison_page, headline, review_page
from bedside.reporting.pareto import draw, front
from bedside.reporting.table import advice, batches, cells, columns, results
from bedside.summary import Share, Summary, bytes_in_words, text
from bedside.tasks.ecg_beats.outcome import OUTCOME
from tests.support.deployments import Deployed, Maker, yardstick


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BEDSIDE_FLUSH", "off")
    return Maker(tmp_path / "artifacts", source="simulated")


def summary(deployed: Deployed, **evidence: object) -> Summary:
    found, verdict = open_artifact(deployed.evidence), open_artifact(deployed.verdict)
    return Summary(found.json("evidence.json") | evidence, verdict.json("verdict.json"), found.labels)


def test_a_share_shows_its_bounds_and_an_undefined_one_shows_nothing() -> None:
    assert str(Share(0.91234, 0.8, 0.95)) == "0.912 [0.80, 0.95]"
    assert str(Share(0.9, None, None)) == "0.900"
    assert str(Share(None, None, None)) == "-"


def test_sizes_are_said_in_the_unit_a_person_would_use() -> None:
    assert [bytes_in_words(size) for size in (900, 90_100, 6_000_000)] == ["900 B", "90.1 kB", "6 MB"]


def test_data_cannot_break_out_of_a_table_or_bring_html() -> None:
    assert text("<b onclick=x>|`new\nline`") == "&lt;b onclick=x&gt;\\|'new line'"


def test_data_cannot_bring_images_or_links() -> None:
    assert text("![x](http://evil/x.png) 0.98 [0.95, 0.99]") == "!&#91;x]&#40;http://evil/x.png) 0.98 [0.95, 0.99]"


def test_an_alias_that_was_kept_is_not_said_to_be_missing() -> None:
    kept = {"version": "3", "previous": "3", "reason": "kept: no deployment of this promotion passes", "variant": None}
    told = advice({"target": "onnxruntime-cpu", "champion": None, "challenger": kept})
    assert told == (
        "no champion: no deployment passes its gates; "
        "challenger is version 3: kept: no deployment of this promotion passes"
    )


def test_figures_that_were_not_measured_are_marked(maker: Maker) -> None:
    deployed = maker.make("pruned", p99_ms=1.5)
    assert summary(deployed).said("latency.p99_ms", "ms") == "1.5 ms"
    estimated = summary(deployed, provenance={"latency.p99_ms": "estimated"})
    assert estimated.said("latency.p99_ms", "ms") == "1.5 ms (estimated)"
    assert summary(deployed, provenance=None).said("latency.p99_ms", "ms") == "1.5 ms (of unknown provenance)"
    assert summary(deployed).said("energy.millijoule_per_window", "mJ") == "-"


def test_beats_that_compression_turned_wrong_are_counted(maker: Maker) -> None:
    found = summary(maker.make("pruned", missed=0.3))
    row = dict(zip(columns([found]), cells(found), strict=True))
    assert row["flips"] == f"{found.evidence['flips']['all']['harmful_share']:.2%}" != "0.00%"


def test_false_calls_of_a_required_class_are_told_for_the_median_and_the_worst_patient(maker: Maker) -> None:
    calls = {"V": {"median": 2.99, "max": 606.13}, "S": {"median": 1.0, "max": 2.0}}
    found = summary(maker.make("pruned"), false_calls=calls)
    row = dict(zip(columns([found]), cells(found), strict=True))
    assert row["false V calls/h"] == "3.0 (606)"
    assert "false S calls/h" not in row


def test_several_windows_at_once_are_told_by_batch_size(maker: Maker) -> None:
    rates = {str(batch): {"windows_per_second": 1000.0 * batch} for batch in (1, 16, 4)}
    told = batches([summary(maker.make("pruned"), throughput=rates)])
    assert "| target | variant | 1 | 4 | 16 |" in told
    assert "| onnxruntime-cpu | pruned | 1,000 | 4,000 | 16,000 |" in told


def test_what_is_hardly_there_any_more_is_not_said_to_be_gone(maker: Maker) -> None:
    found = [summary(maker.make("teacher", size=4_150_000)), summary(maker.make("smallest", size=6_530))]
    assert [row[3] for row in claims.rows(found, SEED)] == ["-", "99.8%"]


def test_every_deployment_is_a_row_with_the_required_class_first(maker: Maker) -> None:
    found = summary(maker.make("pruned", p99_ms=1.5, size=90_000))
    row = dict(zip(columns([found]), cells(found), strict=True))
    assert list(row)[:5] == ["target", "variant", "verdict", "V Se", "V +P"]
    assert row["verdict"] == "PASS"
    assert row["V Se"].startswith("0.983 [0.9")
    assert row["size"] == "90.1 kB"
    assert row["times faster"] == "8.0"
    teacher = summary(maker.make("teacher", p99_ms=12.0))
    assert dict(zip(columns([teacher]), cells(teacher), strict=True))["times faster"] == "1 (yardstick)"


def test_a_failing_deployment_counts_by_the_class_that_it_should_have_claimed(maker: Maker) -> None:
    failing = summary(maker.make("quantized", missed=0.2))
    assert failing.claimed == ["S"]
    assert failing.worst_sensitivity == failing.gross("V", "sensitivity").value


def test_the_markdown_says_simulated_names_failures_and_sets_claims_beside_measurements(maker: Maker) -> None:
    found = [
        summary(maker.make("teacher", p99_ms=12.0, size=6_000_000)),
        summary(maker.make("quantized", missed=0.2, p99_ms=3.0, size=1_500_000)),
    ]
    told = results(found, [], SEED)
    assert "SIMULATED PATIENTS" in told
    assert "- quantized on onnxruntime-cpu: FAIL. It finds too few V beats: " in told
    assert f"needed. 4 of {len(TITLES)} gates fail: G3" in told
    assert "| QAT (int8) (quantized) | onnxruntime-cpu | 75% | 75% | 3.2x | 4.0x | 93.8% |" in told


def test_all_results_are_a_page_with_its_picture(tmp_path: Path) -> None:
    page = write_page(tmp_path / "results", "| a | table |\n", b"png")
    assert page.read_text().startswith(
        "# Results: every variant on every target\n\nWritten by `bedside results --write`"
    )
    assert page.read_text().endswith("](pareto.png)\n\n| a | table |\n")
    assert (page.parent / "pareto.png").read_bytes() == b"png"


def test_the_page_of_all_results_links_to_the_one_that_explains_it_where_there_is_one(tmp_path: Path) -> None:
    assert "how-to-read" not in write_page(tmp_path, "", b"png").read_text()
    (tmp_path / "how-to-read.md").write_text("# How to read the results\n")
    assert "(how-to-read.md)" in write_page(tmp_path, "", b"png").read_text()


def test_a_note_comes_before_all_results_and_before_the_short_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with staged(tmp_path / "report") as staging:
        (staging / "short.md").write_text("| five | rows |\n")
        (staging / "results.md").write_text("| every | row |\n")
        (staging / "pareto.png").write_bytes(b"png")
        commit(staging, tmp_path / "report", {"component": "report", "inputs": {}, "labels": {}})
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    main(["results", "--report", "report", "--write", "--note", "Measured before the change."])
    assert readme.read_text() == f"{BEGIN}\nMeasured before the change.\n\n| five | rows |\n{END}\n"
    title, note, *_ = (tmp_path / "docs/results/README.md").read_text().split("\n\n")
    assert (title, note) == ("# Results: every variant on every target", "**Measured before the change.**")
    main(["results", "--report", "report", "--write"])
    assert readme.read_text() == f"{BEGIN}\n| five | rows |\n{END}\n"


def test_claims_without_a_teacher_or_a_figure_show_a_dash(maker: Maker) -> None:
    alone = summary(maker.make("pruned"), latency={"p99_ms": 1.0})
    ((_, _, _, size, _, speed, _, _),) = claims.rows([alone], SEED)
    assert (size, speed) == ("-", "-")


def test_pages_hold_everything_inside_and_run_nothing_from_data(maker: Maker) -> None:
    hostile = "<script>alert(1)</script>"
    found = summary(maker.make("pruned"), deployment={"variant": hostile, "target": "onnxruntime-cpu"})
    picture = maker.root / "evidence/onnxruntime-cpu/pruned/confusion.png"
    pages = [
        review_page(found, [picture]),
        comparison_page([found], [], SEED, draw([found]), {("onnxruntime-cpu", hostile): [picture]}),
    ]
    for page in pages:
        assert hostile not in page
        assert "&lt;script&gt;" in page
        assert "data:image/png;base64," in page
        assert "http" not in page.replace("http-equiv", "")


def test_the_headline_names_the_fastest_that_passes_or_says_that_none_does(maker: Maker) -> None:
    good = summary(maker.make("combined", p99_ms=0.5, size=90_000))
    bad = summary(maker.make("quantized", missed=0.2))
    assert headline([bad]) == "0 of 1 compressed deployments pass every gate."
    assert headline([bad, good]).startswith(
        "1 of 2 compressed deployments pass every gate. The fastest is combined on onnxruntime-cpu: 90.1 kB, 24 times"
    )


def test_the_headline_calls_none_the_fastest_where_kinds_of_cpu_differ(maker: Maker) -> None:
    one = summary(maker.make("combined", p99_ms=0.5))
    two = summary(maker.make("combined", p99_ms=0.4), environment={"cpu_kind": "aarch64 asimddp"})
    assert headline([one, two]) == (
        "2 of 2 compressed deployments pass every gate. They were measured on aarch64 asimddp and x86-64 avx2, and "
        "times of different kinds are not compared."
    )


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    assert front([(1.0, 0.9), (2.0, 0.95), (3.0, 0.94), (1.0, 0.9), (1.5, 0.85)]) == {0, 1, 3}


def test_deployments_come_from_verified_files_in_the_order_of_params(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for variant in ("combined", "pruned", "teacher"):
        maker.make(variant)
    (tmp_path / "params.yaml").write_text(
        "evaluated: {targets: [onnxruntime-cpu], variants: [teacher, pruned, combined]}"
    )
    assert [s.variant for s in deployments(maker.root)] == ["teacher", "pruned", "combined"]
    evidence = maker.root / "evidence/onnxruntime-cpu/pruned/evidence.json"
    evidence.write_text(json.dumps({**json.loads(evidence.read_text()), "accuracy": 1.0}))
    with pytest.raises(RuntimeError, match=r"evidence\.json: altered"):
        deployments(maker.root)
    with pytest.raises(RefusedError, match="make demo"):
        deployments(tmp_path / "nowhere")


def test_the_table_goes_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_into(readme, "| new |\n")
    assert readme.read_text() == f"before\n{BEGIN}\n| new |\n{END}\nafter\n"
    readme.write_text("no markers")
    with pytest.raises(RefusedError, match="has no <!-- results:begin -->"):
        write_into(readme, "x")


def test_tables_pages_and_cards_take_their_nouns_from_the_task(maker: Maker) -> None:
    unit, subject = {"one": "epoch", "many": "epochs"}, {"one": "sleeper", "many": "sleepers"}
    sleep = OUTCOME.model_validate({**OUTCOME.model_dump(), "unit": unit, "subject": subject})
    made = dataclasses.replace(maker, outcome=sleep).make("pruned", missed=0.3)
    own = summary(made)
    graph, evidence, verdict = map(open_artifact, (made.graph, made.evidence, made.verdict))
    candidate = Candidate(graph, evidence, verdict, yardstick(made))
    page = comparison_page([own], [], SEED, b"", {("onnxruntime-cpu", "pruned"): [Path(made.evidence / "flips.png")]})
    for told in (results([own], [], SEED), page, review_page(own, []), card(candidate, "Stages sleep.")):
        assert "epochs" in told
        assert "sleepers" in told
        assert "beat" not in told
    assert "<figcaption>Epochs that compression flipped</figcaption>" in page
    assert "sleeper" in short([own], [])


def test_accuracy_is_shown_up_by_what_the_commonest_class_alone_scores(maker: Maker) -> None:
    told = results([summary(maker.make("pruned"))], [], SEED)
    assert "a network that answers N (normal) to everything scores 57.7%" in told  # 60 of 104 beats of each patient
