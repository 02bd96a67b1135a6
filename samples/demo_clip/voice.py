"""The narrator: Festival's voice `cmu_us_slt_arctic_hts`, which tells when each word starts and ends."""

import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from demo_clip.storyboard import SENTENCES, Sentence

SAMPLE_RATE_HZ = 44_100
VOICE = "cmu_us_slt_arctic_hts"
FESTIVAL_TIMEOUT_S = 60
_SCRIPT = """
(voice_{voice})
(set! utterance (SynthText "{text}"))
(utt.save.wave utterance "{wav}" 'riff)
(mapcar
  (lambda (w) (format t "%s\\t%f\\t%f\\n" (item.name w) (item.feat w "word_start") (item.feat w "word_end")))
  (utt.relation.items utterance 'Word))
"""


@dataclass(frozen=True)
class Word:
    """A spoken word and its times in the clip, in seconds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Utterance:
    """A spoken sentence: mono samples in [-1, 1] at `SAMPLE_RATE_HZ`, and where they start in the clip."""

    text: str
    start_s: float
    samples: npt.NDArray[np.float64]
    words: tuple[Word, ...]


def narrate() -> list[Utterance]:
    """Return the storyboard's sentences, spoken.

    Raises:
        FileNotFoundError: If Festival is not installed.
        subprocess.CalledProcessError: If Festival fails, as it does without the voice's package.
    """
    return [_speak(sentence) for sentence in SENTENCES]


def _speak(sentence: Sentence) -> Utterance:
    festival = shutil.which("festival")
    if festival is None:
        raise FileNotFoundError("no program 'festival': install the packages that samples/README.md names")
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sentence.wav"
        script = Path(folder) / "sentence.scm"
        script.write_text(_SCRIPT.format(voice=VOICE, text=sentence.text, wav=wav), encoding="ascii")
        done = subprocess.run(
            [festival, "-b", str(script)],
            check=True,
            capture_output=True,
            text=True,
            timeout=FESTIVAL_TIMEOUT_S,
        )
        with wave.open(str(wav), "rb") as reader:
            rate = reader.getframerate()
            pcm = np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2")
    rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    at = sentence.start_s
    words = tuple(Word(name, at + float(start), at + float(end)) for name, start, end in rows)
    if [word.text for word in words] != [token.strip(",.") for token in sentence.text.split()]:
        raise ValueError(f"festival read {sentence.text!r} as {words}: write the words as it speaks them")
    return Utterance(sentence.text, sentence.start_s, _resample(pcm / 32_768.0, rate), words)


def _resample(samples: npt.NDArray[np.float64], rate: int) -> npt.NDArray[np.float64]:
    """Return the samples at `SAMPLE_RATE_HZ`, band-limited and without delay, by the FFT."""
    block = rate // int(np.gcd(rate, SAMPLE_RATE_HZ))
    padded = np.pad(samples, (0, -len(samples) % block))
    length = len(padded) * SAMPLE_RATE_HZ // rate
    spectrum = np.fft.rfft(padded)
    resampled = np.fft.irfft(spectrum, length) * (length / len(padded))
    return resampled[: round(len(samples) * SAMPLE_RATE_HZ / rate)]
