"""Names of everything below an output folder."""

from dataclasses import dataclass

from curate.io.storage import Place, name_below
from curate.report import STEP_TIMES


@dataclass(frozen=True)
class Layout:
    """Paths below an output folder; shards and partitions are numbered from 0, phases from 1."""

    root: Place

    @property
    def manifest(self) -> Place:
        """The plan, its inputs and totals; `complete` is true when the run is done."""
        return self.root / "manifest.json"

    @property
    def ledgers(self) -> Place:
        """Folder of the ledgers."""
        return self.root / "ledger"

    def ledger(self, phase: int, shard: int) -> Place:
        """Counts of one shard in one phase; written last, so it is the completion marker."""
        return self.ledgers / f"phase-{phase}-{shard:05d}.json"

    @property
    def step_times(self) -> Place:
        """Seconds by the clock of each step."""
        return self.root / STEP_TIMES

    def part_times(self, step: str, part: int) -> Place:
        """When one part of a step began and ended; removed when the run is done."""
        return self.ledgers / f"part-{part:05d}-{step}.json"

    @property
    def work(self) -> Place:
        """Spills and documents between phases; removed when the run is done."""
        return self.root / "work"

    def documents(self, phase: int, shard: int, *, final: bool) -> Place:
        """Documents that left a phase."""
        folder = self.root / "documents" if final else self.work / str(phase) / "documents"
        return folder / f"{shard:05d}.parquet"

    def rejects(self, phase: int, shard: int) -> Place:
        """Rows rejected in a phase."""
        return self.root / "rejects" / f"phase-{phase}-{shard:05d}.parquet"

    def counts(self, table: Place) -> Place:
        """What the columns of a table below `documents` or `rejects` hold, for the report."""
        return self.root / "counts" / self.relative(table)

    def ids(self, shard: int) -> Place:
        """Hashes of the ids that a split of an input file holds."""
        return self.work / "1" / "splits" / f"{shard:05d}-ids.arrow"

    def correction(self, shard: int) -> Place:
        """What a split has to know of those before it."""
        return self.work / "1" / "splits" / f"{shard:05d}.json"

    @property
    def settled(self) -> Place:
        """Says that nothing is left to correct."""
        return self.work / "1" / "splits" / "settled.json"

    def mapped(self, phase: int, barrier: str, round_: str, shard: int) -> Place:
        """Spill of a round's map."""
        return self.work / str(phase) / barrier / f"{round_}-map-{shard:05d}.arrow"

    def reduced(self, phase: int, barrier: str, round_: str, partition: int) -> Place:
        """Spill of a round's reduce."""
        return self.work / str(phase) / barrier / f"{round_}-reduce-{partition:05d}.arrow"

    @property
    def removals(self) -> Place:
        """What was taken down."""
        return self.root / "removal.json"

    @property
    def tokens(self) -> Place:
        """Folder of the token datasets."""
        return self.root / "tokens"

    def token_shard(self, language: str | None, split: str, shard: int, shards: int) -> Place:
        """One Arrow IPC stream of a split."""
        folder = self.tokens / language / split if language else self.tokens / split
        return folder / f"data-{shard:05d}-of-{shards:05d}.arrow"

    def relative(self, path: Place) -> str:
        """`path` as it is written into ledgers: relative to the output folder, with slashes."""
        return name_below(self.root, path)
