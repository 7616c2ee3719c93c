"""A real Ray cluster of several nodes, all of them processes of this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

_STORE_BYTES = 80 << 20


class Nodes:
    """The nodes; the head takes no tasks, so that any node may die. What they run inherits our environment."""

    def __init__(self, nodes: int) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes: list[Any] = []
        for _ in range(nodes):
            self.add()

    @property
    def address(self) -> str:
        """For `RAY_ADDRESS`."""
        return str(self._cluster.address)

    def add(self) -> None:
        self.nodes.append(self._cluster.add_node(num_cpus=1, object_store_memory=_STORE_BYTES))

    def kill(self, index: int = 0) -> None:
        self._cluster.remove_node(self.nodes.pop(index), allow_graceful=False)

    def stop(self) -> None:
        self._cluster.shutdown()


@contextmanager
def running_cluster(nodes: int) -> Iterator[Nodes]:
    """Starts nodes, and names them to the drivers that this process starts. Skips without Ray."""
    pytest.importorskip("ray", reason="ray is not installed")
    cluster = Nodes(nodes)
    try:
        with patch.dict(os.environ, {"RAY_ADDRESS": cluster.address}):
            yield cluster
    finally:
        cluster.stop()
