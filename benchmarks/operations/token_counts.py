"""Tokens per corpus and tokenizer, by us and by the reference implementation of that tokenizer.

python token_counts.py DATA --engine curate|reference
"""

import argparse
import base64
import gzip
import io
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

import curate as cu

TOKENIZERS = ("gpt2", "cl100k", "o200k")

#: The number of tokens in texts.
Counter = Callable[[list[str]], int]


def corpora(data: Path) -> dict[str, list[str]]:
    """Texts by corpus name."""
    found = {}
    for path in sorted((data / "text").glob("*.jsonl.zst")):
        with pa.input_stream(str(path), compression="zstd") as stream:
            table = pj.read_json(io.BytesIO(stream.read()), pj.ReadOptions(block_size=64 << 20))
        found[path.name.removesuffix(".jsonl.zst")] = table["text"].to_pylist()
    return found


def unpacked(data: Path, folder: Path) -> dict[str, Path]:
    """The vocabularies, uncompressed."""
    paths = {}
    for name, file in {
        "gpt2": "gpt2_tokenizer.json",
        "cl100k": "cl100k_base.tiktoken",
        "o200k": "o200k_base.tiktoken",
    }.items():
        paths[name] = folder / file
        paths[name].write_bytes(gzip.decompress((data / "tokenizers" / f"{file}.gz").read_bytes()))
    return paths


def curate_counter(name: str, path: Path) -> Counter:
    """Counts tokens with our encoder."""
    load = cu.Tokenizer.load if name == "gpt2" else partial(cu.Tokenizer.from_tiktoken, pattern=name)
    tokenizer = load(str(path))
    return lambda texts: int(pc.sum(tokenizer.count_batch(pa.array(texts, pa.large_string()))).as_py() or 0)


def reference_counter(name: str, path: Path) -> Counter:
    """Counts tokens with the implementation that the vocabulary comes from."""
    if name == "gpt2":
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        tokenizer.encode_special_tokens = True  # a special token in a text is text, as for the others
        return lambda texts: sum(len(found.ids) for found in tokenizer.encode_batch(texts))
    import tiktoken
    from tiktoken_ext import openai_public

    # tiktoken's own definition, with the ranks read from the file at hand instead of the network.
    lines = (line.split() for line in path.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    openai_public.load_tiktoken_bpe = lambda *_, **__: ranks
    definition = openai_public.cl100k_base if name == "cl100k" else openai_public.o200k_base
    encoding = tiktoken.Encoding(**definition())
    return lambda texts: sum(len(encoding.encode_ordinary(text)) for text in texts)


def main() -> None:
    """Counts and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--engine", choices=["curate", "reference"], required=True)
    arguments = parser.parse_args()
    counter = curate_counter if arguments.engine == "curate" else reference_counter
    figures: dict[str, float] = {}
    answer: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = unpacked(arguments.data, Path(folder))
        for corpus, texts in corpora(arguments.data).items():
            size = sum(len(text.encode()) for text in texts)
            for name in TOKENIZERS:
                count = counter(
                    name, paths[name]
                )  # a fresh one, so that no corpus warms a cache for the next
                started = time.perf_counter()
                tokens = count(texts)
                seconds = time.perf_counter() - started
                figures[f"{corpus} {name}, tokens"] = tokens
                figures[f"{corpus} {name}, bytes/token"] = size / tokens
                figures[f"{corpus} {name}, MB/s"] = size / 1e6 / seconds
                answer[name] = answer.get(name, 0) + tokens
    packages = "tokenizers " + version("tokenizers") + ", tiktoken " + version("tiktoken")
    told = version("curate") if arguments.engine == "curate" else packages
    print(json.dumps({"version": told, "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
