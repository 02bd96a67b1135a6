"""Words of hesitation and repair, by language: data, not rules."""

from __future__ import annotations

from typing import Final

FILLERS: Final[dict[str, frozenset[str]]] = {
    "en": frozenset({"uh", "um", "uhm", "umm", "uhh", "er", "erm", "hmm", "hm", "mm", "mmm", "ah", "eh"}),
    "de": frozenset({"äh", "ähm", "öh", "öhm", "hm", "hmm", "mhm", "eh"}),
    "fr": frozenset({"euh", "heu", "hum", "hein", "ben", "bah"}),
    "es": frozenset({"eh", "em", "este", "mmm", "eeh"}),
    "it": frozenset({"ehm", "eh", "mmm", "uhm"}),
    "pt": frozenset({"hum", "ahn", "hã", "é", "éh"}),
    "nl": frozenset({"eh", "ehm", "uh", "uhm"}),
    "ru": frozenset({"э", "ээ", "эээ", "эм", "мм", "ммм", "хм"}),
    "ja": frozenset({"えー", "えーと", "えっと", "あの", "あのー", "うーん", "その"}),
    "zh": frozenset({"嗯", "呃", "额", "那个", "这个"}),
}
"""What speakers say while they look for words. Ambiguous words ("like", "well") are left out: they mostly mean something."""

DEFAULT: Final = frozenset({"uh", "um", "uhm", "hm", "hmm", "mm", "mmm", "eh", "äh", "euh", "er", "ah"})
"""For any other language."""

REPAIRS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "en": (("i", "mean"), ("or", "rather"), ("no", "wait"), ("sorry",), ("scratch", "that")),
    "de": (("ich", "meine"), ("besser", "gesagt"), ("quatsch",), ("entschuldigung",)),
    "fr": (("je", "veux", "dire"), ("enfin",), ("pardon",)),
    "es": (("quiero", "decir"), ("o", "sea"), ("perdón",), ("mejor", "dicho")),
    "ru": (("то", "есть"), ("вернее",), ("точнее",)),
}
"""Words that take back what was said (Levelt, Monitoring and self-repair in speech, Cognition 1983: editing terms)."""

EMPHATIC: Final = frozenset(
    {
        *("very", "really", "so", "much", "many", "no", "yes", "yeah", "okay", "ok", "bye", "ha", "haha", "la", "na", "blah"),
        *("wow", "go", "knock", "that", "had", "sehr", "ja", "nein", "sí", "si", "muy", "oui", "non", "très", "да", "нет"),
        *("очень", "はい", "很", "好", "对", "是", "不"),
    }
)
"""Words that are said twice on purpose, or rightly follow themselves."""


_APOSTROPHES: Final = "'\N{RIGHT SINGLE QUOTATION MARK}"


def plain(text: str) -> str:
    """A word without its punctuation and capitals."""
    return "".join(letter for letter in text.casefold() if letter.isalnum() or letter in _APOSTROPHES)


def fillers(language: str) -> frozenset[str]:
    """The filler words of a language (BCP 47)."""
    return FILLERS.get(language.partition("-")[0], DEFAULT)


def repairs(language: str) -> tuple[tuple[str, ...], ...]:
    """The editing terms of a language."""
    return REPAIRS.get(language.partition("-")[0], ())
