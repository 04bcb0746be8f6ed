"""The command line: names, help and options. Each body is one import and one call; the only place that exits."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

INTERRUPTED = 130

app = typer.Typer(
    name="lossbench",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Benchmarks and verifies the loss functions of deep-learning frameworks.",
)

Losses = Annotated[Optional[list[str]], typer.Argument(metavar="[LOSS]...", help="Names, ours or any framework's.")]
SuiteName = Annotated[str, typer.Option("--suite", help="A suite's name, or the path of its .toml file.")]
Frameworks = Annotated[str, typer.Option("--framework", help="Names with commas between; all that are installed.")]
Dtypes = Annotated[str, typer.Option("--dtype", help="float64, float32, float16, bfloat16.")]
Regimes = Annotated[str, typer.Option("--regime", help="Kinds of input; `lossbench list --regimes` names them.")]
Device = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
Csv = Annotated[Optional[Path], typer.Option("--csv", help="Where the rows go.", show_default=False)]


@app.callback()
def _options() -> None:
    """Benchmarks and verifies the loss functions of deep-learning frameworks."""


@app.command()
def compare(
    losses: Losses = None,
    suite: SuiteName = "smoke",
    framework: Frameworks = "",
    dtype: Dtypes = "",
    regime: Regimes = "",
    seed: Annotated[str, typer.Option("--seed", help="Seeds instead of the suite's own, commas between.")] = "",
    device: Device = "cpu",
    impl: Annotated[str, typer.Option("--impl", help="Only implementations whose public name contains this.")] = "",
    csv: Csv = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 if anything differs, crashes, hangs or refuses.")
    ] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Work out every certified answer anew.")] = False,
) -> None:
    """Judge values and gradients of every implementation against the certified reference."""
    from lossbench.commands.compare import Request
    from lossbench.commands.compare import main as run

    request = Request(
        tuple(losses or ()),
        suite,
        _words(framework),
        _words(dtype),
        _words(regime),
        _words(seed),
        device,
        impl,
        csv,
        strict,
        cold,
    )
    raise typer.Exit(run(request))


@app.command()
def speed(
    losses: Losses = None,
    suite: SuiteName = "speed",
    framework: Frameworks = "",
    dtype: Dtypes = "",
    device: Device = "cpu",
    shape: Annotated[str, typer.Option("--shape", help="Shapes instead of the suite's, such as 4096x1000.")] = "",
    reduction: Annotated[str, typer.Option("--reduction", help="Reductions instead of the suite's.")] = "",
    processes: Annotated[int, typer.Option("--processes", help="Fresh processes for each framework.")] = 3,
    seconds: Annotated[float, typer.Option("--seconds", help="Of samples for each measurement.")] = 0.1,
    threads: Annotated[int, typer.Option("--threads", help="Threads a framework may use.")] = 1,
    impl: Annotated[str, typer.Option("--impl", help="Only implementations whose public name contains this.")] = "",
    csv: Csv = None,
) -> None:
    """Time every implementation, forward and with its gradient, in fresh processes."""
    from lossbench.commands.speed import Request
    from lossbench.commands.speed import main as run

    request = Request(
        losses=tuple(losses or ()),
        suite=suite,
        frameworks=_words(framework),
        dtypes=_words(dtype),
        device=device,
        shapes=_words(shape),
        reductions=_words(reduction),
        processes=processes,
        seconds=seconds,
        threads=threads,
        implementation=impl,
        csv=csv,
    )
    raise typer.Exit(run(request))


@app.command()
def gate(
    losses: Losses = None,
    suite: SuiteName = "gate",
    framework: Frameworks = "",
    baseline: Annotated[
        Optional[Path],
        typer.Option("--baseline", help="The accepted verdicts; results/accepted/DEVICE.csv.", show_default=False),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Make what is found the accepted verdicts.")] = False,
    device: Device = "cpu",
    seed: Annotated[str, typer.Option("--seed", help="Seeds instead of the suite's own, commas between.")] = "",
    csv: Csv = None,
    strict_better: Annotated[
        bool, typer.Option("--strict-better", help="Exit 1 also if something is better than accepted.")
    ] = False,
) -> None:
    """Hold today's verdicts against those accepted: exit 1 if any is worse."""
    from lossbench.commands.gate import Request
    from lossbench.commands.gate import main as run

    request = Request(
        losses=tuple(losses or ()),
        suite=suite,
        frameworks=_words(framework),
        baseline=baseline,
        accept=accept,
        device=device,
        seeds=_words(seed),
        csv=csv,
        strict_better=strict_better,
    )
    raise typer.Exit(run(request))


@app.command("list")
def list_(
    framework: Frameworks = "",
    regimes: Annotated[bool, typer.Option("--regimes", help="The kinds of input instead of the losses.")] = False,
) -> None:
    """Every loss, and who implements it."""
    from lossbench.commands.listing import list_losses

    raise typer.Exit(list_losses(_words(framework), regimes))


@app.command()
def show(losses: Annotated[list[str], typer.Argument(metavar="LOSS...")], framework: Frameworks = "") -> None:
    """One loss in full: formula, domains, parameters, every framework's exact call and its known deviations."""
    from lossbench.commands.listing import show as run

    raise typer.Exit(run(losses, _words(framework)))


@app.command()
def doctor() -> None:
    """What is installed, which devices and interpreters there are."""
    from lossbench.commands.listing import doctor as run

    raise typer.Exit(run())


@app.command()
def selftest(
    suite: Annotated[str, typer.Option("--suite", help="What the fakes are put to.")] = "selftest", csv: Csv = None
) -> None:
    """Let fakes lie to the judge: every lie must be caught, and no honest oddity blamed."""
    from lossbench.commands.selftest import Request
    from lossbench.commands.selftest import main as run

    raise typer.Exit(run(Request(suite, csv)))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.replace(" ", "").split(",") if word)


def main() -> None:
    """Run the command line and leave by the contract's exit codes."""
    from lossbench.records import EnvironmentLacks, ResultsNotWritten, UsageError

    try:
        # outside of standalone mode typer hands back the code of an Exit, and 130 for Ctrl-C
        code = int(app(standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except UsageError as error:
        print(f"lossbench: {error}", file=sys.stderr)
        code = 2
    except EnvironmentLacks as error:
        print(f"lossbench: {error}", file=sys.stderr)
        code = 3
    except ResultsNotWritten as error:
        print(f"lossbench: {error}", file=sys.stderr)
        code = 4
    except BrokenPipeError:  # the reader of a pipe has gone; what was wanted has been read
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _unexpected(error)
    if code == INTERRUPTED:
        print("interrupted; rows already written are kept", file=sys.stderr)
    sys.exit(code)


def _unexpected(error: Exception) -> int:
    """Usage errors of the option parser end with 2, errors of our own with 70."""
    if hasattr(error, "show") and hasattr(error, "exit_code"):
        error.show()
        return 2
    import traceback

    traceback.print_exception(error)
    print("lossbench: this is an error of lossbench's own; please report it with the lines above", file=sys.stderr)
    return 70
