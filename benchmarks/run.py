"""The benchmark harness: checks an engine's answer, then times it, then writes the record.

    python benchmarks/run.py [CASE ...] [--runs N] [--list]

A case (`cases/*.toml`) names a corpus, an operation, the engines that can do it, the answer that each must give,
and an analysis of what is fair and what is not. Every measurement is a fresh process, so that all engines start
under the same conditions; engines take turns, run by run, so that a drifting machine hits all of them alike.
Results go to `record/<machine>/<date>.csv`, one line per case, engine and figure, with minimum, median and maximum.
"""

import argparse
import compileall
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
PEERS = REPOSITORY / ".venvs"
FIELDS = (
    "case",
    "engine",
    "version",
    "figure",
    "unit",
    "runs",
    "min",
    "median",
    "max",
    "commit",
    "machine",
    "when",
)


def main() -> int:
    """Runs the named cases, or all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", help="names of cases; default all")
    parser.add_argument("--runs", type=int, default=3, help="timed runs per engine (default 3)")
    parser.add_argument("--list", action="store_true", help="list the cases and stop")
    arguments = parser.parse_args()
    cases = {path.stem: tomllib.loads(path.read_text()) for path in sorted((HERE / "cases").glob("*.toml"))}
    if arguments.list:
        for name, case in cases.items():
            print(f"{name:24} {case['title']}")
        return 0
    unknown = set(arguments.cases) - set(cases)
    if unknown:
        print(f"error: no case {sorted(unknown)}; there are {list(cases)}", file=sys.stderr)
        return 2
    # As an installation does; `PYTHONDONTWRITEBYTECODE` would have every process compile every file.
    compileall.compile_dir(REPOSITORY / "python", quiet=1)
    rows: list[dict[str, Any]] = []
    failed = False
    for name in arguments.cases or cases:
        print(f"== {name}: {cases[name]['title']}", flush=True)
        measured = measure(cases[name], cases[name].get("runs", arguments.runs))
        failed |= measured is None
        rows += [{"case": name, **row} for row in measured or []]
        write_record(rows)
    return int(failed)


def measure(case: dict[str, Any], runs: int) -> list[dict[str, Any]] | None:
    """Rows of the record for one case; None if an engine gave a wrong answer."""
    results: dict[str, list[dict[str, Any]]] = {engine: [] for engine in case["engines"]}
    versions: dict[str, str] = {}
    for run in range(runs):
        for engine, spec in case["engines"].items():
            result = call(case, spec)
            expected = {**case["expected"], **spec.get("expected", {})}
            wrong = {
                k: (v, result["answer"].get(k)) for k, v in expected.items() if result["answer"].get(k) != v
            }
            if wrong:
                print(f"   {engine}: WRONG, nothing recorded: {wrong} (expected, got)")
                return None
            versions[engine] = result["version"]
            results[engine].append(result["figures"])
            shown = ", ".join(f"{figure} {value:,.4g}" for figure, value in result["figures"].items())
            print(f"   {run + 1}/{runs} {engine}: {shown}", flush=True)
    rows = []
    for engine, figures in results.items():
        for figure in figures[0]:
            values = [run[figure] for run in figures]
            rows.append(row_of(engine, versions[engine], figure, values))
    rows += ratios(case, results)
    return rows


def call(case: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """One measurement in a fresh process of the engine's own interpreter."""
    environment = PEERS / spec.get("environment", "") / "bin" / "python"
    interpreter = str(environment) if "environment" in spec else sys.executable
    words = [interpreter, str(HERE / spec["script"]), *case.get("arguments", []), *spec.get("arguments", [])]
    words = [word.replace("{data}", str(data_folder())) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def ratios(case: dict[str, Any], results: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The ratios that a case asks for, run by run: `ours / theirs` of one figure."""
    rows = []
    for ratio in case.get("ratios", []):
        ours, theirs, figure = results[ratio["of"]], results[ratio["to"]], ratio["figure"]
        values = [a[figure] / b[figure] for a, b in zip(ours, theirs, strict=True)]
        name = f"{figure}: {ratio['of']} / {ratio['to']}"
        print(f"   ratio {name}: median {statistics.median(values):.3f} (target {ratio['target']})")
        rows.append(row_of(f"{ratio['of']} / {ratio['to']}", "", f"{figure} ratio", values))
    return rows


def row_of(engine: str, version: str, figure: str, values: list[float]) -> dict[str, Any]:
    """One line of the record; a figure's unit is the part of its name after the last comma."""
    name, _, unit = figure.rpartition(", ")
    return {
        "engine": engine,
        "version": version,
        "figure": name or figure,
        "unit": unit if name else "",
        "runs": len(values),
        "min": f"{min(values):.6g}",
        "median": f"{statistics.median(values):.6g}",
        "max": f"{max(values):.6g}",
    }


def write_record(rows: list[dict[str, Any]]) -> None:
    """Appends to nothing: rewrites today's file with what was measured in this call, other cases kept."""
    now = datetime.now(UTC)
    path = HERE / "record" / machine_name() / f"{now:%Y-%m-%d}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    measured = {row["case"] for row in rows}
    kept = []
    if path.exists():
        with path.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if row["case"] not in measured]
    common = {"commit": commit(), "machine": machine(), "when": f"{now:%Y-%m-%dT%H:%MZ}"}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *({**row, **common} for row in rows)])


def data_folder() -> Path:
    """Where the corpora are."""
    return Path(os.environ.get("CURATE_TEST_DATA", REPOSITORY.parent / "shared" / "data"))


def commit() -> str:
    """The commit measured, with a `+` if the tree has changes in the sources."""
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    paths = ["python", "rust", "pipelines", "benchmarks/run.py", "benchmarks/peers", "benchmarks/operations"]
    dirty = subprocess.run(
        ["git", "status", "--porcelain", *paths], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def machine() -> str:
    """Processor, cores and memory."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, Python {platform.python_version()}"
    )


def machine_name() -> str:
    """A folder name for the machine."""
    words = machine().split(", Python")[0].lower()
    return "-".join("".join(c if c.isalnum() else " " for c in words).split())


if __name__ == "__main__":
    sys.exit(main())
