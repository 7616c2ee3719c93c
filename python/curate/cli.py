"""The command line: arguments, exit codes and printing; no other logic.

Exit codes: 0 done, 1 done but something was quarantined, at fault (`verify`) or not found, 2 could not run.
Results go to stdout, logs and progress to stderr.
"""

import json
import math
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from curate.cli_finished import remove, sweep, why
from curate.cli_languages import languages
from curate.cli_tokens import export
from curate.errors import CurateError
from curate.io.storage import Remote, place
from curate.progress import PatientConsole, watcher
from curate.recipe import build_pipeline
from curate.run.local import HANG_SECONDS

COULD_NOT_RUN = 2
_PATH_HINT = "check the path; put patterns in quotes, so that the shell leaves them alone"
_OS_HINT = "mend that and start the same command again: it goes on where it stopped"


class _RecipesAndCommands(click.Group):
    """A first word that ends in `.py` is a recipe to run; any other is a command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0].endswith(".py"):
            return "run", self.commands["run"], args
        return super().resolve_command(ctx, args)


@click.group(cls=_RecipesAndCommands, subcommand_metavar="FILE.py | COMMAND [ARGS]...")
@click.version_option(package_name="curate")
def command_line() -> None:
    """Data curation and tokenization for language-model pre-training.

    python -m curate FILE.py [key=value ...] runs the recipe in FILE.py.
    """


@command_line.command("run", hidden=True)
@click.argument("file")
@click.argument("parameters", nargs=-1, metavar="[key=value]...")
@click.option("--workers", type=click.IntRange(1), help="Worker processes; default one per processor.")
@click.option(
    "--memory",
    type=click.FloatRange(0, min_open=True),
    metavar="GIB",
    help="What all workers may take together; default four fifths of what is free.",
)
@click.option(
    "--batch-timeout",
    type=click.FloatRange(0, min_open=True),
    default=HANG_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="A worker that is longer at one batch hangs: it is ended, and the document at fault rejected.",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="This machine, or the Ray cluster at RAY_ADDRESS.",
)
@click.option("--restart", is_flag=True, help="Replace the output of another plan.")
@click.option(
    "--explain", is_flag=True, help="Print the plan and, from a sample, what a run will cost; stop."
)
@click.option("--files", type=click.IntRange(1), help="With --explain: for so many files like the input's.")
@click.option("--price", type=click.FloatRange(0), help="With --explain: of a core for an hour.")
@click.option("--steps", is_flag=True, help="Print the names of the run's steps, and stop.")
@click.option("--step", help="Do this step alone: a job of a scheduler.")
@click.option("--task", metavar="I/N", help="Of the step, do the I-th of N parts, from 0.")
@click.option("--quiet", is_flag=True, help="No progress and no funnel.")
@click.option("--log-json", is_flag=True, help="Progress as JSON lines on stderr.")
def run_recipe(
    file: str,
    parameters: tuple[str, ...],
    workers: int | None,
    memory: float | None,
    batch_timeout: float,
    executor: str,
    restart: bool,
    explain: bool,
    files: int | None,
    price: float | None,
    steps: bool,
    step: str | None,
    task: str | None,
    quiet: bool,
    log_json: bool,
) -> int:
    """Run the recipe in FILE.py."""
    from curate.run.driver import run, run_part, step_names
    from curate.run.local import Local
    from curate.run.ray import Ray

    pipeline = build_pipeline(file, parameters)
    if explain:
        from curate.sizing import estimate_run

        click.echo(pipeline.plan().explain())
        try:
            cost = estimate_run(pipeline, cores=Local(workers).processes, count=files, price=price)
        except FileNotFoundError as error:
            click.echo(f"no estimate: {error}")
        else:
            click.echo("\n".join(cost.lines()))
        return 0
    if files is not None or price is not None:
        raise click.UsageError("--files and --price go with --explain")
    if steps:
        click.echo("\n".join(step_names(pipeline)))
        return 0
    if executor == "ray" and memory is not None:
        raise click.UsageError("--memory is of this machine: Ray watches over the memory of its nodes")
    local = Local(workers, recipe=file, memory_gib=memory, hang_seconds=batch_timeout)
    place = local if executor == "local" else Ray(workers=workers, recipe=file, hang_seconds=batch_timeout)
    display = watcher(quiet=quiet, log_json=log_json)
    if step is not None or task is not None:
        if step is None or restart:
            raise click.UsageError("--task goes with --step, and not with --restart")
        run_part(pipeline, step, *_part(task or "0/1"), place, watcher=display)
        return 0
    report = run(pipeline, place, restart=restart, watcher=display)
    if not quiet:
        report.print(PatientConsole())
    return report.exit_code


def _part(task: str) -> tuple[int, int]:
    index, _, count = task.partition("/")
    if not (index.isdecimal() and count.isdecimal()):
        raise click.UsageError(f"--task {task}: give it as I/N, such as 0/16")
    return int(index), int(count)


@command_line.command()
@click.argument("folder")
def verify(folder: str) -> int:
    """Check the output of a run: conservation, digests, token datasets."""
    from curate.run.verify import verify as check

    problems = check(folder)
    for problem in problems:
        click.echo(problem)
    click.echo(f"{folder}: {f'{len(problems)} faults' if problems else 'whole'}")
    return 1 if problems else 0


@command_line.command()
@click.argument("folder")
@click.option("--parameters", type=click.IntRange(1), help="Tell what a model of this size needs.")
def report(folder: str, parameters: int | None) -> int:
    """Print the funnel of a finished run, and write its report.json and report.html anew."""
    from curate.run.verify import report_of, rewrite_report

    found = report_of(folder)
    found.print(PatientConsole())
    if parameters is not None:
        for told in found.budgets(parameters).values():
            click.echo("\n".join(told.sentences()))
    rewrite_report(folder)
    return found.exit_code


@command_line.command()
@click.argument("folder")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "latex", "json"]),
    default="text",
    show_default=True,
    help="A table of the sets, or everything found of each item and in each document.",
)
@click.option("--places", type=click.IntRange(0), default=10, show_default=True, help="Kept per item.")
def contamination(folder: str, form: str, places: int) -> int:
    """Tell which evaluation items the documents of a finished run hold."""
    from curate.contamination_report import ContaminationReport

    found = ContaminationReport.of_run(folder, places)
    if form == "json":
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1))
    else:
        click.echo(found.table(form))  # type: ignore[arg-type]  # one of its choices
    return 0


@command_line.command()
@click.argument("folder")
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Optimizer steps.")
@click.option("--out", help="Folder for checkpoints and the log; default FOLDER/model.")
def train(folder: str, steps: int, out: str | None) -> int:
    """Train a small model on the tokens of a run."""
    try:
        from curate.train.loop import TrainConfig
        from curate.train.loop import train as fit
    except ImportError as error:
        raise CurateError(
            f"training needs torch: {error}", hint="install it: pip install 'curate[train]', or `make train`"
        ) from error
    tokens = place(folder) / "tokens"
    if not (tokens / "dataset_dict.json").is_file():
        raise CurateError(
            f"`{folder}` holds no tokens", hint="give the output folder of a run that ends in tokens"
        )
    if out is None and isinstance(place(folder), Remote):
        raise CurateError("checkpoints are local files", hint="name a folder for them with --out")
    checkpoints = Path(out) if out else Path(str(place(folder))) / "model"

    def tell(record: dict[str, Any]) -> None:
        if record["step"] % 10 == 0 or record["step"] == steps:
            told = f"step {record['step']}/{steps}  loss {record['loss']:.3f}  {record['tokens_per_s']:,.0f} tokens/s"
            click.echo(told, err=True)

    result = fit(str(tokens), TrainConfig(steps=steps, checkpoint_dir=checkpoints), tell)
    figures = {
        "loss": (result.loss, "nats per token"),
        "held-out loss": (result.valid_loss, "nats per token"),
        "held-out text": (result.valid_bits_per_byte, "bits per byte"),
    }
    click.echo(f"{result.parameters:,} parameters, {result.steps} steps")
    for name, (value, unit) in figures.items():
        if value is not None and math.isfinite(value):
            click.echo(f"{name}: {value:.3f} {unit}")
    return 0


def _tokens_of(folder: str) -> str:
    """The token dataset in the output folder of a run; else the folder itself."""
    tokens = place(folder) / "tokens"
    return str(tokens) if tokens.is_dir() else folder


@command_line.command()
@click.argument("a")
@click.argument("b")
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Optimizer steps.")
@click.option("--replicates", type=click.IntRange(2, 10), default=3, show_default=True, help="Paired runs.")
@click.option("--held-out", help="JSON lines with `text` to score both on; default the valid splits.")
@click.option("--out", help="File for the result as JSON.")
def compare(a: str, b: str, steps: int, replicates: int, held_out: str | None, out: str | None) -> int:
    """Tell which of the token datasets A and B teaches a small model more, or that one cannot tell."""
    try:
        from curate.train.compare import compare as judge
        from curate.train.compare import write_result
        from curate.train.loop import TrainConfig
    except ImportError as error:
        raise CurateError(
            f"training needs torch: {error}", hint="install it: pip install 'curate[train]', or `make train`"
        ) from error
    one, other = (_tokens_of(f) for f in (a, b))
    texts = None
    if held_out is not None:
        texts = {"held-out": [json.loads(line)["text"] for line in Path(held_out).read_text().splitlines()]}

    def tell(arm: str, record: dict[str, Any]) -> None:
        if record["step"] == record["steps"]:
            click.echo(f"{arm}: loss {record['loss']:.3f}, {record['tokens_per_s']:,.0f} tokens/s", err=True)

    config = TrainConfig(steps=steps)
    result = judge(one, other, config, replicates=replicates, held_out=texts, on_step=tell)
    click.echo("\n".join(result.sentences()))
    if out is not None:
        write_result(result, Path(out))
    return 0


@command_line.group()
def tokenizer() -> None:
    """Look at tokenizers."""


@tokenizer.command("report")
@click.argument("paths", nargs=-1, required=True, metavar="TOKENIZER...")
@click.option("--text", "text_files", multiple=True, required=True, help="JSONL, Parquet or Arrow files.")
@click.option("--pattern", default="cl100k", show_default=True, help="Pattern of .tiktoken files.")
@click.option("--plot", "picture", help="Write bytes per token as an SVG picture.")
@click.option("--limit", type=click.IntRange(1), default=2000, show_default=True, help="Texts per language.")
def report_tokenizers(
    paths: tuple[str, ...], text_files: tuple[str, ...], pattern: str, picture: str | None, limit: int
) -> int:
    """Compare tokenizers (tokenizer.json or .tiktoken) on held-out text."""
    from curate.tokenizer import Tokenizer
    from curate.tokenizer_report import plot, read_texts, table
    from curate.tokenizer_report import report as measure

    texts = read_texts(text_files, limit)
    reports = []
    for path in paths:
        ranks = ".tiktoken" in Path(path).name
        loaded = Tokenizer.from_tiktoken(path, pattern) if ranks else Tokenizer.load(path)
        reports.append(measure(path, loaded, texts))
    print(table(reports))
    for one in reports:
        for number, fault in list(one.suspicious.items())[:20]:
            print(f"{one.name}: id {number} {fault}")
    if picture:
        Path(picture).write_text(plot(reports), encoding="utf-8")
    return 0


@command_line.group()
def assets() -> None:
    """Models and lists that curate uses; nothing else ever downloads."""


@assets.command("list")
def list_assets() -> int:
    """Show the known models and where they are found."""
    from curate.assets import ASSETS, resolve

    for name, asset in ASSETS.items():
        try:
            place = str(resolve(name))
        except (CurateError, FileNotFoundError):
            place = f"not here; {asset.url}"
        click.echo(f"{name}  {asset.size_bytes:,} bytes  {asset.licence}  {place}")
    return 0


@assets.command("get")
@click.argument("name")
def get_asset(name: str) -> int:
    """Download a known model into the cache, checked by its digest."""
    from curate.assets import download

    click.echo(download(name))
    return 0


@assets.command("ut1")
@click.argument("folder")
@click.option("--category", "categories", multiple=True, default=("adult",), show_default=True)
def get_ut1(folder: str, categories: tuple[str, ...]) -> int:
    """Download the UT1 URL lists into FOLDER, for `UrlFilter(lists=FOLDER)`."""
    from curate.blocklists import download_ut1

    download_ut1(folder, categories=categories)
    click.echo(folder)
    return 0


for command in (export, languages, remove, sweep, why):
    command_line.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    code: Any = 0
    try:
        code = command_line.main(args=arguments, prog_name="python -m curate", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = COULD_NOT_RUN
    except click.ClickException as error:
        code = _fail(error.format_message(), "see `python -m curate --help`")
    except CurateError as error:
        code = _fail(str(error), error.hint)
    except (click.Abort, KeyboardInterrupt):
        code = _fail("interrupted", "start the same command again: it goes on where it stopped")
    except BrokenPipeError:  # the reader of our output has gone; that is no fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        code = _fail(_os_error(error), _PATH_HINT if isinstance(error, FileNotFoundError) else _OS_HINT)
    except Exception as error:  # left alone it would end with 1, which means done
        with suppress(BrokenPipeError):
            traceback.print_exc()
        code = _fail(repr(error), "a fault in the recipe or in curate: the lines above say where")
    sys.exit(code if isinstance(code, int) else 0)


def _os_error(error: OSError) -> str:
    if error.strerror and error.filename:
        return f"{error.strerror}: `{error.filename}`"
    return str(error)


def _fail(message: str, hint: Any) -> int:
    with suppress(BrokenPipeError):
        click.echo(f"error: {message}", err=True)
        if hint:
            click.echo(f"\nhint: {hint}", err=True)
    return COULD_NOT_RUN
