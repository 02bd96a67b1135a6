"""The few colours that a viewer would name: weighted clustering in OKLab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.color.oklab import Colors

MOST_COLORS = 6
"""Colours of a palette at most, as the contract says."""

LEAST_SHARE = 0.015
"""A colour with less is noise or the blur of an edge, and goes to the colour nearest to it."""

_BLEND_SHARE = 0.03
"""A colour with less is dropped if it is just a mixture of two others: an edge of 2 pixels in 96."""

_BLEND_DISTANCE = 0.06
"""OKLab distance from the line between two colours within which lie their mixtures in sRGB."""

_SEEDS = 32
"""Clusters to start with: more than are wanted, so that small but distinct colours get one of their own."""

_SEED_DISTANCE = 0.04
"""Two seeds are at least so far apart in OKLab: two just noticeable differences."""

_MERGE_DISTANCE = 0.07
"""Clusters nearer than this are shades of one colour, unless both are flat."""

_FLAT_DISTANCE = 0.02
_FLAT_SHARE = 0.8
"""A cluster is flat, a colour that somebody chose, where so much of it lies so near to its densest colour."""

_CORE = 0.06
"""The colour shown is the mean of what lies so near to the cluster's mean: a flat area keeps its exact colour although the
blurred pixels of its edges belong to the cluster too."""

_CORE_SHARE = 0.25
"""Of the cluster that must lie so near."""

_ROUNDS = 12
"""Of k-means; the shares change by less than 0.1 % after 8."""


@dataclass(frozen=True, slots=True)
class Swatch:
    """One colour of a palette.

    Attributes:
        lab: OKLab, [3].
        share: Of all pixels, in [0,1].
    """

    lab: Colors
    share: float


def palette(colors: Colors, shares: NDArray[np.float64]) -> list[Swatch]:
    """At most `MOST_COLORS` colours, largest share first; the same input always gives the same colours.

    Args:
        colors: [n, 3] OKLab.
        shares: [n], sums to 1.
    """
    if not len(colors):
        return []
    centres = _k_means(colors, shares, _seeds(colors, shares))
    owner = _nearest(colors, centres)
    centres, weights = _means(colors, shares, owner, len(centres))
    while len(centres) > 1:
        apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
        np.fill_diagonal(apart, np.inf)
        # Ward's criterion: what a merger costs is the distance squared times the reduced weight.
        cost = apart**2 * (weights[:, None] * weights[None]) / (weights[:, None] + weights[None])
        least = int(weights.argmin())
        if weights[least] < LEAST_SHARE or _is_blend(centres, weights, least):
            pair = (least, int(apart[least].argmin()))
        elif (near := np.where(_both(_are_flat(colors, shares, owner, len(centres))), np.inf, apart)).min() < _MERGE_DISTANCE:
            pair = divmod(int(near.argmin()), len(centres))
        elif len(centres) > MOST_COLORS:
            pair = divmod(int(cost.argmin()), len(centres))
        else:
            break
        owner = np.where(owner == pair[1], pair[0], owner)
        owner -= (owner > pair[1]).astype(owner.dtype)
        centres, weights = _means(colors, shares, owner, len(centres) - 1)
    order = np.argsort(-weights, kind="stable")
    return [Swatch(_core(colors[owner == at], shares[owner == at], centres[at]), float(weights[at])) for at in order]


def _are_flat(colors: Colors, shares: NDArray[np.float64], owner: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """Which clusters are one colour and hardly anything else."""
    flat = np.zeros(count, bool)
    for at in range(count):
        own = owner == at
        peak = colors[own][int(shares[own].argmax())]
        near = np.linalg.norm(colors[own] - peak, axis=1) < _FLAT_DISTANCE
        flat[at] = shares[own][near].sum() >= _FLAT_SHARE * shares[own].sum()
    return flat


def _both(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return flags[:, None] & flags[None]


def _is_blend(centres: Colors, weights: NDArray[np.float64], index: int) -> bool:
    """Whether a small cluster is what scaling makes of an edge: it lies between two larger ones."""
    if weights[index] >= _BLEND_SHARE:
        return False
    others = np.delete(centres, index, axis=0)
    starts, ends = (others[at] for at in np.triu_indices(len(others), k=1))
    ways = ends - starts
    along = ((centres[index] - starts) * ways).sum(axis=1) / np.maximum((ways**2).sum(axis=1), np.finfo(np.float64).tiny)
    nearest = starts + np.clip(along, 0.0, 1.0)[:, None] * ways
    return bool((np.linalg.norm(centres[index] - nearest, axis=1) < _BLEND_DISTANCE).any())


def _seeds(colors: Colors, shares: NDArray[np.float64]) -> Colors:
    """The commonest colours that are not near one another."""
    left = shares.copy()
    seeds: list[Colors] = []
    while len(seeds) < _SEEDS and left.max() > 0:
        seed = colors[int(left.argmax())]
        seeds.append(seed)
        left[np.linalg.norm(colors - seed, axis=1) < _SEED_DISTANCE] = 0.0
    return np.stack(seeds)


def _k_means(colors: Colors, shares: NDArray[np.float64], centres: Colors) -> Colors:
    for _ in range(_ROUNDS):
        centres, _ = _means(colors, shares, _nearest(colors, centres), len(centres))
    return centres


def _nearest(colors: Colors, centres: Colors) -> NDArray[np.intp]:
    # |c - m|^2 without the term in c, which is the same for every m.
    nearest: NDArray[np.intp] = ((centres**2).sum(axis=1) - 2 * colors @ centres.T).argmin(axis=1)
    return nearest


def _means(
    colors: Colors, shares: NDArray[np.float64], owner: NDArray[np.intp], count: int
) -> tuple[Colors, NDArray[np.float64]]:
    """Centres and weights of the clusters that own anything; `owner` is renumbered in place where some own nothing."""
    weights = np.bincount(owner, weights=shares, minlength=count).astype(np.float64)
    sums: Colors = np.stack(
        [np.bincount(owner, weights=shares * colors[:, axis], minlength=count) for axis in range(3)], axis=1
    )
    filled = np.flatnonzero(weights > 0)
    if len(filled) < count:
        owner[:] = np.searchsorted(filled, owner)
    return sums[filled] / weights[filled, None], weights[filled]


def _core(colors: Colors, shares: NDArray[np.float64], centre: Colors) -> Colors:
    """Mean of what lies near the densest colour of a cluster, or near its mean where too little does.

    A cluster of more colours than a palette has room for shows the commonest of them, not a mixture that is nowhere.
    """
    peak = colors[int(shares.argmax())]
    for start in (peak, centre):
        near = np.linalg.norm(colors - start, axis=1) < _CORE
        if shares[near].sum() >= _CORE_SHARE * shares.sum():
            core: Colors = np.average(colors[near], axis=0, weights=shares[near])
            return core
    return centre
