"""Which pictures are worth a look, and which are so like the last one that its findings hold."""
