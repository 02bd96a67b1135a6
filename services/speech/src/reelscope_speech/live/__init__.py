"""Live audio: words while it comes in."""
