"""Synthesis flows: scripts for open and for vendors' tools, runs of the open ones, and what their reports say."""
