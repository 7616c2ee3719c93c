"""What deduplication by shared keys has in common: rows meet by key, links become components, out of core.

A key is spilled as twelve bytes: itself and the number of the row; the shard is that of the spill. One partition of
keys is in memory at a time. Components need eight bytes per row of the run.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate import _native
from curate.schema import MAX_SHARDS, PARTITION, ROW, SHARD
from curate.stage import Round
from curate.stages.survivors import KEY_PARTITIONS, ROW_BITS, int64_values

#: Partitions in which components are resolved, in parallel; part of no result.
COMPONENT_PARTITIONS = 32

#: The shard of documents that come from an index of earlier runs.
EARLIER_SHARD = MAX_SHARDS

Words = npt.NDArray[np.uint64]
Addresses = npt.NDArray[np.int64]

_LINKS = pa.schema(
    [pa.field(SHARD, pa.int32()), pa.field("address", pa.int64()), pa.field("leader", pa.int64())]
)
_MEMBERS = pa.schema(
    [pa.field(SHARD, pa.int32()), pa.field("address", pa.int64()), pa.field("component", pa.int64())]
)


def key_partition(keys: Words) -> npt.NDArray[np.int32]:
    """The one of `KEY_PARTITIONS` in which equal keys meet."""
    return ((keys >> np.uint64(32)) % np.uint64(KEY_PARTITIONS)).astype(np.int32)


def keyed(keys: Words, rows: npt.NDArray[np.int64], partition: npt.NDArray[np.int32]) -> pa.Table:
    """What a map spills: a key, the row it is of, and the partition in which equal keys meet."""
    return pa.table({"key": keys, ROW: rows.astype(np.uint32), PARTITION: partition})


def row_addresses(rows: pa.Table) -> Addresses:
    """The addresses of spilled rows, which name their shard."""
    return (int64_values(rows, SHARD).astype(np.int64) << ROW_BITS) + int64_values(rows, ROW)


def links(keys: Words, addresses: Addresses) -> pa.Table:
    """Each address that shares a key, with the smallest one of that key; sent to the shard of the smallest."""
    found, _ = _native.bucket_links(pa.array(keys), pa.array(addresses))
    found = pa.array(found)
    address, leader = (found.field(name).to_numpy() for name in ("address", "leader"))
    shard = leader >> ROW_BITS
    ours = shard < EARLIER_SHARD  # documents of earlier runs are not compared with one another
    columns = [(shard[ours]).astype(np.int32), address[ours], leader[ours]]
    return pa.table([pa.array(column) for column in columns], schema=_LINKS)


@dataclass(frozen=True)
class Components(Round):
    """Links become components; each member learns the smallest address of its own."""

    name: ClassVar[str] = "components"

    @property
    def partitions(self) -> int:
        """One: a chain may lead through all shards."""
        return 1

    @property
    def reads(self) -> frozenset[str]:
        """Nothing but the links."""
        return frozenset()

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        """Forwards the links."""
        del documents, shard
        if inbox.num_rows:
            partition = pa.array(np.zeros(inbox.num_rows, np.int32))
            yield inbox.select(["address", "leader"]).append_column(PARTITION, partition)

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        """Unites what is linked. A document of an earlier run is sent to the shard of the smallest address."""
        del partition
        forest = _native.Components()
        for batch in rows.to_batches():
            forest.link(batch["address"], batch["leader"])
        members = pa.array(forest.members())
        address, component = (members.field(name).to_numpy() for name in ("address", "component"))
        shard = address >> ROW_BITS
        shard = np.where(shard < EARLIER_SHARD, shard, component >> ROW_BITS)
        columns = [shard.astype(np.int32), address, component]
        return pa.table([pa.array(column) for column in columns], schema=_MEMBERS)


@dataclass(frozen=True)
class Members:
    """The linked documents of one shard, by address."""

    address: Addresses
    component: Addresses

    @classmethod
    def of(cls, inbox: pa.Table) -> "Members":
        """From what `Components` sent to the shard."""
        if inbox.num_rows == 0:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))
        address, component = int64_values(inbox, "address"), int64_values(inbox, "component")
        order = np.argsort(address, kind="stable")
        return cls(address[order], component[order])

    def within(self, here: pa.Array) -> tuple[npt.NDArray[np.int64], Addresses]:
        """Positions in `here`, adjoining addresses, of the members, and their components."""
        if len(here) == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        first = here[0].as_py()
        start, end = np.searchsorted(self.address, [first, first + len(here)])
        return self.address[start:end] - first, self.component[start:end]

    def earlier(self) -> tuple[npt.NDArray[np.int64], Addresses]:
        """Rows of the index of earlier runs, and their components."""
        start = np.searchsorted(self.address, EARLIER_SHARD << ROW_BITS)
        return self.address[start:] - (EARLIER_SHARD << ROW_BITS), self.component[start:]


def component_partition(component: Addresses) -> pa.Array:
    """Where a component is resolved."""
    spread = component.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)
    return pa.array((spread % np.uint64(COMPONENT_PARTITIONS)).astype(np.int32))
