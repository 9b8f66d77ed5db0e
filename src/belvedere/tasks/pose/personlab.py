"""Several people from part-based fields (PersonLab, Papandreou et al. 2018), as PoseNet's decoder groups them.

Peaks of the heatmaps become seeds, best first; a seed that lies near a person found before is that person's. From a
seed the skeleton's tree is walked along displacement vectors, backward to the root and forward to the leaves, and each
joint is corrected by the offset vectors where it arrives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

TREE = (
    (0, 1), (1, 3), (0, 2), (2, 4), (0, 5), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15), (0, 6), (6, 8), (8, 10),
    (6, 12), (12, 14), (14, 16),
)  # fmt: skip
"""Edges of the tree from parent to child over COCO's 17 keypoints, in the order of the displacements' channels."""

RADIUS = 20.0
"""Pixels of the input within which two people's same joint is one."""

_REFINEMENTS = 2


class Fields(NamedTuple):
    """What the network says, in the order (channel, row, column); vectors in pixels of the input, y before x.

    Scores (K, h, w) 0..1, offsets (2 K, h, w), displacements along the tree's edges (2 E, h, w) from parent to child
    and from child to parent.
    """

    scores: Array
    offsets: Array
    forward: Array
    backward: Array


def group_people(
    fields: Fields, stride: tuple[float, float], *, seed: float, radius: float, least: float, most: int
) -> tuple[Array, Array, Array]:
    """People, best first.

    Args:
        fields: The network's outputs.
        stride: Pixels from cell to cell, across and down.
        seed: Least score of a joint that a person is begun from.
        radius: Pixels of the input within which two people's same joint is one.
        least: Least score of a person: the mean of its joints that no better person has.
        most: Most people.

    Returns:
        Joints in pixels of the input, float32 (n, K, 2) x and y; their scores, float32 (n, K); scores of the people,
        float32 (n,), falling.
    """
    joints = len(fields.scores)
    people: list[tuple[NDArray[np.float64], NDArray[np.float64], float]] = []
    steps = np.array([stride[1], stride[0]])
    taken = np.empty((0, joints, 2))
    for joint, row, column in _seeds(fields.scores, seed):
        if len(people) >= most:
            break
        start = np.array([row, column]) * steps + _vector(fields.offsets, joint, row, column)
        if len(taken) and (((taken[:, joint] - start) ** 2).sum(axis=1) <= radius**2).any():
            continue
        points, scores = _walk(fields, steps, joint, start, float(fields.scores[joint, row, column]))
        near = (((taken - points[None]) ** 2).sum(axis=2) <= radius**2).any(axis=0)
        people.append((points, scores, float(scores[~near].sum() / joints)))
        taken = np.concatenate([taken, points[None]])
    kept = sorted((person for person in people if person[2] >= least), key=lambda person: -person[2])
    xy = np.array([person[0][:, ::-1] for person in kept], dtype=np.float32).reshape(-1, joints, 2)
    each = np.array([person[1] for person in kept], dtype=np.float32).reshape(-1, joints)
    return xy, each, np.array([person[2] for person in kept], dtype=np.float32)


def _seeds(scores: Array, least: float) -> list[tuple[int, int, int]]:
    """Joint, row and column of the peaks among their eight neighbours that reach ``least``, highest first."""
    padded = np.pad(scores, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    _, height, width = scores.shape
    around = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    joints, rows, columns = np.nonzero((scores >= least) & (scores >= np.maximum.reduce(around)))
    order = np.argsort(-scores[joints, rows, columns], kind="stable")
    return list(zip(joints[order].tolist(), rows[order].tolist(), columns[order].tolist(), strict=True))


def _walk(
    fields: Fields, steps: NDArray[np.float64], joint: int, start: NDArray[np.float64], score: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The joints (K, 2), y and x, and scores (K,) of the person that has ``joint`` at ``start``."""
    points, scores = np.zeros((len(fields.scores), 2)), np.zeros(len(fields.scores))
    points[joint], scores[joint] = start, score
    known = {joint}
    backward = [(edge, child, parent, fields.backward) for edge, (parent, child) in enumerate(TREE)]
    forward = [(edge, parent, child, fields.forward) for edge, (parent, child) in enumerate(TREE)]
    for edge, source, target, vectors in [*reversed(backward), *forward]:
        if source in known and target not in known:
            points[target], scores[target] = _step(fields, vectors, steps, edge, points[source], target)
            known.add(target)
    return points, scores


def _step(
    fields: Fields, vectors: Array, steps: NDArray[np.float64], edge: int, source: NDArray[np.float64], target: int
) -> tuple[NDArray[np.float64], float]:
    """Where an edge leads from ``source``, corrected by the target's offsets, and the score there."""
    point = source + _vector(vectors, edge, *_cell(source, steps, vectors))
    for _ in range(_REFINEMENTS):
        row, column = _cell(point, steps, vectors)
        point = np.array([row, column]) * steps + _vector(fields.offsets, target, row, column)
    row, column = _cell(point, steps, vectors)
    return point, float(fields.scores[target, row, column])


def _vector(vectors: Array, channel: int, row: int, column: int) -> NDArray[np.float64]:
    """y and x of a vector: all y come first."""
    half = len(vectors) // 2
    return vectors[[channel, channel + half], row, column].astype(np.float64)


def _cell(point: NDArray[np.float64], steps: NDArray[np.float64], vectors: Array) -> tuple[int, int]:
    """The cell nearest to a point; halves go up."""
    found = np.floor(point / steps + 0.5)
    row, column = np.clip(found, 0, np.array(vectors.shape[1:]) - 1).astype(int).tolist()
    return row, column
