"""What a training takes to a given loss or error: seconds and dollars on any machine."""
