"""Decoding of connectionist temporal classification outputs."""

from __future__ import annotations

import numpy as np

from corten import _core
from corten.ops._common import Tensor, as_tensor
from corten.symbolic import meta_tensor


def greedy_search(logits: Tensor, lengths: Tensor, merge_repeated: bool, blank: int) -> tuple[Tensor, Tensor]:
    """Gives the best class of each step, with blanks (and repeats) dropped."""
    batch, steps, _ = logits.shape
    best = _core.arg_reduce("argmax", logits, 2, False)
    score = _core.reduce("max", logits, 2, False)
    place = _core.arange(0, steps, 1, "int32")
    running = _core.compare("less", place, _core.expand_dims(lengths, 1))
    keep = _core.binary("bitwise_and", running, _core.compare("not_equal", best, blank))
    if merge_repeated and steps > 1:
        before = _core.pad(_core.slice(best, (0, 0), (batch, steps - 1), (1, 1)), [(0, 0), (1, 0)], -1)
        keep = _core.binary("bitwise_and", keep, _core.compare("not_equal", best, before))
    # Kept labels move to the front: sort by (dropped, place), which a stable order of ranks does.
    rank = _core.where(keep, place, _core.binary("add", place, steps))
    order = _core.sort(rank, 1, False)[1]
    labels = _core.take_along(_core.where(keep, best, -1), order, 1)
    total = _core.reduce("sum", _core.where(running, score, 0.0), 1, True)
    return _core.expand_dims(labels, 0), _core.unary("negative", total)


def beam_search(
    logits: Tensor, lengths: Tensor, beam_width: int, top_paths: int, blank: int
) -> tuple[Tensor, Tensor]:
    """Gives the label sequences with the largest sum over alignments, by prefix beam search."""
    if logits.device == "meta":
        batch, steps, _ = logits.shape
        return meta_tensor((top_paths, batch, steps), "int32"), meta_tensor((batch, top_paths), "float32")
    logs = _core.log_softmax(logits, 2).detach().numpy().astype(np.float64)
    batch, steps, _ = logs.shape
    labels = np.full((top_paths, batch, steps), -1, np.int32)
    scores = np.full((batch, top_paths), -np.inf, np.float32)
    for row, length in enumerate(lengths.tolist()):
        paths = _best_prefixes(logs[row, :length], beam_width, blank)[:top_paths]
        for place, (prefix, score) in enumerate(paths):
            labels[place, row, : len(prefix)] = prefix
            scores[row, place] = score
    return as_tensor(labels), as_tensor(scores)


def _best_prefixes(logs: np.ndarray, width: int, blank: int) -> list[tuple[tuple[int, ...], float]]:
    # Of each prefix: log probability of the alignments that end in a blank, and in its last label.
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for step in logs:
        new: dict[tuple[int, ...], tuple[float, float]] = {}
        for prefix, (ends_blank, ends_label) in beams.items():
            whole = np.logaddexp(ends_blank, ends_label)
            for label, log in enumerate(step):
                if label == blank:
                    _add(new, prefix, whole + log, -np.inf)
                elif prefix and label == prefix[-1]:
                    _add(new, prefix, -np.inf, ends_label + log)
                    _add(new, (*prefix, label), -np.inf, ends_blank + log)
                else:
                    _add(new, (*prefix, label), -np.inf, whole + log)
        ranked = sorted(new.items(), key=lambda item: -np.logaddexp(*item[1]))
        beams = dict(ranked[:width])
    return [(prefix, float(np.logaddexp(*ends))) for prefix, ends in beams.items()]


def _add(
    beams: dict[tuple[int, ...], tuple[float, float]], prefix: tuple[int, ...], blank: float, label: float
) -> None:
    old = beams.get(prefix, (-np.inf, -np.inf))
    beams[prefix] = (float(np.logaddexp(old[0], blank)), float(np.logaddexp(old[1], label)))
