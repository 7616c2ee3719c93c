"""Tokens per corpus and tokenizer, by us and by the reference implementation of that tokenizer.

python token_counts.py DATA --engine curate|reference
"""

import argparse
import gzip
import io
import json
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pj

import curate as cu

TOKENIZERS = ("gpt2", "cl100k", "o200k")
#: Sum over all corpora, as counted by tiktoken 0.14.0 and tokenizers 0.23.3; filled in by the reference engine.
CHUNK = 200_000


def corpora(data: Path) -> dict[str, list[str]]:
    """Texts by corpus name."""
    found = {}
    for path in sorted((data / "text").glob("*.jsonl.zst")):
        with pa.input_stream(str(path), compression="zstd") as stream:
            options = pj.ReadOptions(block_size=64 << 20)
            found[path.name.removesuffix(".jsonl.zst")] = pj.read_json(io.BytesIO(stream.read()), options)[
                "text"
            ].to_pylist()
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


def count_with_curate(name: str, path: Path, texts: list[str]) -> int:
    """Tokens in `texts`."""
    tokenizer = (
        cu.Tokenizer.load(str(path))
        if name == "gpt2"
        else cu.Tokenizer.from_tiktoken(str(path), pattern=name)
    )
    return int(pa.compute.sum(tokenizer.count_batch(pa.array(texts, pa.large_string()))).as_py() or 0)


def count_with_reference(name: str, path: Path, texts: list[str]) -> int:
    """Tokens in `texts`."""
    if name == "gpt2":
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        return sum(len(encoding.ids) for encoding in tokenizer.encode_batch(texts, add_special_tokens=False))
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe
    from tiktoken_ext import openai_public

    pattern = {"cl100k": openai_public.cl100k_base, "o200k": openai_public.o200k_base}
    del pattern
    from curate.tokenizer import PATTERNS

    encoding = tiktoken.Encoding(
        name, pat_str=PATTERNS[name], mergeable_ranks=load_tiktoken_bpe(str(path)), special_tokens={}
    )
    return sum(len(encoding.encode_ordinary(text)) for text in texts)


def main() -> None:
    """Counts and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--engine", choices=["curate", "reference"], required=True)
    arguments = parser.parse_args()
    count = count_with_curate if arguments.engine == "curate" else count_with_reference
    figures: dict[str, float] = {}
    answer: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = unpacked(arguments.data, Path(folder))
        for corpus, texts in corpora(arguments.data).items():
            size = sum(len(text.encode()) for text in texts)
            for name in TOKENIZERS:
                started = time.perf_counter()
                tokens = count(name, paths[name], texts)
                figures[f"{corpus} {name}, tokens"] = tokens
                figures[f"{corpus} {name}, bytes/token"] = size / tokens
                figures[f"{corpus} {name}, MB/s"] = size / 1e6 / (time.perf_counter() - started)
                answer[name] = answer.get(name, 0) + tokens
    packages = "tokenizers " + version("tokenizers") + ", tiktoken " + version("tiktoken")
    told = version("curate") if arguments.engine == "curate" else packages
    print(json.dumps({"version": told, "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
