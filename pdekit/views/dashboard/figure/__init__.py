"""The live figure: maps, curves, ranks and slices in one widget."""
