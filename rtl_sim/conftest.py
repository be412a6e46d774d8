"""The cocotb modules test_hwq_*.py run inside a simulator: `test_rtl.py` starts them, pytest must not."""

collect_ignore_glob = ["test_hwq_*.py"]
