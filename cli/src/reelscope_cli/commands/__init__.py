"""The commands' arguments and help. What they do is imported when they run, so that `reelscope --help` answers at once."""
