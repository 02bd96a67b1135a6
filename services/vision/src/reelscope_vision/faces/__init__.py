"""Following faces: where each is in every frame, and which of them are worth telling of."""
