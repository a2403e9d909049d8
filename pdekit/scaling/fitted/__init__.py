"""The model that is fitted to a measurement: messages, computing, and steps of both, each with its band."""
