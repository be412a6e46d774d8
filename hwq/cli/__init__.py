"""The command line: `hwq COMMAND`, one command for each function of `hwq.api`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from hwq.cli import interrupts
from hwq.cli.analyze import analyze
from hwq.cli.commands import app
from hwq.cli.diff import diff
from hwq.cli.explore import explore
from hwq.cli.export import export
from hwq.cli.session import USAGE, Session
from hwq.cli.simulate import simulate
from hwq.cli.synth import synth
from hwq.cli.vectors import vectors
from hwq.cli.verify import verify

app.command(epilog="Example: hwq simulate net.hwq test.npz -o out.npz")(simulate)
app.command(epilog="Example: hwq analyze model.onnx --calib calib.npz --weight-bits 4")(analyze)
app.command(epilog="Example: hwq explore model.onnx --calib calib.npz -o front/ --measure")(explore)
app.command(epilog="Example: hwq export net.hwq --format onnx -o golden.onnx")(export)
app.command(epilog="Example: hwq vectors net.hwq --data test.npz --frames 10 -o vectors/")(vectors)
app.command(epilog="Example: hwq verify build/ --sim all -n 20 --stall 0.3")(verify)
app.command(epilog="Example: hwq synth build/ --device ecp5-25f")(synth)
app.command(epilog="Example: hwq diff net.hwq dump.npz --plot diff.svg")(diff)

ORDER = (
    "build", "inspect", "quantize", "analyze", "explore", "simulate", "export", "vectors", "diff", "generate", "verify",
    "report", "synth", "doctor",
)  # fmt: skip
"""In which help lists the commands."""
app.registered_commands.sort(key=lambda command: ORDER.index(getattr(command.callback, "__name__", "")))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv
        Arguments without the program's name; those of the process when None.

    Returns
    -------
    int
        0 done, 1 a check failed, 2 bad input, 3 a tool is missing, 70 an error inside hwq, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if argv is None:
        interrupts.install()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    session = Session(json="--json" in words, verbose=False)
    with session:
        try:
            code = typer.main.get_command(app).main(words, prog_name="hwq", standalone_mode=False)
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            _refuse_usage(session, error)
        else:
            session.exit_code = code if isinstance(code, int) else 0
    return session.exit_code


def _refuse_usage(session: Session, error: Exception) -> None:
    """Say in one line what typer found wrong with the arguments; its own class for this is not public."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "hwq"
    message = " ".join(str(error.format_message()).split())  # type: ignore[attr-defined]
    session.refuse(f"{path}: {message.rstrip('.')}. See `{path} --help`.", USAGE)
