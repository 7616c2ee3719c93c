"""Which of two token datasets teaches a small model more: same model, same tokens, same held-out bytes.

Replicate `r` trains both arms from seed `r` on the `r`-th part of each dataset, parts that do not overlap as long as
the data lasts: the differences between replicates then hold the noise of the sample of data as well as that of the
seed. Both arms are scored on the same documents, in bits per byte of their text, whatever their tokenizers.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from curate.errors import CurateError
from curate.io.storage import Place, place
from curate.io.token_dataset import TokenDataset
from curate.tokenizer import Tokenizer
from curate.train.loop import TrainConfig, train
from curate.train.model import Decoder
from curate.train.rows import log_probabilities, padded

CANNOT_TELL = "cannot tell"
DRAWS = 2000
#: Student's t, 97.5 %, by degrees of freedom
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
NORMAL = 1.96
LIMIT = (
    "A tiny model ranks broad quality and mixture effects; knowledge and reasoning are beyond it, and a ranking at "
    "this size holds for larger models often, not always (Magnusson et al. 2025, DataDecide)."
)

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A minus B in held-out bits per byte; below 0, A is better.

    Attributes:
        mean: over the replicates.
        low, high: 95 % interval.
        replicates: difference of each.
    """

    mean: float
    low: float
    high: float
    replicates: Sequence[float]

    @property
    def verdict(self) -> str:
        """Whose bits per byte are lower, "A" or "B"; "cannot tell" unless interval and all replicates agree."""
        told_apart = (self.high < 0 or self.low > 0) and len({value > 0 for value in self.replicates}) == 1
        return CANNOT_TELL if not told_apart else "A" if self.mean < 0 else "B"


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        bits_per_byte: arm -> held-out set -> mean over replicates; "all" is every document.
        differences: held-out set -> A minus B; "all" is every document. A dataset can be the better one for one set
            and the worse one for another.
        epochs: arm -> passes over its data, all replicates together; above 1 parts overlap.
        digests: arm -> content digest of its training split.
        held_out_bytes: of text, both arms the same.
        train_tokens: per arm and replicate.
    """

    bits_per_byte: Mapping[str, Mapping[str, float]]
    differences: Mapping[str, Difference]
    epochs: Mapping[str, float]
    digests: Mapping[str, str]
    held_out_bytes: int
    train_tokens: int

    @property
    def overall(self) -> Difference:
        """Over all held-out documents."""
        return self.differences["all"]

    @property
    def verdict(self) -> str:
        """Over all held-out documents: "A", "B" or "cannot tell"."""
        return self.overall.verdict

    def sentences(self) -> list[str]:
        """The result in words."""
        told = [
            f"{name}: {', '.join(f'{part} {value:.4f}' for part, value in parts.items())} bits per byte"
            for name, parts in self.bits_per_byte.items()
        ]
        for name, found in self.differences.items():
            told.append(
                f"{name}: A - B {found.mean:+.4f} bits per byte, 95 % interval {found.low:+.4f} to {found.high:+.4f}, "
                f"{len(found.replicates)} replicates of {self.train_tokens:,} tokens: {_told(found.verdict)}"
            )
        told += [
            f"{name} repeats data: {epochs:.1f} epochs" for name, epochs in self.epochs.items() if epochs > 1
        ]
        return [*told, f"verdict: {_told(self.verdict)}", LIMIT]

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        differences = {
            name: {"verdict": found.verdict, **vars(found)} for name, found in self.differences.items()
        }
        return {"verdict": self.verdict, **vars(self), "differences": differences, "limit": LIMIT}


def _told(verdict: str) -> str:
    return verdict if verdict == CANNOT_TELL else f"{verdict} teaches more"


def compare(
    a: str | Path,
    b: str | Path,
    config: TrainConfig | None = None,
    *,
    replicates: int = 3,
    held_out: Mapping[str, Sequence[str]] | None = None,
    held_out_bytes: int = 200_000,
    on_step: Callable[[str, dict[str, Any]], None] | None = None,
) -> Comparison:
    """Trains the same small model on two token datasets and tells which one teaches it more.

    Args:
        a: a folder with splits `train` and `valid`, or one finished split.
        b: the other one.
        config: model and budget; its seed is the first replicate's. Defaults if None.
        replicates: at least 2; 3 or more tell effects apart from noise.
        held_out: set name -> texts that both arms are scored on. None = the texts of both `valid` splits, decoded,
            the same number of bytes of each.
        held_out_bytes: of each such split at most.
        on_step: called with "A" or "B" and the log record of each step.

    Raises:
        FileNotFoundError: there is no such folder.
        OutputError: a damaged dataset.
        CurateError: fewer than 2 replicates, nothing held out, by one of the two alone, or too few tokens.
    """
    config = config or TrainConfig()
    if not 2 <= replicates <= len(STUDENT) + 1:
        raise CurateError(f"{replicates} replicates", hint=f"2 to {len(STUDENT) + 1}")
    arms = {"A": place(a), "B": place(b)}
    for path in arms.values():  # a fault of B shows before A is trained
        _part(path, config, 0)
    texts = _held_out(arms, held_out, held_out_bytes)
    flat = [text for found in texts.values() for text in found]
    sizes = np.array([len(text.encode()) for text in flat], np.float64)
    nats = {name: np.empty((replicates, len(flat))) for name in arms}
    epochs, digests = {}, {}
    for name, path in arms.items():
        for replicate in range(replicates):
            data = _part(path, config, replicate)
            seeded = replace(config, seed=config.seed + replicate, checkpoint_dir=None)
            told = None if on_step is None else _named(on_step, name)
            model = train(data, seeded, told, valid=None).model
            tokenizer = Tokenizer.from_bytes(data.store.tokenizer_json())
            nats[name][replicate] = text_nats(model, tokenizer, flat, config.seq_len)
        digests[name] = data.content_digest
        epochs[name] = config.steps * config.batch_tokens * replicates / (len(data) * config.seq_len)
    groups = np.repeat(list(texts), [len(found) for found in texts.values()])
    sets = {name: groups == name for name in texts if (groups == name).any()} | {"all": sizes > 0}
    return Comparison(
        bits_per_byte={
            name: {
                part: float(_bits(table[:, chosen], sizes[chosen]).mean()) for part, chosen in sets.items()
            }
            for name, table in nats.items()
        },
        differences={
            part: interval(nats["A"][:, chosen], nats["B"][:, chosen], sizes[chosen], config.seed)
            for part, chosen in sets.items()
        },
        epochs=epochs,
        digests=digests,
        held_out_bytes=int(sizes.sum()),
        train_tokens=config.steps * config.batch_tokens,
    )


def interval(a: Scores, b: Scores, sizes: Scores, seed: int = 0) -> Difference:
    """Difference in bits per byte with a 95 % bootstrap interval over replicates and documents.

    Few replicates resampled vary less than new ones would: the interval is widened around the difference by
    sqrt(n / (n - 1)) and by the ratio of Student's to the normal quantile.

    Args:
        a: nats, [replicates, documents].
        b: the same of the other arm, paired.
        sizes: bytes of each document.
        seed: of the resampling.
    """
    gaps = (a - b) / math.log(2)
    replicates, documents = gaps.shape
    random = np.random.default_rng(seed)
    each = gaps.sum(axis=1) / sizes.sum()
    difference = float(each.mean())
    # How often each replicate and each document is drawn.
    rows = random.multinomial(replicates, np.full(replicates, 1 / replicates), DRAWS) / replicates
    weights = random.multinomial(documents, np.full(documents, 1 / documents), DRAWS)
    draws = np.einsum("nd,nd->n", rows @ gaps, weights) / (weights @ sizes)
    low, high = np.quantile(draws, [0.025, 0.975])
    wider = math.sqrt(replicates / (replicates - 1)) * STUDENT[replicates - 2] / NORMAL
    return Difference(
        mean=difference,
        low=difference + wider * min(float(low) - difference, 0.0),
        high=difference + wider * max(float(high) - difference, 0.0),
        replicates=each.tolist(),
    )


def text_nats(model: Decoder, tokenizer: Tokenizer, texts: Sequence[str], seq_len: int) -> Scores:
    """Nats of each text under a model, every token predicted once from what precedes it in its window."""
    first = tokenizer.eos_id if tokenizer.eos_id is not None else 0
    windows: list[Any] = []
    owners: list[int] = []
    for number, ids in enumerate(tokenizer.encode_batch(list(texts))):
        row = np.concatenate([[first], ids.values.to_numpy()])
        for start in range(0, max(len(row) - 1, 1), seq_len):
            windows.append(row[start : start + seq_len + 1])
            owners.append(number)
    # Windows of like length together: little padding.
    order = sorted(range(len(windows)), key=lambda k: len(windows[k]))
    nats = np.zeros(len(texts))
    device = model.embedding.weight.device
    with torch.inference_mode():
        for at in range(0, len(order), 16):
            chosen = order[at : at + 16]
            masks = [np.arange(len(windows[k])) > 0 for k in chosen]
            batch = padded([windows[k] for k in chosen], masks, device)
            found = -log_probabilities(model, batch).double().sum(dim=1)
            for k, value in zip(chosen, found.tolist(), strict=True):
                nats[owners[k]] += value
    return nats


def valid_texts(folder: Place, limit: int) -> list[str]:
    """The first documents of the `valid` split as text, up to `limit` bytes."""
    if not (folder / "valid").is_dir():
        return []
    store = TokenDataset(str(folder / "valid"), 1).store
    tokenizer = Tokenizer.from_bytes(store.tokenizer_json())
    special = set(tokenizer.special_tokens.values())
    texts: list[str] = []
    size = start = 0
    for length in store.row_lengths().tolist():
        text = tokenizer.decode([t for t in store.read(start, start + length).tolist() if t not in special])
        start += length
        size += len(text.encode())
        if size > limit and texts:
            break
        texts.append(text)
    return texts


def _held_out(
    arms: Mapping[str, Place], given: Mapping[str, Sequence[str]] | None, limit: int
) -> dict[str, list[str]]:
    """Held-out set -> texts that are not empty. Texts of one arm alone would favour it."""
    if given is not None:
        texts = {name: [text for text in found if text] for name, found in given.items()}
        if not any(texts.values()):
            raise CurateError("the held-out texts are empty", hint="give some that neither dataset has")
        return texts
    texts = {name: [text for text in valid_texts(path, limit) if text] for name, path in arms.items()}
    for name, found in texts.items():
        if not found:
            raise CurateError(
                f"{name} (`{arms[name]}`) has no valid split with text",
                hint="a comparison takes held-out text of both: name a file of texts with --held-out (`held_out=`), "
                "or make both with a `valid_share` above 0",
            )
    return texts


def write_result(result: Comparison, path: Path) -> None:
    """Writes a comparison as JSON."""
    path.write_text(json.dumps(result.to_json(), indent=2) + "\n")


def _part(path: Place, config: TrainConfig, replicate: int) -> TokenDataset:
    folder = path / "train" if (path / "train").is_dir() else path
    data = TokenDataset(str(folder), config.seq_len, seed=config.seed)
    if not len(data):
        raise CurateError(f"{folder} has not one sample of {config.seq_len}", hint="a smaller seq_len")
    data.take(replicate * config.steps * config.batch_tokens // config.seq_len)
    return data


def _named(on_step: Callable[[str, dict[str, Any]], None], name: str) -> Callable[[dict[str, Any]], None]:
    return lambda record: on_step(name, record)


def _bits(nats: Scores, sizes: Scores) -> Scores:
    return np.asarray(nats.sum(axis=1) / (math.log(2) * sizes.sum()))
