"""Runs side by side on one sheet: the same latents, scores, what differs, and curves over each other."""
