"""Does every int8 file answer alike on every kind of CPU? On validation patients, natively and emulated.

    python -m benchmarks.answers_by_cpu --artifacts artifacts --out docs/results/answers-by-cpu.md
    benchmarks/arm64-root build/arm64 && python -m benchmarks.answers_by_cpu --arm64 build/arm64 ...

Each optimized file is run as its own run.json says, on this machine and as x86 CPUs without VNNI (and an Arm CPU) would
run it. The test set is not opened: the windows are the validation patients'.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from tqdm import tqdm

from bedside.artifacts import Artifact, open_artifact
from bedside.datasets.inputs import Arrays, count, rows
from bedside.datasets.windows import Windows, load_split
from bedside.edge.runner import FILE, RunSettings
from benchmarks.cpus import Cpu, Floats, arm64, native, without_vnni


class Row(NamedTuple):
    """One file: changed answers and the largest logit difference per emulated CPU, against this machine.

    None where the file was not run on that CPU.
    """

    target: str
    variant: str
    numbers: str
    largest_pair: int | None
    exact: bool
    apart: list[tuple[int, float] | None]


def main() -> None:
    """Answer, compare, write the table; exit status 1 where an int8 file answers otherwise somewhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    parser.add_argument("--variants", nargs="+", help="default: every optimized one whose file holds integers")
    parser.add_argument("--windows", type=int, default=3000, help="at most, evenly from the validation patients'")
    parser.add_argument("--x86", nargs="+", default=["Haswell"], help="CPU models of qemu-x86_64; Haswell has no VNNI")
    parser.add_argument("--arm64", type=Path, metavar="FOLDER", help="what benchmarks/arm64-root made")
    parser.add_argument("--most-bytes-on-arm64", type=int, help="larger files are not run there: it takes minutes each")
    parser.add_argument(
        "--kept", action="store_true", help="run nothing on arm64: what --work does not hold was not run"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/answers-by-cpu"), help="keeps answers: a rerun goes on"
    )
    parser.add_argument("--note", default="", help="a sentence on what was run, for the head of the page")
    parser.add_argument("--out", type=Path, default=Path("docs/results/answers-by-cpu.md"))
    given = parser.parse_args()
    others = [*map(without_vnni, given.x86), *([arm64(given.arm64)] if given.arm64 else [])]
    windows = some(load_split(open_artifact(given.artifacts / "dataset"), "validation"), given.windows)
    chosen = list(files(given.artifacts / "optimized", given.variants))

    def is_run(cpu: Cpu, graph: Artifact) -> bool:
        if "arm64" not in cpu.name:
            return True
        size, most = (graph / "model.onnx").stat().st_size, given.most_bytes_on_arm64
        is_kept = place(cpu, graph, windows, given.work).is_file()
        return is_kept if given.kept else most is None or size <= most

    rows = [compared(graph, windows, others, given.work, is_run) for graph in tqdm(chosen, desc="files", unit="file")]
    given.out.write_text(page(rows, others, count(windows), given.note), encoding="utf-8")
    print(f"{given.out}: {len(rows)} files on {1 + len(others)} kinds of CPU", file=sys.stderr)
    sys.exit(any(changed(row) for row in rows))


def changed(row: Row) -> int:
    """Changed answers of a file on all CPUs together."""
    return sum(each[0] for each in row.apart if each)


def some(windows: Windows, most: int) -> Arrays:
    """The inputs of at most this many windows, evenly over all of them."""
    chosen = np.linspace(0, len(windows.label) - 1, min(most, len(windows.label))).astype(int)
    return rows(windows.inputs, chosen)


def files(optimized: Path, variants: Sequence[str] | None) -> Iterator[Artifact]:
    """The optimized graphs `<target>/<variant>` that hold integers; `variants` names some by either."""
    for folder in sorted(optimized.glob("*/*")):
        names = {folder.name, f"{folder.parent.name}/{folder.name}"}
        if variants is None or names & set(variants):
            graph = open_artifact(folder)
            if graph.json("audit.json")["numbers"] != "float32":
                yield graph


def compared(
    graph: Artifact,
    windows: Arrays,
    others: Sequence[Cpu],
    work: Path,
    is_run: Callable[[Cpu, Artifact], bool],
) -> Row:
    """The file's answers on every CPU against this machine's; `is_run` says on which of the others it is run."""
    here = kept(native(), graph, windows, work)
    apart: list[tuple[int, float] | None] = []
    for cpu in others:
        if not is_run(cpu, graph):
            apart.append(None)
            continue
        there = kept(cpu, graph, windows, work)
        apart.append((int((here.argmax(1) != there.argmax(1)).sum()), float(np.abs(here - there).max())))
    audit: dict[str, Any] = graph.json("audit.json")
    pairs = audit["pairs"]
    largest = max(pairs["layers"].values(), default=None)
    exact = bool(pairs["exact_kernels"])
    return Row(graph.path.parent.name, graph.path.name, audit["numbers"], largest, exact, apart)


def kept(cpu: Cpu, graph: Artifact, windows: Arrays, work: Path) -> Floats:
    """The answers on that CPU, from an earlier run where these bytes answered these windows there."""
    file = place(cpu, graph, windows, work)
    if not file.is_file():
        model, run = (graph / "model.onnx").read_bytes(), (graph / FILE).read_text(encoding="utf-8")
        logits = cpu.answers(model, RunSettings.read(run), windows)
        work.mkdir(parents=True, exist_ok=True)
        np.save(file.with_suffix(".part.npy"), logits)
        file.with_suffix(".part.npy").replace(file)
    return cast(Floats, np.load(file))


def place(cpu: Cpu, graph: Artifact, windows: Arrays, work: Path) -> Path:
    """Where the answers of these bytes to these windows on that CPU are kept."""
    model, run = (graph / "model.onnx").read_bytes(), (graph / FILE).read_bytes()
    parts = [model, run, cpu.name.encode(), *(values.tobytes() for values in windows.values())]
    return work / f"{hashlib.sha256(b''.join(parts)).hexdigest()}.npy"


def page(rows: Sequence[Row], others: Sequence[Cpu], windows: int, note: str) -> str:
    """The table in markdown."""
    names = [f"{cpu.name} ({cpu.kind})" for cpu in others]
    head = ["target", "variant", "numbers", "largest pair of int8 weights", *names]
    lines = [" | ".join(head), "|".join(["---"] * len(head))]
    for row in rows:
        pair = "no integer layer" if row.largest_pair is None else f"{row.largest_pair}"
        cells = ["not run" if each is None else f"{each[0]} ({each[1]:.2g})" for each in row.apart]
        exact = ", exact kernels" if row.exact else ""
        lines.append(" | ".join([row.target, row.variant, row.numbers + exact, pair, *cells]))
    table = "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines)
    every = sum(map(changed, rows))
    return f"""# The same answers on every kind of CPU

`python -m benchmarks.answers_by_cpu` wrote this page. {note}

Of {windows} windows of validation patients: how many answers change, and in parentheses the largest difference of a
logit, against this machine ({native().kind}). **{every} answers change in all.** The other CPUs are emulated: their
answers are true, their times are not measured.

{table}

A pair of int8 weights of one sign may add up to 128: 255 times that fits into 16 bits, in which CPUs without VNNI add
([why](../adr/0022-int8-that-every-cpu-answers-alike.md)).
"""


if __name__ == "__main__":
    main()
