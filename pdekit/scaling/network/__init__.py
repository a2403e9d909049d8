"""What an allreduce takes on a machine: topologies of nodes and cables, the ways of its messages, machines as data."""
