"""`reelscope up`, `down` and `status`."""
