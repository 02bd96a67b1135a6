"""Script and language of a text, as far as its letters and its commonest words tell."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

_SCRIPTS: Final = {
    "LATIN": "Latn",
    "CJK": "Hani",
    "HIRAGANA": "Hira",
    "KATAKANA": "Kana",
    "HANGUL": "Hang",
    "CYRILLIC": "Cyrl",
    "ARABIC": "Arab",
    "GREEK": "Grek",
    "HEBREW": "Hebr",
    "THAI": "Thai",
    "DEVANAGARI": "Deva",
}
"""First word of the Unicode names of a script's letters, and its ISO 15924 code."""

_KANA: Final = {"Hira", "Kana"}

_LANGUAGES: Final = {"Hang": "ko", "Grek": "el", "Hebr": "he", "Thai": "th"}
"""Scripts that one language is written in, nearly always."""

_WORDS: Final = {
    language: frozenset(words.split())
    for language, words in (
        ("en", "the and you to of is it for this that with are my be on what your have not do we in was"),
        ("es", "el la los las que y en un una por con para es no mi tu del se como más pero esto está"),
        ("fr", "le les des et est une un vous je pas pour dans que qui sur avec ce nous au du elle mais"),
        ("de", "der die das und ist nicht ich du ein eine mit für auf wir sie den zu von dem im auch"),
        ("pt", "o os as que e em um uma para com não é por mais você do da no na como mas isso"),
        ("it", "il lo gli che e un una per con non è di della sono mi ti più ma questo come"),
    )
}
"""The commonest words of each language; a word of several counts for each."""

_LEAST_WORDS: Final = 2


def script_of(text: str) -> str:
    """ISO 15924 code of most letters: "Jpan" with kana, "Hani" for Chinese characters alone, "Zyyy" without letters."""
    names = (unicodedata.name(letter, "").split(" ", 1)[0].split("-", 1)[0] for letter in text if letter.isalpha())
    counts = Counter(_SCRIPTS.get(name, "Zyyy") for name in names)
    if not counts:
        return "Zyyy"
    if _KANA & counts.keys():
        return "Jpan"
    return counts.most_common(1)[0][0]


def language_of(text: str) -> str:
    """BCP 47 tag where it is clear, else empty.

    Chinese characters without kana are taken for Chinese. Words decide in Latin script: at least two of a language's
    commonest, and more than of any other.
    """
    script = script_of(text)
    if script in {"Jpan", "Hani"}:
        return "ja" if script == "Jpan" else "zh"
    if script != "Latn":
        return _LANGUAGES.get(script, "")
    words = "".join(letter if letter.isalpha() else " " for letter in text.casefold()).split()
    hits = {language: sum(word in common for word in words) for language, common in _WORDS.items()}
    (best, most), (_, second) = Counter(hits).most_common(2)
    return best if most >= _LEAST_WORDS and most > second else ""
