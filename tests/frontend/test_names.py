"""`sanitize` gives names that every language and file system takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwq.ir.names import MAX_LENGTH, RESERVED, sanitize


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("conv1", "conv1"),
        ("a b", "a_b"),
        ("/encoder/0/Conv_output_0", "encoder_0_Conv_output_0"),
        ("../../etc/passwd", "etc_passwd"),
        ("gewöhnlich", "gew_hnlich"),
        ("日本", "t"),
        ("", "t"),
        ("95", "t95"),
        ("module", "t_module"),
        ("Wire", "t_Wire"),
        ("namespace", "t_namespace"),
        ("CON", "t_CON"),
        ("__x__y__", "x_y"),
    ],
)
def test_known_names(name: str, expected: str) -> None:
    assert sanitize(name, ()) == expected


def test_long_names_stay_different() -> None:
    names = ["x" * 500, "x" * 501]
    short = [sanitize(name, ()) for name in names]
    assert short[0] != short[1]
    assert all(len(name) <= MAX_LENGTH for name in short)
    assert short == [sanitize(name, ()) for name in names]


@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from(["a b", "A/B", "a_b", "reg", "x" * 99]))))
def test_names_are_legal_and_unique(names: list[str]) -> None:
    taken: list[str] = []
    for name in names:
        taken.append(sanitize(name, taken))
    assert len({name.lower() for name in taken}) == len(taken)
    for name in taken:
        assert re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", name)
        assert len(name) <= MAX_LENGTH
        assert name.lower() not in RESERVED
