"""The made clip `samples/demo.mp4`: its storyboard, pictures, sound and known truth."""
