"""The main job in a fresh process: WARC files to tokens, or only up to the quality filters.

python whole_run.py FILES --engine ENGINE --stop tokens|quality [--workers N]
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "pipelines"))


def main() -> None:
    """Runs it and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--stop", choices=["tokens", "quality"], default="tokens")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()

    import curate as cu
    import fineweb_like
    from curate.pipeline import package_version

    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/out"
        started = time.perf_counter()
        pipeline = fineweb_like.pipeline(
            arguments.files, output, engine=arguments.engine, honour_opt_out=False
        )
        if arguments.stop == "quality":
            names = [stage.name for stage in pipeline.stages]
            stages = list(pipeline.stages)[: names.index("exact_dedup")]
            pipeline = cu.Pipeline(pipeline.read, stages, cu.write_documents(output))
        report = cu.run(pipeline, cu.Local(arguments.workers))
        seconds = time.perf_counter() - started
        totals = report.totals
        rejected = sum(rows for reasons in totals["rejected"].values() for rows in reasons.values())
        tokens = sum(split["tokens"] for split in totals["tokens"].values())
    pages = report.steps["extract_text"].rows_in
    cores = arguments.workers
    figures = {"wall, s": seconds, "pages per core, 1/s": pages / seconds / cores}
    if tokens:
        figures["tokens per core, 1/s"] = tokens / seconds / cores
    figures["HTML per core, MB/s"] = html_bytes(arguments.files) / 1e6 / seconds / cores
    answer = {
        "records": totals["records"],
        "conserved": totals["records"] == totals["kept"] + rejected,
        "pages": pages,
    }
    print(
        json.dumps(
            {"version": package_version(), "answer": answer, "figures": figures, "kept": totals["kept"]}
        )
    )


def html_bytes(files: str) -> int:
    """Bytes of HTML in the response records."""
    import curate as cu

    reader = cu.read_warc(files)
    return sum(outcome.batch["payload"].nbytes for file in reader.files() for outcome in reader.read(file))


if __name__ == "__main__":
    main()
