"""datatrove's FineWeb steps over the same WARC files, run by the interpreter of its own environment.

    python datatrove_run.py FOLDER GLOB --model lid.176.ftz [--workers N]

Up to and including the quality filters, at the published settings: trafilatura with favour_precision and its one
second of wall clock, language `en`, Gopher repetition, Gopher quality, C4 without terminal punctuation, FineWeb.
datatrove's URL filter reads lists that it carries; ours has small ones: neither drops much here.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path


def provide_model(model: Path, cache: Path) -> None:
    """Puts the language model where datatrove would download it to (it asks for the unquantised one)."""
    from datatrove.io import strip_protocol
    from datatrove.utils.lid import FT176LID
    from huggingface_hub import cached_assets_path

    folder = Path(cached_assets_path("datatrove", namespace="lid", subfolder="ft176", assets_dir=cache))
    name = strip_protocol(FT176LID.MODEL_URL).replace("/", "_")
    (folder / name).symlink_to(model.resolve())
    (folder / f"{name}.completed").touch()


def main() -> None:
    """Runs it and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("glob")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        # The cache is read at import time, also in the worker processes.
        os.environ["HF_ASSETS_CACHE"] = os.environ["HUGGINGFACE_ASSETS_CACHE"] = f"{scratch}/assets"
        provide_model(arguments.model, Path(scratch) / "assets")
        run(arguments, Path(scratch))


def run(arguments: argparse.Namespace, scratch: Path) -> None:
    """The pipeline of datatrove's `examples/fineweb.py`, first executor, on local files."""
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
        URLFilter,
    )
    from datatrove.pipeline.readers import WarcReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter

    files = sorted(arguments.folder.glob(arguments.glob))
    started = time.perf_counter()
    executor = LocalPipelineExecutor(
        pipeline=[
            WarcReader(str(arguments.folder), glob_pattern=arguments.glob),
            URLFilter(),
            Trafilatura(favour_precision=True),
            LanguageFilter(["en"]),
            GopherRepetitionFilter(),
            GopherQualityFilter(),
            C4QualityFilter(filter_no_terminal_punct=False),
            FineWebQualityFilter(),
            JsonlWriter(str(scratch / "out")),
        ],
        tasks=len(files),
        workers=arguments.workers,
        logging_dir=str(scratch / "logs"),
    )
    executor.run()
    seconds = time.perf_counter() - started
    stats = json.loads((scratch / "logs" / "stats.json").read_text())
    pages = total(stats, "READER", "documents")
    kept = total(stats, "WRITER", "total")
    cores = arguments.workers
    figures = {"wall, s": seconds, "pages per core, 1/s": pages / seconds / cores}
    told = {"version": version("datatrove"), "answer": {"pages": pages}, "figures": figures, "kept": kept}
    sys.stdout.write(json.dumps(told) + "\n")


def total(stats: list[dict], kind: str, counter: str) -> int:
    """A counter of the step of that kind, over all tasks."""
    (step,) = (step for step in stats if kind in step["name"].upper())
    value = step["stats"][counter]
    return int(value["total"] if isinstance(value, dict) else value)


if __name__ == "__main__":
    main()
