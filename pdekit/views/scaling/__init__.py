"""Figures of scaling: what was measured, what the model says of it and beyond, and what would be if."""
