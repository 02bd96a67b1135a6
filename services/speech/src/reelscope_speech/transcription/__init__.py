"""From speech regions to utterances: windows, recognition, guard, sentences."""
