"""Feature "shots": every transition between shots, with its kind and exact frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, FrameSpec, Item
from reelscope_vision.shots.blank import LONGEST_FADE_S
from reelscope_vision.shots.boundary_net import BoundaryNet, Window
from reelscope_vision.shots.finder import TransitionFinder
from reelscope_vision.shots.history import History
from reelscope_vision.shots.transition import Transition
from reelscope_vision.shots.wipe import WINDOWS

_TASK = "shot_boundaries"

_TRAINED_RATE = 30.0
"""Frames a second up to which the network, trained on 24 to 30, sees every frame; of 60 it sees every second one."""

LONGEST_TRANSITION_S = 4.0
"""A longer one is cut off here, so that what depends on shots waits no longer."""

_PATIENCE_S = 5.0
"""At fewer than 20 frames a second, seconds instead of the network's 100 frames decide how long a frame waits."""

_LONGEST_WIPE_WINDOW_S = 3.0
"""Wipes are looked for in windows up to this long, for the same reason."""


class Shots(Feature):
    """Transitions, each as an item at the time of the new shot's first frame; `index` is that frame's number.

    The network sees frames only where the picture changes enough for a transition, see `boundary_net`.
    """

    name = "shots"
    version = "5"
    frames = FrameSpec(48, 27, fit="stretch")
    models = (_TASK,)
    # The wait for the network's context, for a long transition's or wipe window's end, and for a flash's.
    lookback_s = _PATIENCE_S + LONGEST_TRANSITION_S + 1.0
    batch = 8

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        rate = context.media.video.frame_rate or _TRAINED_RATE
        step = max(1, round(rate / _TRAINED_RATE))
        self._history = History()
        self._net = BoundaryNet(self._infer, self._history, step=step, patience_s=_PATIENCE_S)
        self._finder = TransitionFinder(
            self._history,
            step=step,
            longest=max(1, int(LONGEST_TRANSITION_S * rate / step)),
            ahead=max(1, round(LONGEST_FADE_S * rate / step)),
            wipe_windows=[length for length in WINDOWS if length * step / rate <= _LONGEST_WIPE_WINDOW_S],
        )

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame."""
        return self.process_batch([item])

    def process_batch(self, items: Sequence[AnyItem]) -> Iterable[AnyItem]:
        """Takes frames in order; gives the transitions that are certain now."""
        for item in items:
            self._history.append(index=item.index, time_s=item.time_s, end_s=item.end_s, picture=item.value)
        return self._advance(final=False)

    def flush(self) -> Iterable[AnyItem]:
        """Gives the rest."""
        return self._advance(final=True) if len(self._history) else ()

    def _advance(self, *, final: bool) -> list[AnyItem]:
        overdue_s = self._history[len(self._history) - 1].time_s - self.lookback_s + 1.0
        found = list(self._finder.advance(self._net.advance(final=final), final=final, overdue_s=overdue_s))
        self._history.drop_before(min(self._net.needs_from, self._finder.needs_from))
        return [self._item(transition) for transition in found]

    def _item(self, transition: Transition) -> Item[Transition]:
        end_s = max(transition.time_s, transition.end_s)
        return Item(self.name, transition.time_s, end_s, transition.frame, transition)

    def _infer(self, window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Runs TransNetV2: uint8 [1, n, 27, 48, 3] to the logits `single` and `many`, [1, n, 1] each."""
        single, many = self.context.model(_TASK).run(["single", "many"], {"frames": window[None]})
        return _sigmoid(single), _sigmoid(many)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    clipped = np.clip(logits.reshape(-1).astype(np.float64), -60.0, 60.0)
    probabilities: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-clipped))
    return probabilities
