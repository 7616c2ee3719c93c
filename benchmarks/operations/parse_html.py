"""Parsing of HTML alone: text in memory to a tree.

    python parse_html.py FILES --engine curate|resiliparse|lxml [--rounds N]
    python parse_html.py --hostile [--extract] [--rounds N]

Of several rounds the fastest counts, page by page: other work on the machine only adds to it. Ours is timed inside a
Rust program, since the tree has no Python face; the others are called from Python, which costs them about a
microsecond per page. Hostile pages are of 10 kB to 10 MB and made to be expensive; the C library is told to keep freed
memory, as it lies ready in a process that has parsed large pages before, else the system's zeroing of fresh pages is
most of what is measured.
"""

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[2] / "rust"
KEEP_MEMORY = "glibc.malloc.mmap_threshold=4294967295:glibc.malloc.trim_threshold=4294967295"


def ours(arguments: list[str], environment: dict[str, str]) -> dict[str, object]:
    """The line that the Rust program prints."""
    build = ["cargo", "build", "--quiet", "--release", "-p", "curate-html", "--example", "parse_pages"]
    subprocess.run(build, cwd=WORKSPACE, check=True)
    program = str(WORKSPACE / "target" / "release" / "examples" / "parse_pages")
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return {"version": version("curate"), **json.loads(done.stdout)}


def parser_of(engine: str) -> tuple[Callable[[str], object], str]:
    """The engine's parser, and its version."""
    if engine == "resiliparse":
        from resiliparse.parse.html import HTMLTree

        return HTMLTree.parse, version("resiliparse")
    from lxml import html

    def parse(page: str) -> object:
        return html.document_fromstring(page.encode(), parser=html.HTMLParser(encoding="utf-8"))

    return parse, version("lxml")


def theirs(files: list[str], engine: str, rounds: int) -> dict[str, object]:
    """The same for another parser."""
    import pyarrow as pa

    import curate as cu
    from curate import _native

    parse, release = parser_of(engine)
    pages, size, seconds = 0, 0, 0.0
    for path in files:
        reader = cu.read_warc(path)
        for outcome in reader.read(reader.files()[0]):
            batch = outcome.batch
            decoded = _native.decode_html(batch["payload"], batch["content_type"], batch["url"])
            for page in pa.array(decoded).field("text").to_pylist():
                if page is None:
                    continue
                best = float("inf")
                for _ in range(rounds):
                    started = time.perf_counter()
                    parse(page)
                    best = min(best, time.perf_counter() - started)
                pages, size, seconds = pages + 1, size + len(page.encode()), seconds + best
    figures = {"HTML, MB/s": size / seconds / 1e6, "pages, 1/s": pages / seconds}
    return {"version": release, "answer": {"pages": pages, "bytes": size}, "figures": figures}


def main() -> None:
    """Runs it and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="?", default="*.warc.gz")
    parser.add_argument("--engine", default="curate")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--extract", action="store_true", help="hostile pages: extract their text too")
    arguments = parser.parse_args()
    pattern = Path(arguments.files)
    files = sorted(str(path) for path in pattern.parent.glob(pattern.name))
    if arguments.hostile:
        keep = {"GLIBC_TUNABLES": KEEP_MEMORY} if platform.libc_ver()[0] == "glibc" else {}
        result = ours(["extract" if arguments.extract else "hostile", str(arguments.rounds)], keep)
    elif arguments.engine == "curate":
        result = ours(["real", str(arguments.rounds), *files], {})
    else:
        result = theirs(files, arguments.engine, arguments.rounds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
