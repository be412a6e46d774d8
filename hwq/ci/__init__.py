"""Builds in the CI of their users: what the pytest plugin `pytest_hwq` runs."""
