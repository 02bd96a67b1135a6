"""How it sounds: loudness, peaks, spectrum, tempo, key, and what kind of sound it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar, Final

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.audio.v1.details_pb2 import AudioDetail, AudioSummary, LoudnessPoint
from reelscope_audio.dsp.loudness import BLOCK_S, MOMENTARY_BLOCKS, SHORT_TERM_BLOCKS, LoudnessMeter, to_lufs
from reelscope_audio.features.levels import Levels
from reelscope_audio.features.spectrum import Spectrum
from reelscope_audio.measures.accumulator import Accumulator
from reelscope_audio.measures.clip import LevelStatistics, MusicStatistics, StereoStatistics
from reelscope_audio.measures.kinds import (
    KINDS,
    MAX_STRETCH_S,
    MIN_STRETCH_S,
    SILENCE_POWER,
    KindClassifier,
    Step,
    Stretch,
    StretchBuilder,
)
from reelscope_audio.tagging.tags import Tags
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem, Item

CURVE_STEP_BLOCKS: Final = 10
"""The loudness curve has a point each second."""

_WAIT_S: Final = 2.0
"""How long a step may wait for its levels: a chunk and a frame."""

_DUAL_MONO: Final = 2


class AudioAnalysis(Analyzer):
    """Loudness by EBU R 128, true peak, clipping, levels, spectrum, tempo, key, stereo, and stretches of one kind."""

    name = "audio_analysis"
    version = "1"
    description = "Loudness (EBU R 128), peaks, spectrum, tempo, key, and stretches of speech, music, noise and silence"
    detail = "audio"
    requires = ("audio_levels", "audio_spectrum", "audio_tags")
    lookback_s: ClassVar[float] = MAX_STRETCH_S + 2 * MIN_STRETCH_S + _WAIT_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._loudness = LoudnessMeter()
        self._levels = LevelStatistics()
        self._stereo = StereoStatistics()
        self._music = MusicStatistics()
        self._total = Accumulator()
        self._blocks: deque[Item[Levels]] = deque()
        self._frames: deque[Item[Spectrum]] = deque()
        self._tags: deque[Item[Tags]] = deque()
        self._taken_s = 0.0
        self._start_s: float | None = None
        self._classifier: KindClassifier | None = None
        self._builder = StretchBuilder()
        self._kinds_s = dict.fromkeys(KINDS, 0.0)

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes levels, spectra or tags."""
        match item.value:
            case Levels():
                self._take_levels(item)
            case Spectrum():
                self._music.add(item.time_s, item.value)
                self._total.add_frames(item.value, 0, len(item.value.power), SILENCE_POWER)
                self._frames.append(item)
            case Tags():
                self._tags.append(item)
        while self._tags and self._is_covered(self._tags[0].end_s):
            yield from self._step(self._tags.popleft(), last=False)

    def flush(self) -> Iterable[Segment]:
        """Gives the last stretches."""
        while self._tags:
            item = self._tags.popleft()
            yield from self._step(item, last=not self._tags)
        yield from map(self._segment, self._builder.finish())

    def summary(self) -> Summary:
        """Measures of the whole clip; they need all of it (gates, percentiles, tempo)."""
        total = self._total
        seconds = max(sum(self._kinds_s.values()), 1e-9)
        music_share = self._kinds_s["music"] / seconds
        tempo, key = self._music.tempo(music_share), self._music.key(music_share)
        is_stereo = self.context.media.audio.channels >= _DUAL_MONO
        return Summary(
            audio=AudioSummary(
                integrated_lufs=self._loudness.integrated(),
                max_momentary_lufs=self._loudness.maximum(MOMENTARY_BLOCKS),
                max_short_term_lufs=self._loudness.maximum(SHORT_TERM_BLOCKS),
                loudness_range_lu=self._loudness.loudness_range(),
                true_peak_dbtp=total.peak_dbtp,
                clipped_samples=total.clipped,
                silence_share=self._levels.silence_share,
                dynamic_range_db=self._levels.dynamic_range_db(),
                snr_db=self._levels.snr_db(),
                tempo_bpm=tempo[0].bpm if tempo else None,
                tempo_confidence=tempo[0].confidence if tempo else 0.0,
                beats=tempo[1] if tempo else [],
                key=key.name if key else "",
                key_confidence=key.confidence if key else 0.0,
                spectral_centroid_hz=total.centroid_hz,
                spectral_rolloff_hz=total.rolloff_hz,
                spectral_flatness=total.flatness,
                zero_crossing_rate=total.zero_crossings,
                speech_share=self._kinds_s["speech"] / seconds,
                music_share=music_share,
                noise_share=self._kinds_s["noise"] / seconds,
                stereo_width=self._stereo.width() if is_stereo else 0.0,
                stereo_correlation=self._stereo.correlation() if is_stereo else None,
                loudness=[
                    LoudnessPoint(
                        time_s=(self._start_s or 0.0) + count * BLOCK_S, momentary_lufs=momentary, short_term_lufs=short_term
                    )
                    for count, momentary, short_term in self._loudness.curve(CURVE_STEP_BLOCKS)
                ],
                digital_silence=total.sounding == 0,
            )
        )

    def _take_levels(self, item: Item[Levels]) -> None:
        levels = item.value
        if self._start_s is None:
            self._start_s = self._taken_s = item.time_s
        full = len(levels.power) - (0 if levels.is_full else 1)
        self._loudness.add(levels.loudness_power[:full])
        self._levels.add(levels)
        self._stereo.add(levels)
        self._total.add_levels(levels, 0, len(levels.power))
        self._blocks.append(item)

    def _is_covered(self, end_s: float) -> bool:
        """Whether levels and spectra have come as far as `end_s`."""
        return bool(self._blocks and self._frames) and min(self._blocks[-1].end_s, self._frames[-1].end_s) >= end_s

    def _step(self, item: Item[Tags], *, last: bool) -> Iterable[Segment]:
        if self._classifier is None:
            self._classifier = KindClassifier([label.name for label in item.value.labels])
        end_s = np.inf if last else item.end_s
        measures = self._measure(end_s)
        kind, score = self._classifier.classify(item.value.scores, measures)
        for stretch in self._builder.feed(Step(item.time_s, item.end_s, kind, score, measures)):
            yield self._segment(stretch)

    def _measure(self, end_s: float) -> Accumulator:
        """Measures from where the last step ended; blocks and frames belong to the step that their middle lies in."""
        found = Accumulator()
        for block in self._blocks:
            count = len(block.value.power)
            middles = block.time_s + (np.arange(count) + 0.5) * BLOCK_S
            first, last = np.searchsorted(middles, (self._taken_s, end_s))
            found.add_levels(block.value, int(first), int(last))
        for frame in self._frames:
            middles = frame.time_s + np.arange(len(frame.value.power)) * frame.value.hop_s
            first, last = np.searchsorted(middles, (self._taken_s, end_s))
            found.add_frames(frame.value, int(first), int(last), SILENCE_POWER)
        self._taken_s = end_s
        for waiting in (self._blocks, self._frames):
            while waiting and waiting[0].end_s < end_s - BLOCK_S:
                waiting.popleft()
        return found

    def _segment(self, stretch: Stretch) -> Segment:
        self._kinds_s[stretch.kind] += stretch.end_s - stretch.start_s
        measures = stretch.measures
        is_sounding = measures.loudness_power > 0
        return Segment(
            start_s=stretch.start_s,
            end_s=stretch.end_s,
            confidence=stretch.confidence,
            audio=AudioDetail(
                kind=stretch.kind,
                loudness_lufs=to_lufs(measures.loudness_power) if is_sounding else None,
                true_peak_dbtp=measures.peak_dbtp,
                rms_dbfs=measures.rms_dbfs,
                spectral_centroid_hz=measures.centroid_hz,
                spectral_flatness=measures.flatness,
                clipped_samples=measures.clipped,
            ),
        )
