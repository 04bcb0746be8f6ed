"""The command line: names, help and options. Each body is one import and one call; the only place that exits."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from lossbench import cli_own, cli_results, cli_search
from lossbench.cli_hunt import hunt
from lossbench.cli_options import (
    As,
    Brought,
    Classes,
    Csv,
    Device,
    Dtypes,
    Form,
    Frameworks,
    Impl,
    Inputs,
    Item,
    Losses,
    Map,
    Order,
    Regimes,
    Seeds,
    Settings,
    ShardText,
    SuiteName,
    Targets,
    Words,
    own_of,
    split,
)
from lossbench.leaving import INTERRUPTED, TERMINATED, Terminated, flushed, open_streams, say, terminate, unexpected

app = typer.Typer(
    name="lossbench",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Benchmarks and verifies the loss functions of deep-learning frameworks.",
)


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
    suite: Annotated[
        str,
        typer.Option("--suite", help="A suite's name or .toml file; smoke, and own for an --impl FILE.py:NAME."),
    ] = "",
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
    inputs: Inputs = None,
    settings: Settings = None,
    brought: Brought = None,
    shard: ShardText = "",
    form: Form = "table",
) -> None:
    """Judge values and gradients of every implementation against the certified reference."""
    from lossbench.cases.shards import read_shard
    from lossbench.commands.compare import Request
    from lossbench.commands.compare import main as run

    own = own_of(impl, as_, map_, order, item, classes)
    request = Request(
        split(losses),
        suite or ("own" if own else "smoke"),
        split(framework),
        split(dtype),
        split(regime),
        split(seed),
        device,
        "" if own else impl,
        csv,
        strict,
        cold,
        tuple(case or ()),
        inputs,
        tuple(settings or ()),
        read_shard(shard),
        form,
        targets=split(target),
        own=own,
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
    mode: Annotated[
        Words, typer.Option("--mode", help="eager, compiled, xla, graph; each framework's usual one.")
    ] = None,
    sweep: Annotated[str, typer.Option("--sweep", help="Numbers of elements to go through, such as 1e3..1e6.")] = "",
    against: Annotated[
        str, typer.Option("--against", help="What others are held against: a framework, a public name, a python.")
    ] = "",
    seconds: Annotated[
        Optional[float],
        typer.Option("--seconds", help="Of measuring for each implementation, at most; 3, or as the suite says."),
    ] = None,
    processes: Annotated[int, typer.Option("--processes", help="Fresh processes; 0: as many as it takes.")] = 0,
    plot: Annotated[
        Optional[Path], typer.Option("--plot", help="A folder for pictures of scaling and roofline.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", help="Threads a framework may use.")] = 1,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    csv: Csv = None,
    inputs: Inputs = None,
    settings: Settings = None,
    brought: Brought = None,
    form: Form = "table",
) -> None:
    """Time every implementation, forward and with its gradient, in fresh processes."""
    from lossbench.commands.speed import Request
    from lossbench.commands.speed import main as run

    own = own_of(impl, as_, map_, order, item, classes)
    request = Request(
        losses=split(losses), suite=suite, frameworks=split(framework), dtypes=split(dtype), device=device,
        modes=split(mode), shapes=split(shape), sweep=sweep, reductions=split(reduction), processes=processes,
        seconds=seconds, threads=threads, implementation="" if own else impl, against=against, plot=plot, csv=csv,
        inputs=inputs, settings=tuple(settings or ()), targets=split(target), own=own, form=form,
    )  # fmt: skip
    raise typer.Exit(run(request))


@app.command()
def gate(
    losses: Losses = None,
    suite: SuiteName = "gate",
    framework: Frameworks = None,
    baseline: Annotated[
        Optional[Path],
        typer.Option("--baseline", help="The accepted verdicts; results/accepted/DEVICE.csv.", show_default=False),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Make what is found the accepted verdicts.")] = False,
    device: Device = "cpu",
    seed: Annotated[
        Words, typer.Option("--seed", help="Seeds beside the suite's own; what they alone show does not fail.")
    ] = None,
    csv: Csv = None,
    strict_better: Annotated[
        bool, typer.Option("--strict-better", help="Exit 1 also if something is better than accepted.")
    ] = False,
    brought: Brought = None,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    part: Annotated[bool, typer.Option("--part", help="Hold only the part that the suite asks for.")] = False,
    shard: ShardText = "",
    results: Annotated[
        Optional[Path], typer.Option("--results", help="Judge these rows (see merge) instead of measuring.")
    ] = None,
    speed: Annotated[bool, typer.Option("--speed", help="Hold times, too, against those of --against.")] = False,
    against: Annotated[
        str, typer.Option("--against", help="The other target: FRAMEWORK[:MODE][@DEVICE][=PYTHON], or a python.")
    ] = "",
    slower: Annotated[
        str, typer.Option("--slower", help="How many percent slower is let pass; 10%.", show_default=False)
    ] = "",
    speed_suite: Annotated[
        str, typer.Option("--speed-suite", help="What is timed; the suite speed.", show_default=False)
    ] = "",
    seconds: Annotated[
        Optional[float], typer.Option("--seconds", help="Of timing each implementation, at most; 3.")
    ] = None,
    processes: Annotated[
        Optional[int], typer.Option("--processes", help="Fresh processes that time; as many as it takes.")
    ] = None,
    threads: Annotated[Optional[int], typer.Option("--threads", help="Threads while timing; 1.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why it is accepted; written beside it.")] = "",
    expires: Annotated[str, typer.Option("--expires", help="Accepted until this day, such as 2027-01-31.")] = "",
    junit: Annotated[Optional[Path], typer.Option("--junit", help="Also write JUnit XML.")] = None,
    sarif: Annotated[Optional[Path], typer.Option("--sarif", help="Also write SARIF 2.1.0.")] = None,
    json: Annotated[Optional[Path], typer.Option("--json", help="Also write JSON.")] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Annotations, and a job summary in $GITHUB_STEP_SUMMARY.")
    ] = False,
    summary: Annotated[Optional[Path], typer.Option("--summary", help="Also write the summary, in Markdown.")] = None,
    form: Form = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what fails.")] = False,
) -> None:
    """Hold today's verdicts against those accepted: exit 1 if any is worse."""
    from lossbench.commands.gate import Request
    from lossbench.commands.gate import main as run
    from lossbench.commands.gate_files import Files
    from lossbench.commands.gate_times import Times

    request = Request(
        losses=split(losses),
        suite=suite,
        frameworks=split(framework),
        baseline=baseline,
        accept=accept,
        device=device,
        seeds=split(seed),
        csv=csv,
        strict_better=strict_better,
        part=part,
        shard=shard,
        results=results,
        reason=reason,
        expires=expires,
        form=form,
        quiet=quiet,
        files=Files(junit, sarif, json, summary, github),
        targets=split(target),
        own=own_of(impl, as_, map_, order, item, classes),
        times=Times(speed, against, speed_suite, slower, seconds, processes, threads),
    )
    raise typer.Exit(run(request))


@app.command()
def merge(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Files of rows, such as of --shard.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the joined rows go.")],
) -> None:
    """Join the rows of several runs, such as the shards of one suite."""
    from lossbench.commands.recorded import merge as run

    raise typer.Exit(run(results, output))


app.command()(hunt)


@app.command("list")
def list_(
    framework: Frameworks = None,
    regimes: Annotated[bool, typer.Option("--regimes", help="The kinds of input instead of the losses.")] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="With formats, parameters offered or missing, and gradients.")
    ] = False,
    form: Form = "table",
    brought: Brought = None,
) -> None:
    """Every loss, and who implements it."""
    from lossbench.commands.listing import list_losses

    raise typer.Exit(list_losses(split(framework), regimes, coverage, form))


@app.command()
def show(
    losses: Annotated[list[str], typer.Argument(metavar="LOSS...")],
    framework: Frameworks = None,
    source: Annotated[str, typer.Option("--from", help="The framework you come from.")] = "",
    target: Annotated[str, typer.Option("--to", help="The framework you port to; its call comes first.")] = "",
    run: Annotated[bool, typer.Option("--run/--no-run", help="Confirm every call by measuring it.")] = True,
    brought: Brought = None,
    form: Form = "table",
) -> None:
    """One loss in full: formula, every framework's call argument by argument, and what changes between them."""
    from lossbench.commands.showing import Request
    from lossbench.commands.showing import main as show_them

    raise typer.Exit(show_them(Request(split(losses), split(framework), source, target, run, form)))


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def choose(
    context: typer.Context,
    framework: Annotated[str, typer.Option("--framework", help="Show the calls in this framework.")] = "",
    tree: Annotated[bool, typer.Option("--tree", help="Print the whole chart.")] = False,
    form: Form = "table",
) -> None:
    """Which loss fits: asks a few questions, or takes the answers as options (--task regression --outliers)."""
    from lossbench.commands.choosing import main as run

    raise typer.Exit(run(context.args, framework, tree, form))


@app.command()
def doctor(target: Targets = None, form: Form = "table") -> None:
    """What is installed, which devices, interpreters and targets there are, and how to mend what is missing."""
    from lossbench.commands.listing import doctor as run

    raise typer.Exit(run(split(target), form))


@app.command()
def selftest(
    suite: Annotated[str, typer.Option("--suite", help="What the fakes are put to.")] = "selftest",
    csv: Csv = None,
    form: Form = "table",
) -> None:
    """Let fakes lie to the judge: every lie must be caught, and no honest oddity blamed."""
    from lossbench.commands.selftest import Request
    from lossbench.commands.selftest import main as run

    raise typer.Exit(run(Request(suite, csv, form)))


for _group in (cli_search, cli_own, cli_results):
    _group.add_to(app)


def main() -> None:
    """Run the command line and leave by the contract's exit codes."""
    from lossbench.errors import EnvironmentLacks, ResultsNotWritten, UsageError

    open_streams()
    signal.signal(signal.SIGTERM, terminate)
    code = 0
    try:
        # outside of standalone mode typer hands back the code of an Exit, and 130 for Ctrl-C
        code = int(app(standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Terminated:
        code = TERMINATED
    except UsageError as error:
        code = say(2, f"lossbench: {error}")
    except EnvironmentLacks as error:
        code = say(3, f"lossbench: {error}")
    except ResultsNotWritten as error:
        code = say(4, f"lossbench: {error}")
    except (BrokenPipeError, SystemExit):  # the reader of a pipe has gone (and rich then leaves); it has what it wanted
        code = 0
    except Exception as error:
        code = unexpected(error)
    if code in (INTERRUPTED, TERMINATED):
        say(code, "interrupted; rows already written are kept")
    sys.exit(flushed(code))
