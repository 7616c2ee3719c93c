"""First and second pass of one encoder over one corpus, cut into documents of 4 kB, on one pinned core.

python bpe_encoding.py DATA --engine curate|gigatoken|tokenizers|tiktoken --vocabulary cl100k|32k
"""

import argparse
import base64
import gzip
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pj

DOCUMENT_BYTES = 4096


def documents(data: Path, corpus: str) -> list[str]:
    """Every text once, cut between characters."""
    cut = []
    for path in sorted((data / "text").glob("*.jsonl.zst")):
        if path.name.startswith("en-") != (corpus == "english"):
            continue
        with pa.input_stream(str(path), compression="zstd") as stream:
            table = pj.read_json(io.BytesIO(stream.read()), pj.ReadOptions(block_size=64 << 20))
        for text in table["text"].to_pylist():
            whole, at = text.encode(), 0
            while at < len(whole):
                end = min(len(whole), at + DOCUMENT_BYTES)
                while end < len(whole) and whole[end] & 0xC0 == 0x80:
                    end -= 1
                cut.append(whole[at:end].decode())
                at = end
    return cut


def english_32k(data: Path, folder: Path) -> Path:
    """A GPT-2-style vocabulary of 32,768 ids, trained on all of the English text."""
    import curate as cu

    path = folder / "tokenizer.json"
    cu.Tokenizer.train(documents(data, "english"), 32_768).save(str(path))
    return path


def ranks_of(data: Path, folder: Path) -> Path:
    """The file of cl100k."""
    path = folder / "cl100k_base.tiktoken"
    path.write_bytes(gzip.decompress((data / "tokenizers" / "cl100k_base.tiktoken.gz").read_bytes()))
    return path


def encoder(engine: str, vocabulary: str, path: Path, texts: list[str]) -> Callable[[], Any]:
    """A pass over all texts; its result holds the ids in the engine's own arrays."""
    ranked = vocabulary == "cl100k"
    if engine == "curate":
        import curate as cu

        arrow = pa.array(texts, pa.large_string())
        ours = cu.Tokenizer.from_tiktoken(str(path), "cl100k") if ranked else cu.Tokenizer.load(str(path))
        return lambda: ours.encode_batch(arrow)
    if engine == "gigatoken":
        import gigatoken

        theirs = gigatoken.Tokenizer.from_tiktoken(path) if ranked else gigatoken.Tokenizer(str(path))
        encoded = [text.encode() for text in texts]
        return lambda: theirs.backend.encode_batch(encoded, parallel=False)
    if engine == "tiktoken":
        import tiktoken
        from tiktoken_ext import openai_public

        lines = (line.split() for line in path.read_bytes().splitlines())
        ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
        openai_public.load_tiktoken_bpe = lambda *_, **__: ranks
        reference = tiktoken.Encoding(**openai_public.cl100k_base())
        return lambda: [reference.encode_to_numpy(text, disallowed_special=()) for text in texts]
    import tokenizers

    os.environ["RAYON_NUM_THREADS"] = "1"
    reference = tokenizers.Tokenizer.from_file(str(path))
    reference.encode_special_tokens = True
    return lambda: [found.ids for found in reference.encode_batch_fast(texts, add_special_tokens=False)]


def rows_of(result: Any) -> tuple[int, int]:
    """Number of ids, and a checksum that depends on their order."""
    if isinstance(result, pa.Array):
        flat = result.values.to_numpy()
    elif isinstance(result, Sequence):
        flat = np.concatenate([np.asarray(row, np.uint32) for row in result])
    else:
        import awkward

        flat = np.asarray(awkward.flatten(result))
    wide = flat.astype(np.uint64)
    weights = np.arange(1, len(wide) + 1, dtype=np.uint64)
    return len(wide), int((wide * weights).sum(dtype=np.uint64) & np.uint64((1 << 53) - 1))


def main() -> None:
    """Measures and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--engine", choices=["curate", "gigatoken", "tokenizers", "tiktoken"], required=True)
    parser.add_argument("--vocabulary", choices=["cl100k", "32k"], required=True)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figures: dict[str, float] = {}
    answer: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = arguments.vocabulary
        path = (ranks_of if vocabulary == "cl100k" else english_32k)(arguments.data, Path(folder))
        for corpus in ("english", "multilingual"):
            texts = documents(arguments.data, corpus)
            size = sum(len(text.encode()) for text in texts) / 1e6
            encode = encoder(arguments.engine, vocabulary, path, texts)
            for told in ("cold", "warm"):
                started = time.perf_counter()
                result = encode()
                figures[f"{corpus} {told}, MB/s"] = size / (time.perf_counter() - started)
                ids, checksum = rows_of(result)
                answer |= {f"{corpus}_ids": ids, f"{corpus}_checksum": checksum}
                del result
    print(json.dumps({"version": version(arguments.engine), "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
