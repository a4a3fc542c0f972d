"""A small made-up data set and a network that was trained on it: what you bring yourself in a real project."""

import csv
import hashlib
import re
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from nets import Gated
from torch.nn import functional

PATIENTS, WINDOWS, SAMPLES = 60, 80, 64
DATA, WEIGHTS, PARAMS = Path("data/windows.csv"), Path("weights.safetensors"), Path("params.yaml")


def windows() -> list[dict[str, object]]:
    """Rows: whose, what, 64 samples, two features. An event is a slow wave under a faster one."""
    random, rows = np.random.default_rng(0), []
    time = np.arange(SAMPLES) / SAMPLES
    for patient in range(PATIENTS):
        own = random.normal(1, 0.15)
        for _ in range(WINDOWS):
            event = random.random() < 0.3
            wave = own * np.sin(2 * np.pi * (8 * time + random.random()))
            slow = event * 0.7 * own * np.sin(2 * np.pi * (2 * time + random.random()))
            signal = wave + slow + random.normal(0, 0.6, SAMPLES)
            features = {"pulse": random.normal(70 + 5 * event, 8), "pressure": random.normal(120, 10)}
            numbers = {f"x_{n}": round(float(value), 4) for n, value in enumerate(signal)}
            label = "event" if event else "quiet"
            rows.append({"subject": f"p{patient:02d}", "label": label, **numbers, **features})
    return rows


def trained(rows: list[dict[str, object]]) -> Gated:
    """The network after a short training, on the first patients: those of `train` in the split by subject."""
    torch.manual_seed(0)
    network = Gated()
    signal = torch.tensor([[row[f"x_{n}"] for n in range(SAMPLES)] for row in rows])[:, None]
    features = torch.tensor([[row["pulse"], row["pressure"]] for row in rows])
    label = torch.tensor([int(row["label"] == "event") for row in rows])
    signal, features = (signal - signal.mean()) / signal.std(), (features - features.mean(0)) / features.std(0)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(150):
        some = torch.randperm(len(rows), generator=torch.Generator().manual_seed(step))[:128]
        loss = functional.cross_entropy(network(signal[some], features[some]), label[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def main() -> None:
    rows = windows()
    DATA.parent.mkdir(exist_ok=True)
    with DATA.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    learning = [row for row in rows if row["subject"] < "p12"]
    safetensors.torch.save_file(trained(learning).state_dict(), WEIGHTS)
    told = PARAMS.read_text(encoding="utf-8")
    for path in (DATA, WEIGHTS):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        told = re.sub(rf"({path}\n\s+sha256: ).*", rf"\g<1>{digest}", told)
    PARAMS.write_text(told, encoding="utf-8")


if __name__ == "__main__":
    main()
