"""Where clips are kept, by their SHA-256; the gateway is the only writer."""
