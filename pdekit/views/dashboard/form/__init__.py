"""Every setting of an experiment as a control."""
