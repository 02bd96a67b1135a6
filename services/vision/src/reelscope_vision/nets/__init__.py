"""The bundled networks: what goes in, what comes out. They know pictures and numbers, neither tracks nor clips."""
