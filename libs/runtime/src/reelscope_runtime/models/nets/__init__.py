"""What goes into bundled networks and comes out of them, where more than one service needs it. NumPy only."""
