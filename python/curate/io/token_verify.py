"""Whether a token dataset is what its manifest says: every byte, count and id."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.errors import OutputError
from curate.io.atomic import sha256_of
from curate.io.storage import Place, listing, local_copy
from curate.io.token_rows import places_of
from curate.io.token_store import TokenStore, map_file
from curate.io.tokens import INDEX_COLUMNS, content_digest, hf_state
from curate.schema import DOC_LENS, INPUT_IDS


def verify_tokens(folder: Place) -> list[str]:
    """Every problem found, one line each, the file first; none = sound.

    Checks that all files are there and have the digests and sizes of the manifest, that shards hold the rows,
    tokens and batches that manifest and index count, that ids are below the vocabulary's size, and, where the
    manifest declares a delimiter, that each row ends with it.

    Args:
        folder: a folder of splits (with dataset_dict.json), or one split.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no token dataset at {folder}")
    joined = folder / "dataset_dict.json"
    if not joined.is_file():
        return _verify_split(folder)
    try:
        splits = json.loads(joined.read_bytes())["splits"]
        names = [str(name) for name in splits]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{joined}: not readable: {error}"]
    problems = []
    for name in names:
        if not (folder / name).is_dir() or Path(name).name != name:
            problems.append(f"{folder / name}: the split is missing")
        else:
            problems += _verify_split(folder / name)
    return problems


def _verify_split(folder: Place) -> list[str]:
    try:
        store = TokenStore(str(folder))
        manifest = store.manifest
        expected = {**manifest["sha256"], "tokenizer.json": manifest["tokenizer"]["sha256"]}
        shards = [(str(s["file"]), int(s["bytes"]), str(s["sha256"])) for s in manifest["shards"]]
        counts = [(int(s["rows"]), int(s["tokens"])) for s in manifest["shards"]]
        digest = content_digest(manifest["dtype"], manifest["tokenizer"]["sha256"], [s[2] for s in shards])
        state = json.loads((folder / "state.json").read_bytes())
        schema = store.schema
        eos_id = manifest["tokenizer"]["eos_id"]
    except OutputError as error:
        return [f"{folder}: {error}"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{folder}: the manifest is damaged: {error!r}"]
    problems = []
    for name, wanted in expected.items():
        path = folder / str(name)
        if not path.is_file():
            problems.append(f"{path}: missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            problems.append(f"{path}: its bytes are not those of the manifest")
    if digest != store.content_digest:
        problems.append(f"{folder}: the content digest is not that of its shards")
    if state != hf_state(manifest):
        problems.append(f"{folder / 'state.json'}: it does not name the shards of the manifest")
    if not (folder / "dataset_info.json").is_file():
        problems.append(f"{folder / 'dataset_info.json'}: missing")
    try:
        store.token_bytes()
    except OutputError as error:
        problems.append(str(error))
    known = {name for name, _, _ in shards}
    problems += [f"{p}: not in the manifest" for p in listing(folder, "*.arrow") if p.name not in known]
    if np.sum(counts, axis=0).tolist() != [store.rows, store.tokens]:
        problems.append(f"{folder}: rows and tokens of the shards do not add up to the totals")
    for number, (name, size, wanted) in enumerate(shards):
        path = folder / name
        if path.parent != folder or not path.is_file():
            problems.append(f"{path}: missing")
            continue
        with local_copy(path) as local:
            if local.stat().st_size != size or sha256_of(local) != wanted:
                # What the shard holds says nothing more once its bytes are others.
                problems.append(f"{path}: its bytes are not those of the manifest")
                continue
            problems += [
                f"{path}: {problem}"
                for problem in _verify_shard(
                    local,
                    schema,
                    index=store.index_of_shard(number),
                    counts=counts[number],
                    vocab_size=store.vocab_size,
                    eos_id=eos_id,
                )
            ]
    return problems


def _verify_shard(
    path: Path,
    schema: pa.Schema,
    *,
    index: list[dict[str, int]],
    counts: tuple[int, int],
    vocab_size: int,
    eos_id: int | None,
) -> list[str]:
    problems = []
    found: list[dict[str, int]] = []
    try:
        mapped = map_file(path)
        reader = pa.BufferReader(mapped)
        if pa.ipc.read_schema(reader) != schema:
            return ["its columns are not those of a token shard"]
        while True:
            offset = reader.tell()
            try:
                message = pa.ipc.read_message(reader)
            except EOFError:
                break
            batch = pa.ipc.read_record_batch(message, schema)
            batch.validate(full=True)
            ids = batch[INPUT_IDS]
            problems += _verify_ids(ids, len(found), vocab_size, eos_id)
            if DOC_LENS in schema.names:
                problems += _verify_lengths(batch, len(found))
            places = places_of(mapped.slice(offset, reader.tell() - offset), schema)
            line = {"offset": offset, "rows": batch.num_rows, "tokens": len(ids.values)}
            found.append(line | {name: at + offset for name, at in places.items()})
    except (OSError, pa.ArrowException) as error:
        return [*problems, f"not an Arrow stream: {error}"]
    if (sum(line["rows"] for line in found), sum(line["tokens"] for line in found)) != counts:
        problems.append("its rows and tokens are not those of the manifest")
    named = [{name: line[name] for name in INDEX_COLUMNS[1:]} for line in index]
    if [{name: line.get(name, -1) for name in INDEX_COLUMNS[1:]} for line in found] != named:
        problems.append("its batches are not where the index says")
    return problems


def _verify_ids(ids: Any, number: int, vocab_size: int, eos_id: int | None) -> list[str]:
    problems = []
    values = ids.values.to_numpy(zero_copy_only=False)
    if len(values) and values.max() >= vocab_size:
        problems.append(f"batch {number}: id {values.max()} is outside the vocabulary of {vocab_size}")
    if eos_id is not None and not pa.types.is_fixed_size_list(ids.type):
        offsets = ids.offsets.to_numpy()
        ended = offsets[1:] > offsets[:-1]
        last = offsets[1:][ended] - 1
        missing = len(ids) - int((values[last] == eos_id).sum())
        if missing:
            problems.append(f"batch {number}: {missing} rows do not end with token {eos_id}")
    return problems


def _verify_lengths(batch: pa.RecordBatch, number: int) -> list[str]:
    lens = batch[DOC_LENS]
    ends = np.concatenate([[0], np.cumsum(lens.values.to_numpy(), dtype=np.int64)])
    sums = np.diff(ends[lens.offsets.to_numpy()])
    wrong = int((sums != batch.schema.field(INPUT_IDS).type.list_size).sum())
    return [f"batch {number}: doc_lens of {wrong} rows do not add up"] if wrong else []
