"""The command line: names, help and options. Each body is one import and one call; the only place that exits."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from lossbench.commands.own import Own

INTERRUPTED, TERMINATED = 130, 143
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # nothing more can be written there

app = typer.Typer(
    name="lossbench",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Benchmarks and verifies the loss functions of deep-learning frameworks.",
)

Losses = Annotated[Optional[list[str]], typer.Argument(metavar="[LOSS]...", help="Names, ours or any framework's.")]
SuiteName = Annotated[str, typer.Option("--suite", help="A suite's name, or the path of its .toml file.")]
Words = Optional[list[str]]  # of an option that may be given several times, or once with commas between
Frameworks = Annotated[Words, typer.Option("--framework", help="Names with commas between; all that are installed.")]
Dtypes = Annotated[Words, typer.Option("--dtype", help="float64, float32, float16, bfloat16.")]
Regimes = Annotated[Words, typer.Option("--regime", help="Kinds of input; `lossbench list --regimes` names them.")]
Seeds = Annotated[Words, typer.Option("--seed", help="Seeds instead of the suite's own, commas between.")]
Device = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
Csv = Annotated[Optional[Path], typer.Option("--csv", help="Where the rows go.", show_default=False)]
Impl = Annotated[
    str,
    typer.Option("--impl", help="Part of a public name; or FILE.py:NAME or package.module:NAME, a loss of your own."),
]
As = Annotated[str, typer.Option("--as", help="Which loss your own --impl is.")]
Map = Annotated[
    Words, typer.Option("--map", help="Names and values of your own: gamma=focus,alpha=None.", show_default=False)
]
Order = Annotated[str, typer.Option("--order", help="Its arguments: target,prediction or logit,[_,target].")]
Item = Annotated[str, typer.Option("--output", "--item", help="Which entry of what it returns is the loss.")]
Classes = Annotated[str, typer.Option("--classes", help="Its axis of classes: last or second.")]
Targets = Annotated[
    Words,
    typer.Option("--target", help="FRAMEWORK[:MODE][@DEVICE][=PYTHON] or a name of yours.", show_default=False),
]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("lossbench"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    """Benchmarks and verifies the loss functions of deep-learning frameworks."""


@app.command()
def compare(
    losses: Losses = None,
    suite: SuiteName = "smoke",
    framework: Frameworks = None,
    dtype: Dtypes = None,
    regime: Regimes = None,
    seed: Seeds = None,
    device: Device = "cpu",
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    csv: Csv = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 if anything differs, crashes, hangs or refuses.")
    ] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Work out every certified answer anew.")] = False,
    case: Annotated[
        Optional[list[str]], typer.Option("--case", help="This case, as printed by compare, instead of a suite's.")
    ] = None,
) -> None:
    """Judge values and gradients of every implementation against the certified reference."""
    from lossbench.commands.compare import Request
    from lossbench.commands.compare import main as run

    own = _own(impl, as_, map_, order, item, classes)
    request = Request(
        _words(losses),
        suite,
        _words(framework),
        _words(dtype),
        _words(regime),
        _words(seed),
        device,
        "" if own else impl,
        csv,
        strict,
        cold,
        tuple(case or ()),
        _words(target),
        own,
    )
    raise typer.Exit(run(request))


@app.command()
def speed(
    losses: Losses = None,
    suite: SuiteName = "speed",
    framework: Frameworks = None,
    dtype: Dtypes = None,
    device: Device = "cpu",
    shape: Annotated[Words, typer.Option("--shape", help="Shapes instead of the suite's, such as 4096x1000.")] = None,
    reduction: Annotated[Words, typer.Option("--reduction", help="Reductions instead of the suite's.")] = None,
    processes: Annotated[int, typer.Option("--processes", help="Fresh processes for each framework.")] = 3,
    seconds: Annotated[float, typer.Option("--seconds", help="Of samples for each measurement.")] = 0.1,
    threads: Annotated[int, typer.Option("--threads", help="Threads a framework may use.")] = 1,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    csv: Csv = None,
) -> None:
    """Time every implementation, forward and with its gradient, in fresh processes."""
    from lossbench.commands.speed import Request
    from lossbench.commands.speed import main as run

    own = _own(impl, as_, map_, order, item, classes)
    request = Request(
        losses=_words(losses),
        suite=suite,
        frameworks=_words(framework),
        dtypes=_words(dtype),
        device=device,
        shapes=_words(shape),
        reductions=_words(reduction),
        processes=processes,
        seconds=seconds,
        threads=threads,
        implementation="" if own else impl,
        targets=_words(target),
        own=own,
        csv=csv,
    )
    raise typer.Exit(run(request))


@app.command()
def gate(
    losses: Losses = None,
    suite: SuiteName = "gate",
    framework: Frameworks = None,
    impl: Annotated[str, typer.Option("--impl", help="FILE.py:NAME or package.module:NAME, a loss of your own.")] = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    baseline: Annotated[
        Optional[Path],
        typer.Option("--baseline", help="The accepted verdicts; results/accepted/DEVICE.csv.", show_default=False),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Make what is found the accepted verdicts.")] = False,
    device: Device = "cpu",
    seed: Seeds = None,
    csv: Csv = None,
    strict_better: Annotated[
        bool, typer.Option("--strict-better", help="Exit 1 also if something is better than accepted.")
    ] = False,
) -> None:
    """Hold today's verdicts against those accepted: exit 1 if any is worse."""
    from lossbench.commands.gate import Request
    from lossbench.commands.gate import main as run

    request = Request(
        losses=_words(losses),
        suite=suite,
        frameworks=_words(framework),
        baseline=baseline,
        accept=accept,
        device=device,
        seeds=_words(seed),
        csv=csv,
        strict_better=strict_better,
        targets=_words(target),
        own=_own(impl, as_, map_, order, item, classes),
    )
    raise typer.Exit(run(request))


@app.command()
def exhaust(
    losses: Losses = None,
    dtype: Annotated[str, typer.Option("--dtype", help="float16, bfloat16 or float32.")] = "bfloat16",
    framework: Frameworks = None,
    argument: Annotated[
        Words, typer.Option("--argument", help="Only these arguments run through all patterns.")
    ] = None,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    device: Device = "cpu",
    all_options: Annotated[
        bool, typer.Option("--all-options", help="float32: every value of labels and parameters as well.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the last run was interrupted.")] = False,
    csv: Csv = None,
) -> None:
    """Run every bit pattern of a format through elementwise losses: how far off each answer is."""
    from lossbench.commands.exhaust import Request
    from lossbench.commands.exhaust import main as run

    own = _own(impl, as_, map_, order, item, classes)
    request = Request(
        losses=_words(losses),
        dtype=dtype,
        frameworks=_words(framework),
        arguments=_words(argument),
        implementation="" if own else impl,
        targets=_words(target),
        own=own,
        device=device,
        all_options=all_options,
        resume=resume,
        csv=csv,
    )
    raise typer.Exit(run(request))


@app.command()
def sweep(
    losses: Losses = None,
    over: Annotated[str, typer.Option("--over", help="scale, shift, gap, classes or length.")] = "scale",
    levels: Annotated[Words, typer.Option("--levels", help="Numbers instead of the usual ones.")] = None,
    dtype: Dtypes = None,
    framework: Frameworks = None,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    shape: Annotated[str, typer.Option("--shape", help="The shape of the cases, such as 64x10.")] = "",
    reduction: Annotated[str, typer.Option("--reduction", help="none, unless the loss has no such.")] = "",
    seed: Seeds = None,
    device: Device = "cpu",
    csv: Csv = None,
) -> None:
    """Turn one stress up and see how the errors of every implementation grow."""
    from lossbench.commands.sweep import Request
    from lossbench.commands.sweep import main as run

    own = _own(impl, as_, map_, order, item, classes)
    request = Request(
        losses=_words(losses),
        over=over,
        levels=_words(levels),
        dtypes=_words(dtype) or ("float32",),
        frameworks=_words(framework),
        implementation="" if own else impl,
        targets=_words(target),
        own=own,
        device=device,
        shape=shape,
        seeds=_words(seed) or ("0", "1", "2"),
        reduction=reduction,
        csv=csv,
    )
    raise typer.Exit(run(request))


@app.command()
def repro(
    case: Annotated[
        str, typer.Argument(metavar="CASE", help="As printed by compare, such as huber/none/float32/6x5/tie/0.")
    ],
    framework: Frameworks = None,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Annotated[str, typer.Option("--item", help="Which entry of what your own returns is the loss.")] = "",
    classes: Classes = "",
    target: Targets = None,
    device: Device = "cpu",
    markdown: Annotated[bool, typer.Option("--markdown", help="A bug report instead of the script alone.")] = False,
    output: Annotated[Optional[Path], typer.Option("-o", "--output", help="A file; else standard output.")] = None,
    run: Annotated[bool, typer.Option("--run/--no-run", help="Run the script once, to see that it shows it.")] = True,
) -> None:
    """A case as a script that runs without lossbench: literal inputs, what came back, what should have."""
    from lossbench.commands.repro import Request
    from lossbench.commands.repro import main as reproduce

    own = _own(impl, as_ or case.partition("/")[0] * (":" in impl), map_, order, item, classes)
    part = "" if own else impl
    request = Request(case, _words(framework), part, device, markdown, output, run, _words(target), own)
    raise typer.Exit(reproduce(request))


@app.command("list")
def list_(
    framework: Frameworks = None,
    regimes: Annotated[bool, typer.Option("--regimes", help="The kinds of input instead of the losses.")] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="With formats, parameters offered or missing, and gradients.")
    ] = False,
    form: Annotated[str, typer.Option("--format", help="table, csv, json or markdown.")] = "table",
) -> None:
    """Every loss, and who implements it."""
    from lossbench.commands.listing import list_losses

    raise typer.Exit(list_losses(_words(framework), regimes, coverage, form))


@app.command()
def show(
    losses: Annotated[list[str], typer.Argument(metavar="LOSS...")],
    framework: Frameworks = None,
    source: Annotated[str, typer.Option("--from", help="The framework you come from.")] = "",
    target: Annotated[str, typer.Option("--to", help="The framework you port to; its call comes first.")] = "",
    run: Annotated[bool, typer.Option("--run/--no-run", help="Confirm every call by measuring it.")] = True,
) -> None:
    """One loss in full: formula, every framework's call argument by argument, and what changes between them."""
    from lossbench.commands.showing import Request
    from lossbench.commands.showing import main as show_them

    raise typer.Exit(show_them(Request(_words(losses), _words(framework), source, target, run)))


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def choose(
    context: typer.Context,
    framework: Annotated[str, typer.Option("--framework", help="Show the calls in this framework.")] = "",
    tree: Annotated[bool, typer.Option("--tree", help="Print the whole chart.")] = False,
) -> None:
    """Which loss fits: asks a few questions, or takes the answers as options (--task regression --outliers)."""
    from lossbench.commands.choosing import main as run

    raise typer.Exit(run(context.args, framework, tree))


@app.command()
def doctor(target: Targets = None) -> None:
    """What is installed, which devices, interpreters and targets there are, and how to mend what is missing."""
    from lossbench.commands.listing import doctor as run

    raise typer.Exit(run(_words(target)))


@app.command()
def selftest(
    suite: Annotated[str, typer.Option("--suite", help="What the fakes are put to.")] = "selftest", csv: Csv = None
) -> None:
    """Let fakes lie to the judge: every lie must be caught, and no honest oddity blamed."""
    from lossbench.commands.selftest import Request
    from lossbench.commands.selftest import main as run

    raise typer.Exit(run(Request(suite, csv)))


def _own(impl: str, loss: str, mapped: Words, order: str, item: str, classes: str) -> Own:
    """What --impl and the options beside it say of a loss of the user's own."""
    from lossbench.commands.own import told

    pairs = [piece.strip() for text in mapped or () for piece in re.split(r",(?=\s*\w+=)", text)]
    return told(impl, loss, pairs, order, item, classes)


def _words(texts: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(word for text in texts or () for word in (text.replace(",", " ").split() or [text]))


class _Terminated(BaseException):
    """SIGTERM: end the workers, show what there is, and go."""


def main() -> None:
    """Run the command line and leave by the contract's exit codes."""
    from lossbench.errors import EnvironmentLacks, ResultsNotWritten, UsageError

    _open_streams()
    signal.signal(signal.SIGTERM, _terminate)
    code = 0
    try:
        # outside of standalone mode typer hands back the code of an Exit, and 130 for Ctrl-C
        code = int(app(standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except _Terminated:
        code = TERMINATED
    except UsageError as error:
        code = _say(2, f"lossbench: {error}")
    except EnvironmentLacks as error:
        code = _say(3, f"lossbench: {error}")
    except ResultsNotWritten as error:
        code = _say(4, f"lossbench: {error}")
    except (BrokenPipeError, SystemExit):  # the reader of a pipe has gone (and rich then leaves); it has what it wanted
        code = 0
    except Exception as error:
        code = _unexpected(error)
    if code in (INTERRUPTED, TERMINATED):
        _say(code, "interrupted; rows already written are kept")
    sys.exit(_flushed(code))


def _terminate(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; what follows takes a second at most
    raise _Terminated


def _say(code: int, text: str) -> int:
    with suppress(OSError):  # standard error may be gone, too
        print(text, file=sys.stderr)
    return code


def _unexpected(error: Exception) -> int:
    """Usage errors of the option parser end with 2, a full disk with 4, errors of our own with 70."""
    if hasattr(error, "show") and hasattr(error, "exit_code"):
        with suppress(OSError, SystemExit):
            error.show()
        return 2
    if isinstance(error, OSError) and error.errno in FULL:
        return _say(4, f"lossbench: cannot write what was found: {error.strerror}")
    import traceback

    lines = "".join(traceback.format_exception(error))
    return _say(70, f"{lines}lossbench: this is an error of lossbench's own; please report it with the lines above")


def _open_streams() -> None:
    """See that the standard streams are open, and that no letter they lack is an error."""
    for descriptor in range(3):  # a file opened later must not take the place of one that the caller has closed
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _flushed(code: int) -> int:
    """The exit code, with both streams flushed here: a failure at Python's own exit would end with its 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if code == 0 and stream is sys.stdout and not isinstance(error, BrokenPipeError):
                code = _say(4, f"lossbench: cannot write to standard output: {error.strerror}")
    return code
