"""Who speaks when: voices compared by their spectra, clustered, and laid along time."""
