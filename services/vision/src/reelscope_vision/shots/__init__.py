"""Shot boundary detection: small frames in, transitions with their exact frames out."""
