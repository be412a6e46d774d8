"""The other tools: what each needs, in an environment of its own, and the settings that are measured.

    python benchmarks/peers/environments.py [TOOL ...]     make the environments; all of them without arguments

Nothing of a peer is ever installed beside hwq.  A tool that does not install is reported, and the others go on.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent.parent / "build" / "peers"
SCRIPTS = Path(__file__).resolve().parent
TORCH = ("torch==2.13.0", "setuptools==80.10.2")
VISION = "torchvision==0.28.0"
BOTH = ("8/8", "4/8")
INSTALL_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run a tool; `scales` are "pow2" or "float", `bits` those of weights and activations that it has."""

    name: str
    scales: str
    bits: tuple[str, ...] = BOTH


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool, the packages that make its environment, and what is measured of it; `script` lies beside this file."""

    name: str
    script: str
    packages: tuple[str, ...]
    settings: tuple[Setting, ...]

    @property
    def home(self) -> Path:
        """The folder of its environment."""
        return FOLDER / self.name

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.home / "bin" / "python"

    def install(self) -> str | None:
        """Make the environment if it is not there; the reason if that cannot be done."""
        done, failed = self.home / "installed.txt", self.home / "failed.txt"
        wanted = "\n".join(self.packages)
        if done.exists() and done.read_text() == wanted:
            return None
        if failed.exists() and failed.read_text().startswith(wanted):
            return failed.read_text().removeprefix(wanted).strip()
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(self.home)], check=True)
        command = [str(self.python), "-m", "pip", "install", "--quiet", *self.packages]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.CalledProcessError as problem:
            lines = [line for line in problem.stderr.splitlines() if line.startswith("ERROR")]
            reason = lines[0] if lines else f"pip ends with {problem.returncode}"
        except subprocess.TimeoutExpired:
            reason = f"pip takes more than {INSTALL_SECONDS} s"
        else:
            done.write_text(wanted)
            return None
        failed.write_text(f"{wanted}\n{reason}")
        return reason


def last_error(output: str) -> str | None:
    """The last line of an output that names an error."""
    said = re.findall(r"^[\w.]*(?:Error|ERROR|Exception)\b.*", output, re.MULTILINE)
    return said[-1] if said else None


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "onnxruntime",
            "onnxruntime_static.py",
            ("onnxruntime==1.23.2", "onnx==1.17.0", "numpy==2.2.6", "sympy==1.14.0"),
            (Setting("minmax", "float"), Setting("entropy", "float"), Setting("percentile", "float")),
        ),
        Tool(
            "quark",
            "quark_xint8.py",
            (*TORCH, "amd-quark==0.13", "onnxruntime==1.23.2", "onnx==1.22.0"),
            (
                Setting("xint8", "pow2", ("8/8",)),
                Setting("xint8-cle", "pow2", ("8/8",)),
                Setting("xint8-adaround", "pow2", ("8/8",)),
                Setting("per-channel", "float", ("8/8",)),
            ),
        ),
        Tool(
            "mct",
            "sony_mct.py",
            (*TORCH, VISION, "model-compression-toolkit==2.6.1", "onnx==1.17.0", "onnxruntime==1.23.2"),
            (
                Setting("pow2", "pow2"),
                Setting("float", "float"),
                Setting("pow2-gptq", "pow2", ("4/8",)),
            ),
        ),
        Tool(
            "aimet",
            "aimet.py",
            (*TORCH, "aimet-onnx==2.42.0", "onnx==1.23.2", "onnxruntime==1.31.1"),
            (
                Setting("plain", "float"),
                Setting("cle", "float"),
                Setting("seqmse", "float"),
                Setting("adaround", "float"),
            ),
        ),
        Tool(
            "brevitas",
            "brevitas_ptq.py",
            (*TORCH, VISION, "brevitas==0.13.4", "onnx==1.17.0", "tqdm==4.67.1"),
            (
                Setting("pow2-plain", "pow2"),
                Setting("pow2-gpfq", "pow2"),
                Setting("pow2-tensor-gpfq", "pow2"),
                Setting("pow2-gptq", "pow2", ("4/8",)),
                Setting("float-gpfq", "float"),
            ),
        ),
        Tool(
            "esp_ppq",
            "espressif_ppq.py",
            (*TORCH, "esp-ppq==1.3.12", "onnx==1.19.1", "onnxruntime==1.31.1"),
            (Setting("per-tensor", "pow2", ("8/8",)), Setting("per-channel", "pow2", ("8/8",))),
        ),
    )
}
"""The peers by name."""


def main() -> None:
    """Make the environments that the command line names."""
    for name in sys.argv[1:] or TOOLS:
        reason = TOOLS[name].install()
        print(f"{name}: {'ready' if reason is None else 'does not install: ' + reason}", flush=True)


if __name__ == "__main__":
    main()
