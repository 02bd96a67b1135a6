"""`python -m reelscope_cli` is the `reelscope` command."""

from __future__ import annotations

from reelscope_cli.main import app

if __name__ == "__main__":
    app()
