"""What audio_analysis gathers: kinds of sound, their stretches, and the measures of the whole clip."""
