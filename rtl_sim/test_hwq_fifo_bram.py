"""hwq_fifo_bram: the same tests as hwq_fifo."""

from test_hwq_fifo import holds_depth_words, keeps_order

__all__ = ["CASES", "holds_depth_words", "keeps_order"]

CASES: list[dict[str, int]] = [
    {"W": width, "DEPTH": depth, "full_rate": 4} for width, depth in [(9, 16), (9, 1), (9, 2), (9, 4), (9, 5), (1, 33)]
]
