"""The analyzer graph: what an analyzer is (`node`), which there are (`catalog`), how they are run (`inbox`, `step`, `run`)."""
