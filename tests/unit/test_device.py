"""The table of devices."""

from __future__ import annotations

import pytest

from hwq.errors import BadInput
from hwq.hw.device import device, devices


def test_devices_are_whole() -> None:
    found = devices()
    assert len(found) == 16
    for name, one in found.items():
        family = one.family
        assert one.name == name and one.clock > 0 and one.title
        if family.name == "asic":
            continue
        assert one.luts > 0 and one.registers > 0 and one.rams > 0 and one.dsps >= 0
        for words, bits in family.ram_shapes:
            assert family.ram_kbit * 1024 // (2 if family.ram_halves else 1) * 4 // 5 <= words * bits
        widths = [bits for _, bits in family.ram_shapes]
        assert widths == sorted(widths, reverse=True)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(BadInput, match=r"--device zynq7020: unknown, expected one of ice40up5k, .*Perhaps zynq-7020\?"):
        device("zynq7020")
