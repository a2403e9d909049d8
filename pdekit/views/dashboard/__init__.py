"""The dashboard: settings, verbs and live figure of a training on the engines of a cluster."""
