"""The trafilatura calls of the main job and nothing else: two processes over pages that are in memory already.

    python bare_trafilatura.py FILES --profile PROFILE [--workers N]

Importing trafilatura and calling it are timed, as both are part of the main job's time too; starting the processes,
reading and decoding the pages are not. The function and its options are those that the child of `ExtractText` is
told to call.
"""

import argparse
import importlib
import json
import multiprocessing
import time
from importlib.metadata import version
from multiprocessing.synchronize import Barrier

import curate as cu
from curate import _native


def work(files: list[str], profile: str, ready: Barrier, done: "multiprocessing.Queue[int]") -> None:
    """Extracts every page of `files` once all processes are ready."""
    settings = cu.ExtractText("trafilatura", profile).settings()
    pages: list[str] = []
    for path in files:
        reader = cu.read_warc(path)
        for outcome in reader.read(reader.files()[0]):
            kept = (
                outcome.batch.filter(outcome.reason.is_null())
                if outcome.reason is not None
                else outcome.batch
            )
            decoded = _native.decode_html(kept["payload"], kept["content_type"], kept["url"])
            pages += decoded_texts(decoded)
    ready.wait()
    module, _, name = settings.target.partition(":")
    extract, options = getattr(importlib.import_module(module), name), dict(settings.options)
    for page in pages:
        extract(page, **options)
    done.put(len(pages))


def decoded_texts(decoded: object) -> list[str]:
    """The text column of a struct array as Python strings."""
    import pyarrow as pa

    return list(pa.array(decoded).field("text").to_pylist())


def main() -> None:
    """Runs it and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files")
    parser.add_argument("--profile", default="precision")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    paths = [file.path for file in cu.read_warc(arguments.files).files()]
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(arguments.workers + 1), context.Queue()
    processes = [
        context.Process(target=work, args=(paths[n :: arguments.workers], arguments.profile, ready, done))
        for n in range(arguments.workers)
    ]
    for process in processes:
        process.start()
    ready.wait()
    started = time.perf_counter()
    pages = sum(done.get() for _ in processes)
    seconds = time.perf_counter() - started
    for process in processes:
        process.join()
    figures = {"wall, s": seconds, "pages per core, 1/s": pages / seconds / arguments.workers}
    print(json.dumps({"version": version("trafilatura"), "answer": {"pages": pages}, "figures": figures}))


if __name__ == "__main__":
    main()
