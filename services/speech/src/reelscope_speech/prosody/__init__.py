"""How speech sounds beside its words: pitch, level, voice quality, syllables, pauses."""
