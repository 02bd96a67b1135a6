"""`reelscope doctor`: what there is (`machine`, `packages`), what it is enough for (`profiles`), and how it is shown."""
