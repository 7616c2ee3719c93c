"""Readers and writers: files in, batches out, and back."""
