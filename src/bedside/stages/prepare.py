"""prepare: accepted recordings -> windows in patient-disjoint splits, with the proof."""

from tqdm import tqdm

from bedside.approval import accepted
from bedside.artifacts import DatasetIn, DatasetOut, In
from bedside.component import Metrics, component
from bedside.tasks.assemble import assign, people_of, proof, sound, write_dataset, write_label
from bedside.tasks.base import Task


@component(image="train")
def prepare(*, recordings: DatasetIn, approval: In, dataset: DatasetOut, test: DatasetOut, task: Task) -> Metrics:
    """Cut, normalize, label and split; refuse when a patient, a recording or a window is in two splits."""
    people = people_of(recordings, accepted(approval, recordings))
    folder = recordings.path / "records"
    assignment = assign(task, people, folder)
    used = sorted((record, split == "train") for split, records in assignment.splits.items() for record in records)
    bar = tqdm(used, desc="windows", unit="record")
    done = {record: sound(record, task.windows(folder, people[record], training)) for record, training in bar}
    about = {
        "outcome": task.outcome.model_dump(mode="json"),
        **task.description(),
        "proof": {**proof(recordings, people, assignment.splits, done), "left_out": assignment.left_out},
    }
    fitted = task.fitted(done, assignment.splits["train"])
    about |= fitted.about
    learned = {name: records for name, records in assignment.splits.items() if name != "test"}
    windows = write_dataset(dataset, learned, people, fitted.windows, about)
    windows |= write_dataset(test, {"test": assignment.splits["test"]}, people, fitted.windows, about)
    write_label(dataset, learned, people)
    return {
        f"{split}/{name}": float((part.label == label).sum())
        for split, part in windows.items()
        for label, name in enumerate(task.outcome.classes)
    }


if __name__ == "__main__":
    prepare.main()
