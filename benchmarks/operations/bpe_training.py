"""Learning 32,768 ids from all of the English text, or from that, the other languages and the source of web pages.

python bpe_training.py DATA --engine curate|gigatoken|tokenizers [--everything]
"""

import argparse
import hashlib
import importlib
import json
import resource
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from bpe_encoding import documents

VOCABULARY = 32_768
SPECIAL = "<|endoftext|>"


def by_curate(texts: list[str]) -> list[bytes]:
    """Our merges, as joined bytes in order."""
    import curate as cu

    tokens = cu.Tokenizer.train(texts, VOCABULARY, threads=2).tokens()
    return [token for token in tokens[257:] if token]


def by_gigatoken(texts: list[str]) -> list[bytes]:
    """Theirs; its input is bytes with a separator."""
    import gigatoken

    data = SPECIAL.join(texts).encode()
    _, merges = gigatoken.train_bpe(data, VOCABULARY, [SPECIAL], separator=SPECIAL.encode())
    return [left + right for left, right in merges]


def by_tokenizers(texts: list[str]) -> list[bytes]:
    """Those of the reference."""
    import tokenizers

    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[SPECIAL], initial_alphabet=alphabet, show_progress=False
    )
    theirs.train_from_iterator(texts, trainer)
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable} | {
        chr(256 + at): byte for at, byte in enumerate(others)
    }
    merges = json.loads(theirs.to_str())["model"]["merges"]
    return [bytes(byte_of[c] for c in left + right) for left, right in merges]


def page_sources(data: Path) -> Iterator[str]:
    """The HTML of all pages, 4,096 characters at a time."""
    from warcio.archiveiterator import ArchiveIterator

    for path in sorted((data / "wcxb-dev").glob("*.warc.gz")):
        with path.open("rb") as file:
            for record in ArchiveIterator(file):
                if record.rec_type == "response":
                    source = record.content_stream().read().decode(errors="replace")
                    yield from (source[start : start + 4096] for start in range(0, len(source), 4096))


def peak() -> float:
    """The most memory this process has held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main() -> None:
    """Measures and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--engine", choices=["curate", "gigatoken", "tokenizers"], required=True)
    parser.add_argument("--everything", action="store_true")
    arguments = parser.parse_args()
    texts = documents(arguments.data, "english")
    if arguments.everything:
        texts += documents(arguments.data, "multilingual")
        texts += page_sources(arguments.data)
    size = sum(len(text.encode()) for text in texts) / 1e9
    before = peak()
    started = time.perf_counter()
    importlib.import_module(arguments.engine)
    loaded = peak()
    learned = {"curate": by_curate, "gigatoken": by_gigatoken, "tokenizers": by_tokenizers}[arguments.engine](
        texts
    )
    seconds = time.perf_counter() - started
    reached = peak()
    answer = {"merges": len(learned), "digest": hashlib.sha256(b"\n".join(learned)).hexdigest()[:16]}
    figures = {
        "input, GB": size,
        "training, s": seconds,
        "memory beyond the input, MB per GB": (reached - before) / size,
        "memory beyond the input and the library, MB per GB": (reached - loaded) / size,
    }
    print(json.dumps({"version": version(arguments.engine), "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
