"""Adaptive inference: which windows the short path may answer, chosen on validation patients, class by class.

A threshold belongs to the class that the first network names: "normal" may have to be surer than "ventricular", because
a missed window of a rare class weighs more (each class counts the same, however rare it is).
"""

from dataclasses import dataclass

import numpy as np
import pydantic
import torch
from numpy.typing import NDArray
from torch import Tensor

from bedside.compression.fidelity import fidelity
from bedside.errors import RefusedError
from bedside.models.switched import Alone, SwitchedNetwork, margin, slack
from bedside.params import Params
from bedside.training.stages import Splits
from bedside.training.validation import logits_of

NEVER = 1e6  # a margin that no window reaches
APART = (
    1e-4  # no validation window this close to a threshold: a runtime's last digits must not decide which path it takes
)


class Switching(Params):
    """What the two networks must be together: as true as `fidelity` to the second, asking it for at most `most`."""

    fidelity: float = pydantic.Field(
        default=0.99, gt=0, le=1, description="share of its right answers kept, over classes"
    )
    most: float = pydantic.Field(default=0.5, gt=0, le=1, description="largest share of windows on the long path")


@dataclass(frozen=True)
class Front:
    """Ways to set one threshold, (way,): windows that the first network then answers, and the fidelity that costs."""

    loss: NDArray[np.float64]
    kept: NDArray[np.int64]
    threshold: NDArray[np.float64]


def settle_thresholds(network: SwitchedNetwork, splits: Splits, how: Switching) -> dict[str, float]:
    """Choose the thresholds on validation patients and build them in; refuse where nothing is gained."""
    first, second = (Alone(part, network) for part in (network.first, network.second))
    data = splits.validation
    fast, slow = logits_of(first, data, whose="the first network"), logits_of(second, data, whose="the second network")
    chosen = thresholds(fast, slow, data.label, how.fidelity)
    network.thresholds.copy_(chosen)
    rate = float((slack(fast, chosen) < 0).double().mean())
    require_gain(rate, how)
    score = fidelity(second, splits)
    together, alone = score(network), score(first)
    return {
        "adaptive/switch_rate": rate,
        "adaptive/fidelity": together.pop("score"),
        "adaptive/fidelity_of_first": alone["score"],
        **{f"adaptive/{name}": value for name, value in together.items()},
        **{f"adaptive/{name}_threshold": float(value) for name, value in zip(splits.classes, chosen, strict=True)},
    }


def require_gain(rate: float, how: Switching) -> None:
    """Refuse two networks of which one is never needed, or the second too often."""
    if rate == 0:
        raise RefusedError(
            f"the first network alone is as true as {how.fidelity:g} to the second, which is never asked: ship the "
            "first, or ask for a higher fidelity (params.yaml)"
        )
    if rate > how.most:
        raise RefusedError(
            f"a fidelity of {how.fidelity:g} takes the second network for {rate:.1%} of the validation windows, more "
            f"than {how.most:.0%}: improve the first network, or ask for less fidelity (params.yaml)"
        )


def thresholds(fast: Tensor, slow: Tensor, label: Tensor, least: float) -> Tensor:
    """Margins (class,) from which the first network's answer stands, so that fidelity is `least` or more.

    fast, slow: logits (window, class) of the two networks; label (window,). Of all such thresholds those that send the
    fewest windows to the second network. Fidelity is that of `bedside.compression.fidelity`.
    """
    answer, right = fast.argmax(dim=1), slow.argmax(dim=1) == label
    classes, number = torch.unique(label[right], return_counts=True)
    share = torch.zeros(fast.shape[1], dtype=torch.float64)
    share[classes] = 1 / (len(classes) * number.double())
    loss = torch.where(right & (answer != label), share[label], 0.0)
    ahead = margin(fast)
    fronts = [front(ahead[rows].numpy(), loss[rows].numpy()) for rows in (answer == c for c in range(fast.shape[1]))]
    return torch.from_numpy(cheapest(fronts, 1 - least)).float()


def front(ahead: NDArray[np.floating], loss: NDArray[np.float64]) -> Front:
    """The ways to set one class's threshold, from "never" to "always"; `ahead`, `loss` (window,) of its windows.

    Worked: margins 3, 2, 1 that cost 0, .1, 0: never (0 kept, costs 0), from 2.5 (1, 0), always (3, .1).
    """
    order = np.argsort(-ahead, kind="stable")
    margins = np.concatenate([[NEVER], ahead[order].astype(np.float64), [-NEVER]])
    spent = np.concatenate([[0.0], np.cumsum(loss[order])])
    kept = np.flatnonzero(margins[:-1] - margins[1:] > APART)
    middle = (margins[kept] + margins[kept + 1]) / 2
    middle[0], middle[-1] = NEVER, 0.0 if len(ahead) else NEVER
    return best(Front(spent[kept], kept, middle))[0]


def best(every: Front, budget: float = np.inf) -> tuple[Front, NDArray[np.int64]]:
    """The ways within `budget` that none surpasses in both loss and windows kept, by rising loss; and their rows."""
    order = np.lexsort((-every.kept, every.loss))
    order = order[every.loss[order] <= budget + 1e-12]  # sums of shares miss a round number by their last digits
    before = np.maximum.accumulate(np.concatenate([[-1], every.kept[order]]))[:-1]
    rows = order[every.kept[order] > before]
    return Front(every.loss[rows], every.kept[rows], every.threshold[rows]), rows


def cheapest(fronts: list[Front], budget: float) -> NDArray[np.float64]:
    """One threshold of each front, (front,), that together lose no more than `budget` and keep the most windows."""
    whole, chosen = Front(np.zeros(1), np.zeros(1, np.int64), np.zeros(1)), np.zeros((1, 0))
    for each in fronts:
        pairs = Front(
            np.add.outer(whole.loss, each.loss).ravel(),
            np.add.outer(whole.kept, each.kept).ravel(),
            np.tile(each.threshold, len(whole.loss)),
        )
        size = len(whole.loss), len(each.loss)
        whole, rows = best(pairs, budget)
        chosen = np.column_stack([chosen[np.unravel_index(rows, size)[0]], whole.threshold])
    result: NDArray[np.float64] = chosen[-1]
    return result
