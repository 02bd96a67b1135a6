"""Media: what is asked for (`items`), the decoding process (`child`), who asks it (`host`), where files are (`store`)."""
