"""The main job on copies of the pages: seconds, or the peak memory of its processes.

    python scaling.py DATA --copies N [--links N] [--workers N] [--one-file] [--peaks]

Each copy holds all pages, with a word of its own put in after every `the`, `of`, `and` and `to`, so that pages and
their copies are no duplicates. A link is a file once more under another name: its pages are exact duplicates, for which
deduplication must remember the more rows. With `--one-file` all copies stand in one file, which is read in splits; it
is then read once more as one shard by one worker, and both results must be equal.
"""

import argparse
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "pipelines"))

CACHE = Path(tempfile.gettempdir()) / "curate-scaling"
WHOLE = 1 << 40
CONTENT_TYPE = re.compile(r"^content-type:[ \t]*(.*?)\s*$", re.IGNORECASE | re.MULTILINE)


def write_copy(data: Path, number: int) -> Path:
    """All pages once more; made once and kept."""
    path = CACHE / f"{number}.warc.gz"
    if path.exists():
        return path
    import curate as cu
    from curate.sample.archive import http, record, record_id

    reader = cu.read_warc(f"{data}/wcxb-dev/*.warc.gz")
    word = (
        hashlib.sha256(str(number).encode())
        .hexdigest()[:8]
        .translate(str.maketrans("0123456789", "ghijklmnop"))
    )
    CACHE.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        for source in reader.files():
            for outcome in reader.read(source):
                for row in outcome.batch.select(["id", "url", "http_headers", "payload"]).to_pylist():
                    if (body := row["payload"]) is None:
                        continue
                    for common in (b" the ", b" of ", b" and ", b" to "):
                        body = body.replace(common, common + word.encode() + b" ")
                    kind = CONTENT_TYPE.search(row["http_headers"] or "")
                    message = http(body, content_type=kind[1] if kind else "text/html")
                    name = record_id(f"{number}/{row['id']}")
                    url = row["url"].replace("://", f"://copy-{number}.", 1)
                    file.write(gzip.compress(record("response", name, message, url=url), 1))
    unfinished.rename(path)
    return path


def job(files: str, output: str, workers: int, split_bytes: int) -> None:
    """The run itself."""
    from dataclasses import replace

    import curate as cu
    import fineweb_like

    pipeline = fineweb_like.pipeline(files, output, honour_opt_out=False)
    cu.run(
        cu.Pipeline(replace(pipeline.read, split_bytes=split_bytes), pipeline.stages, pipeline.write),
        cu.Local(workers),
    )


def peaks_of(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Peak resident kB of a process and of the largest of its descendants, looked at until it ends."""
    own, largest = 0, 0
    while process.poll() is None:
        parents, peaks = {}, {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = dict(
                    line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
                )
            except (FileNotFoundError, ProcessLookupError):
                continue
            if "VmHWM" in status:
                parents[int(folder.name)] = int(status["PPid"])
                peaks[int(folder.name)] = int(status["VmHWM"].split()[0])
        family = {process.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        own = max(own, peaks.get(process.pid, 0))
        largest = max([largest, *(peaks.get(pid, 0) for pid in family - {process.pid})])
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}")
    return own, largest


def timed(files: str, output: Path, workers: int, split_bytes: int, *, peaks: bool) -> dict[str, float]:
    """Seconds of a run in a process of its own, or its peaks: who looks at memory takes time from the run."""
    words = [sys.executable, __file__, "job", files, str(output), str(workers), str(split_bytes)]
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    if peaks:
        driver, worker = peaks_of(process)
        return {
            "peak memory of a worker, MiB": worker / 1024,
            "peak memory of the driver, MiB": driver / 1024,
        }
    if process.wait():
        raise SystemExit(f"the run ended with {process.returncode}")
    return {"wall, s": time.perf_counter() - started}


def outcome(output: Path) -> str:
    """A digest of every document in order, and of what became of the others."""
    import curate as cu

    digest = hashlib.sha256()
    for batch in cu.read_documents(output):
        for row in batch.select(["id", "url", "text"]).to_pylist():  # batches are not cut alike
            digest.update(json.dumps(row).encode())
    gone = [
        (row["id"], row["stage"], row["reason"], row["duplicate_of"])
        for batch in cu.read_rejects(output)
        for row in batch.select(["id", "stage", "reason", "duplicate_of"]).to_pylist()
    ]
    digest.update(json.dumps(sorted(gone, key=str)).encode())
    return digest.hexdigest()


def html_bytes(path: Path) -> int:
    """Bytes of HTML in a copy; counted once and kept."""
    counted = path.with_suffix(".html-bytes")
    if not counted.exists():
        import curate as cu

        reader = cu.read_warc(str(path))
        found = (outcome.batch["payload"].nbytes for file in reader.files() for outcome in reader.read(file))
        counted.write_text(str(sum(found)))
    return int(counted.read_text())


def main() -> None:
    """Measures and prints one JSON line."""
    if sys.argv[1] == "job":
        job(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--copies", type=int, required=True)
    parser.add_argument("--links", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--one-file", action="store_true")
    parser.add_argument("--peaks", action="store_true")
    arguments = parser.parse_args()
    paths = [write_copy(arguments.data, number) for number in range(arguments.copies)]
    size = sum(map(html_bytes, paths)) * (1 + arguments.links)
    from curate.io.reader import SPLIT_BYTES

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        if arguments.one_file:
            with (folder / "in" / "all.warc.gz").open("wb") as file:
                for path in paths:
                    with path.open("rb") as copy:
                        shutil.copyfileobj(copy, file)
        else:
            for link in range(1 + arguments.links):
                for path in paths:
                    (folder / "in" / f"{link}-{path.name}").symlink_to(path)
        files, output = f"{folder}/in/*.warc.gz", folder / "out"
        figures = timed(files, output, arguments.workers, SPLIT_BYTES, peaks=arguments.peaks)
        totals = json.loads((output / "manifest.json").read_bytes())["totals"]
        rejected = sum(rows for reasons in totals["rejected"].values() for rows in reasons.values())
        answer = {
            "records of a copy": totals["records"] / arguments.copies / (1 + arguments.links),
            "conserved": totals["records"] == totals["kept"] + rejected,
        }
        if arguments.one_file:
            timed(files, folder / "unsplit", 1, WHOLE, peaks=False)
            answer["equal to the unsplit run"] = outcome(output) == outcome(folder / "unsplit")
    figures |= {"HTML, GB": size / 1e9, "documents kept": totals["kept"]}
    if seconds := figures.get("wall, s"):
        figures["HTML, MB/s"] = size / 1e6 / seconds
    print(json.dumps({"version": version("curate"), "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
