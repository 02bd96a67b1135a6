"""Where there is music, and how it goes: tempo, beats, bars, key, energy, drop, style."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import TimedValue
from reelscope.audio.v1.details_pb2 import MusicDetail, MusicSummary
from reelscope_audio.dsp.chroma import BINS
from reelscope_audio.dsp.key import find_key
from reelscope_audio.dsp.loudness import BLOCK_S
from reelscope_audio.dsp.tempo import Tempo, find_tempo
from reelscope_audio.features.levels import Levels
from reelscope_audio.features.spectrum import Spectrum
from reelscope_audio.measures.clip import ONSET_LEAD_HOPS, RHYTHM_CONFIDENCE
from reelscope_audio.music.bars import bars
from reelscope_audio.music.energy import energy_curve, find_drop
from reelscope_audio.music.stretches import MusicStretch, TagStep, music_stretches
from reelscope_audio.tagging.tags import Tags
from reelscope_audio.tagging.taxonomy import GENRES, MOODS, MUSIC, SPEECH, expand
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem

STYLE_FLOOR: Final = 0.05
"""Mean score from which a genre or mood is told."""

SPEECH_SHARE: Final = 0.2
"""A beat alone makes music only where nobody speaks: mean score of speech below this."""

_ACCENT_HOPS: Final = 2
"""An accent is the strongest onset within so many frames of a beat."""


class MusicAnalysis(Analyzer):
    """One segment per stretch of music, at the end of the clip: its tempo and key need all of it.

    Holds about 10 MB for an hour: onsets, chroma of each second, loudness of each 100 ms.
    """

    name = "music_analysis"
    version = "1"
    description = "Stretches of music with tempo, beats, bars, key, energy, drop, genre and mood"
    detail = "music"
    requires = ("audio_levels", "audio_spectrum", "audio_tags")
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._steps: list[TagStep] = []
        self._speech = 0.0
        self._styles: list[NDArray[np.float32]] = []
        self._style_names: tuple[str, ...] = ()
        self._groups: tuple[list[int], list[int], list[int]] = ([], [], [])
        self._onsets = array("f")
        self._bass_onsets = array("f")
        self._onset_start_s = self._hop_s = 0.0
        self._chroma: list[NDArray[np.float32]] = []
        self._tonal: list[tuple[float, float]] = []
        self._power = array("d")
        self._power_start_s = 0.0
        self._segments: list[Segment] = []
        self._end_s = 0.0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes levels, spectra or tags."""
        self._end_s = max(self._end_s, item.end_s)
        match item.value:
            case Levels():
                if not self._power:
                    self._power_start_s = item.time_s
                self._power.extend(item.value.loudness_power.tolist())
            case Spectrum():
                self._take_spectrum(item.time_s, item.value)
            case Tags():
                self._take_tags(item.time_s, item.end_s, item.value)
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all stretches."""
        found = music_stretches(self._steps)
        if not found and (whole := self._by_beat_alone()) is not None:
            found = [whole]
        self._segments = [self._segment(stretch) for stretch in found]
        return self._segments

    def summary(self) -> Summary:
        """Share of music; tempo and key of the longest stretch that has them."""
        total = sum(segment.end_s - segment.start_s for segment in self._segments)
        by_length = sorted(self._segments, key=lambda segment: segment.start_s - segment.end_s)
        tempo = next((one.music.tempo_bpm for one in by_length if one.music.HasField("tempo_bpm")), None)
        key = next((one.music.key for one in by_length if one.music.key), "")
        share = min(1.0, total / self._end_s) if self._end_s else 0.0
        return Summary(music=MusicSummary(music_share=share, tempo_bpm=tempo, key=key))

    def _take_spectrum(self, time_s: float, spectrum: Spectrum) -> None:
        if not self._hop_s:
            self._onset_start_s, self._hop_s = time_s, spectrum.hop_s
        self._onsets.extend(spectrum.onset.tolist())
        self._bass_onsets.extend(spectrum.bass_onset.tolist())
        for index, row in enumerate(spectrum.chroma):
            second = int(max(0.0, spectrum.long_start_s + index * spectrum.long_hop_s))
            while len(self._chroma) <= second:
                self._chroma.append(np.zeros(BINS, np.float32))
                self._tonal.append((0.0, 0.0))
            self._chroma[second] += row.astype(np.float32)
            share, count = self._tonal[second]
            self._tonal[second] = share + float(spectrum.tonal_share[index]), count + 1

    def _take_tags(self, start_s: float, end_s: float, tags: Tags) -> None:
        if not self._style_names:
            names = [label.name for label in tags.labels]
            self._groups = (list(expand(MUSIC, names)), list(expand(SPEECH, names)), list(expand((*GENRES, *MOODS), names)))
            self._style_names = tuple(names[index] for index in self._groups[2])
        music, speech, styles = self._groups
        self._steps.append(TagStep(start_s, end_s, float(tags.scores[music].max()) if music else 0.0))
        self._speech += (end_s - start_s) * float(tags.scores[speech].max() if speech else 0.0)
        self._styles.append(tags.scores[styles].astype(np.float32))

    def _by_beat_alone(self) -> MusicStretch | None:
        """The whole clip, where the network hears no music but there is a beat as plain as a metronome's, and no speech."""
        tempo = find_tempo(self._curve(self._onsets, 0.0, math.inf)[0], self._hop_s) if self._hop_s else None
        if tempo is None or tempo.confidence < RHYTHM_CONFIDENCE or self._speech > SPEECH_SHARE * self._end_s:
            return None
        return MusicStretch(self._steps[0].start_s if self._steps else 0.0, self._end_s, tempo.confidence)

    def _segment(self, stretch: MusicStretch) -> Segment:
        onsets, first_s = self._curve(self._onsets, stretch.start_s, stretch.end_s)
        tempo = find_tempo(onsets, self._hop_s) if self._hop_s else None
        beats = [first_s + position * self._hop_s for position in tempo.beats] if tempo else []
        # The bass tells the first beat: snares, which are louder, stand on the others.
        bass, _ = self._curve(self._bass_onsets, stretch.start_s, stretch.end_s)
        metre, downbeat = bars(_accents(bass, tempo)) if tempo else (0, 0)
        key = self._key(stretch)
        power, power_s = self._loudness(stretch)
        drop_s = find_drop(power, BLOCK_S)
        genre, mood = self._style(stretch)
        return Segment(
            start_s=stretch.start_s,
            end_s=stretch.end_s,
            confidence=stretch.confidence,
            music=MusicDetail(
                tempo_bpm=tempo.bpm if tempo else None,
                tempo_confidence=tempo.confidence if tempo else 0.0,
                beats=[max(0.0, beat) for beat in beats],
                downbeats=[max(0.0, beat) for beat in beats[downbeat::metre]] if metre else [],
                beats_per_bar=metre,
                key=key[0],
                key_confidence=key[1],
                energy=[TimedValue(time_s=power_s + at, value=value) for at, value in energy_curve(power, BLOCK_S)],
                drop_s=None if drop_s is None else _on_beat(power_s + drop_s, beats),
                genre=genre,
                mood=mood,
            ),
        )

    def _curve(self, values: array[float], start_s: float, end_s: float) -> tuple[NDArray[np.float64], float]:
        """Onsets of a stretch, and the time that its first frame's beat would have."""
        onsets = np.frombuffer(values, np.float32).astype(np.float64) if values else np.zeros(0)
        if not self._hop_s:
            return onsets, 0.0
        low = max(0, math.ceil((start_s - self._onset_start_s) / self._hop_s))
        high = len(onsets) if math.isinf(end_s) else max(low, int((end_s - self._onset_start_s) / self._hop_s))
        return onsets[low:high], self._onset_start_s + (low + ONSET_LEAD_HOPS) * self._hop_s

    def _key(self, stretch: MusicStretch) -> tuple[str, float]:
        seconds = slice(int(stretch.start_s), math.ceil(stretch.end_s))
        if not self._chroma[seconds]:
            return "", 0.0
        shares = np.sum(self._tonal[seconds], axis=0)
        chroma = np.sum(self._chroma[seconds], axis=0).astype(np.float64)
        key = find_key(chroma, float(shares[0] / shares[1]) if shares[1] else 0.0)
        return (key.name, key.confidence) if key else ("", 0.0)

    def _loudness(self, stretch: MusicStretch) -> tuple[NDArray[np.float64], float]:
        power = np.frombuffer(self._power, np.float64) if self._power else np.zeros(0)
        low = max(0, round((stretch.start_s - self._power_start_s) / BLOCK_S))
        high = max(low, round((stretch.end_s - self._power_start_s) / BLOCK_S))
        return power[low:high].copy(), self._power_start_s + low * BLOCK_S

    def _style(self, stretch: MusicStretch) -> tuple[str, str]:
        """Likeliest genre and mood; empty where none is clear."""
        inside = [
            row for step, row in zip(self._steps, self._styles, strict=True) if stretch.start_s <= step.start_s < stretch.end_s
        ]
        if not inside or not self._style_names:
            return "", ""
        scores = dict(zip(self._style_names, np.mean(inside, axis=0).tolist(), strict=True))
        moods = set(_names(MOODS, self._style_names))
        return _best({n: s for n, s in scores.items() if n not in moods}), _best(
            {n: s for n, s in scores.items() if n in moods}
        )


def _names(stretches: Iterable[tuple[str, str]], names: tuple[str, ...]) -> Iterable[str]:
    """Names of the classes in some stretches of the taxonomy."""
    return (names[index] for index in expand(tuple(stretches), names))


def _best(scores: dict[str, float]) -> str:
    name = max(scores, key=scores.__getitem__, default="")
    return name if name and scores[name] >= STYLE_FLOOR else ""


def _accents(onsets: NDArray[np.float64], tempo: Tempo) -> NDArray[np.float64]:
    """Strongest onset about each beat."""
    near = [onsets[max(0, round(at) - _ACCENT_HOPS) : round(at) + _ACCENT_HOPS + 1].max(initial=0.0) for at in tempo.beats]
    return np.array(near)


def _on_beat(time_s: float, beats: list[float]) -> float:
    """The beat next to a time, where one is within half a second."""
    nearest = min(beats, key=lambda beat: abs(beat - time_s), default=time_s)
    return nearest if abs(nearest - time_s) <= 0.5 else time_s  # noqa: PLR2004 - the curve's own step
