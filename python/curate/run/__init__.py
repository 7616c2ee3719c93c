"""Executors: running a plan's phases over shards."""
