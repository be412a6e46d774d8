"""How long the random tests try."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: simulations and busy machines make single examples slow.
settings.register_profile("default", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.register_profile("fuzz", deadline=None, max_examples=2000, derandomize=False)
settings.load_profile("default")
