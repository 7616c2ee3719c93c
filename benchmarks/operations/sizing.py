"""What `--explain` foretells against what a run takes: processor time, disk and memory, at one size.

python sizing.py FOLDER --parts N [--sample-mib N]
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "pipelines"))
WORKERS = 2


def main() -> None:
    """Foretells from a sample of all files, runs the first of them, prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--parts", type=int, required=True)
    parser.add_argument("--sample-mib", type=int, default=16)
    arguments = parser.parse_args()

    import curate as cu
    import fineweb_like
    from curate.pipeline import package_version
    from curate.processes import usage
    from curate.sizing import estimate, measure, sample

    every = sorted(Path(arguments.folder).glob("part-*.warc.gz"))
    with tempfile.TemporaryDirectory() as folder:
        recipe = fineweb_like.pipeline(",".join(map(str, every[: arguments.parts])), f"{folder}/out")
        watched = Watched(Path(folder) / "out")
        before = usage()
        report = cu.run(recipe, cu.Local(WORKERS), watcher=watched)
        after = usage()
        watched.stop()
        assert before is not None
        assert after is not None
        seconds = after.seconds - before.seconds

        whole = fineweb_like.pipeline(",".join(map(str, every)), f"{folder}/never")
        chosen = sample(whole.read.files(), arguments.sample_mib << 20)
        files = recipe.read.files()
        told = estimate(recipe.plan(), files, measure(whole, chosen), cores=WORKERS)
        totals = report.totals
        tokens = sum(split["tokens"] for split in totals["tokens"].values())
        assert told.largest is not None
        assert told.largest.memory_bytes is not None
        figures = {
            "processor time, s": seconds,
            "processor time foretold, s": told.core_seconds,
            "processor time foretold / taken, ratio": told.core_seconds / seconds,
            "disk at most, MB": watched.disk_bytes / 1e6,
            "disk foretold / taken, ratio": told.disk_bytes / watched.disk_bytes,
            "output foretold / taken, ratio": told.output_bytes / size(Path(folder) / "out"),
            "memory of a worker, MB": watched.memory_bytes / 1e6,
            "memory foretold / taken, ratio": told.largest.memory_bytes / watched.memory_bytes,
            "tokens foretold / made, ratio": told.tokens / tokens,
            "documents foretold / kept, ratio": told.kept / totals["kept"],
        }
    answer = {"parts": len(files), "whole": totals["records"] > totals["kept"] > 0}
    print(json.dumps({"version": package_version(), "answer": answer, "figures": figures}))


class Watched:
    """A watcher that keeps the most disk after any step, and the most memory of any worker."""

    def __init__(self, output: Path) -> None:
        self.disk_bytes = self.memory_bytes = 0
        self._output = output
        self._going = True
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def begin(self, title: str, done: int, total: int) -> None:
        """Nothing to do."""

    def advance(self, task: object, rows: int, size: int, finished: bool, kept: int = 0, /) -> None:
        """Nothing to do."""

    def end(self) -> None:
        """Looks at the disk."""
        self.disk_bytes = max(self.disk_bytes, size(self._output))

    def stop(self) -> None:
        """Looks no more."""
        self._going = False
        self._thread.join()

    def _look(self) -> None:
        import os

        while self._going:
            parents, peaks = {}, {}
            for path in Path("/proc").glob("[0-9]*/status"):
                try:
                    told = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
                except OSError:
                    continue
                process = int(path.parent.name)
                parents[process] = int(told["PPid"])
                peaks[process] = int(told.get("VmHWM", "0 kB").split()[0]) * 1024
            workers = [p for p in parents if parents.get(parents[p]) == os.getpid()]  # below the fork server
            self.memory_bytes = max([self.memory_bytes, *(peaks[p] for p in workers)])
            time.sleep(0.1)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
