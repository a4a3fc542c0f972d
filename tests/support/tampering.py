"""Ways to change the lines of a promotion log without its key."""

import json
import random


def edit(lines: list[str], rng: random.Random) -> list[str]:
    index = rng.randrange(len(lines))
    entry = json.loads(lines[index])
    entry["reason"] = "V sensitivity 0.98"
    return [*lines[:index], json.dumps(entry, sort_keys=True), *lines[index + 1 :]]


def delete(lines: list[str], rng: random.Random) -> list[str]:
    index = rng.randrange(len(lines))
    return lines[:index] + lines[index + 1 :]


def reorder(lines: list[str], rng: random.Random) -> list[str]:
    first, second = rng.sample(range(len(lines)), 2)
    changed = list(lines)
    changed[first], changed[second] = lines[second], lines[first]
    return changed


def repeat(lines: list[str], rng: random.Random) -> list[str]:
    return [*lines, rng.choice(lines)]


def cut(lines: list[str], rng: random.Random) -> list[str]:
    return lines[: rng.randrange(len(lines))]
