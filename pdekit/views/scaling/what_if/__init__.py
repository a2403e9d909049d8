"""The what-if: sliders for network, ranks, batch and optimizer, and what the fitted model says of them."""
