"""Camera: the motion of the background between pictures, and what it makes of a shot."""
