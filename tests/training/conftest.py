"""Without torch these tests cannot be read: they are left out, but not where CI is set."""

from __future__ import annotations

import importlib.util
import os

if importlib.util.find_spec("torch") is None and not os.environ.get("CI"):
    collect_ignore_glob = ["test_*.py"]
