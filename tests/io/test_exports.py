"""Exports read by readers that share no code with the writers: from the public descriptions, and the real packages."""

import json
import os
import struct
import subprocess
import sys
from array import array
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from curate import cli_tokens
from curate.cli import command_line
from curate.errors import CurateError, OutputError
from curate.io import exports
from curate.io.exports import FORMATS, export_tokens, import_tokens, read_export
from curate.io.pack import pack_tokens
from curate.io.token_verify import verify_tokens
from curate.io.tokens import TokenizerFacts, finish_split, write_token_shard

EOS = 7


def facts(vocab, eos=EOS):
    return TokenizerFacts(b"{}", vocab, eos, np.ones(vocab))


def write(folder, documents, vocab=5000, masks=None, eos=EOS):
    folder.mkdir(parents=True)
    names = [f"d{k}" for k in range(len(documents))]
    columns = {
        "input_ids": pa.array(documents, pa.list_(pa.uint32())),
        "id": pa.array(names, pa.string()),
        "url": pa.nulls(len(names), pa.string()),
        "source": pa.array(names, pa.string()),
    }
    if masks:
        columns["loss_mask"] = pa.array(masks, pa.list_(pa.bool_()))
    dtype = pa.uint16() if vocab <= 1 << 16 else pa.uint32()
    half = len(documents) // 2
    whole = pa.record_batch(columns)
    receipts = [
        write_token_shard(folder / f"{k}.arrow", [part], dtype, 3, loss_mask=bool(masks))
        for k, part in enumerate([whole.slice(0, half), whole.slice(half)])
    ]
    finish_split(folder, receipts, facts(vocab, eos), {})
    return folder


def some_documents(vocab, n=20, seed=0):
    random = np.random.default_rng(seed)
    return [[*(random.integers(8, vocab, random.integers(0, 12))).tolist(), EOS] for _ in range(n)]


def ints(data, code):
    values = array(code)
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()


def cut(ids, ends):
    return [ids[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def read_megatron(prefix):
    index = prefix.with_suffix(".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, documents = struct.unpack("<QBQQ", index[9:34])
    assert (version, documents) == (1, sequences + 1)
    at = 34
    lengths = ints(index[at : at + 4 * sequences], "i")
    at += 4 * sequences
    pointers = ints(index[at : at + 8 * sequences], "q")
    at += 8 * sequences
    assert ints(index[at:], "q") == list(range(sequences + 1))
    data = prefix.with_suffix(".bin").read_bytes()
    size, kind = {8: (2, "H"), 4: (4, "i")}[code]
    return [ints(data[p : p + n * size], kind) for p, n in zip(pointers, lengths, strict=True)]


def read_llmc(prefix):
    ids = []
    for path in sorted(prefix.parent.glob(prefix.name + "_*.bin")):
        data = path.read_bytes()
        magic, version, count = struct.unpack("<iii", data[:12])
        kind = {(20240520, 1): "H", (20240801, 7): "I"}[magic, version]
        assert not any(data[12:1024])
        found = ints(data[1024:], kind)
        assert len(found) == count
        ids += found
    return cut(ids, [k + 1 for k, t in enumerate(ids) if t == EOS])


def read_nanogpt(prefix):
    ids = ints(prefix.with_suffix(".bin").read_bytes(), "H")
    return cut(ids, [k + 1 for k, t in enumerate(ids) if t == EOS])


def read_ds(prefix):
    facts = prefix.with_suffix(".ds.metadata").read_text().split("\n")
    size = int(facts[0].split("|")[-1])
    ids = ints(prefix.with_suffix(".ds").read_bytes(), {2: "H", 4: "I"}[size])
    assert int(facts[1]) == len(ids)
    return cut(ids, ints(prefix.with_suffix(".ds.index").read_bytes(), "Q"))


def read_npy(prefix):
    def load(path, kinds):
        data = path.read_bytes()
        assert data[:8] == b"\x93NUMPY\x01\x00"
        length = struct.unpack("<H", data[8:10])[0]
        header = data[10 : 10 + length].decode()
        return ints(data[10 + length :], next(c for name, c in kinds.items() if name in header))

    ids = load(prefix.with_suffix(".npy"), {"<u2": "H", "<u4": "I"})
    return cut(ids, load(prefix.with_suffix(".index.npy"), {"<i8": "q"}))


READERS = {
    "megatron": read_megatron,
    "llmc": read_llmc,
    "nanogpt": read_nanogpt,
    "ds": read_ds,
    "npy": read_npy,
}


@pytest.mark.parametrize("vocab", [5000, 100_000])
@pytest.mark.parametrize("form", FORMATS)
def test_an_independent_reader_finds_the_same_documents(tmp_path, form, vocab, monkeypatch):
    monkeypatch.setattr(exports, "LLMC_TOKENS", 50)
    monkeypatch.setattr(exports, "_CHUNK", 7)
    documents = some_documents(vocab)
    source = write(tmp_path / "x", documents, vocab)
    if form == "nanogpt" and vocab > 1 << 16:
        with pytest.raises(OutputError, match="16-bit"):
            export_tokens(source, tmp_path / "out" / "part", form)
        return
    written = export_tokens(source, tmp_path / "out" / "part", form)
    assert sorted(written) == sorted((tmp_path / "out").iterdir())
    assert READERS[form](tmp_path / "out" / "part") == documents
    told = json.loads((tmp_path / "out" / "part.curate.json").read_bytes())
    assert (told["documents"], told["tokens"]) == (len(documents), sum(map(len, documents)))
    manifest = import_tokens(tmp_path / "out" / "part", form, tmp_path / "back", facts(vocab))
    assert verify_tokens(tmp_path / "back") == []
    assert manifest["dtype"] == ("uint16" if vocab == 5000 else "uint32")
    with pa.memory_map(str(tmp_path / "back" / "data-00000-of-00001.arrow")) as file:
        assert pa.ipc.open_stream(file).read_all()["input_ids"].to_pylist() == documents


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_split(tmp_path, form):
    export_tokens(write(tmp_path / "x", []), tmp_path / "e", form)
    manifest = import_tokens(tmp_path / "e", form, tmp_path / "back", facts(5000))
    assert (manifest["rows"], manifest["tokens"]) == (0, 0)


def test_the_loss_mask_goes_with_ds(tmp_path):
    documents = some_documents(50)
    masks = [[k % 3 == 0 for k in range(len(d))] for d in documents]
    source = write(tmp_path / "x", documents, masks=masks)
    export_tokens(source, tmp_path / "m", "ds")
    assert list((tmp_path / "m.ds.loss").read_bytes()) == [int(v) for mask in masks for v in mask]
    import_tokens(tmp_path / "m", "ds", tmp_path / "back", facts(5000))
    with pa.memory_map(str(tmp_path / "back" / "data-00000-of-00001.arrow")) as file:
        assert pa.ipc.open_stream(file).read_all()["loss_mask"].to_pylist() == masks
    with pytest.raises(OutputError, match="loss mask"):
        export_tokens(source, tmp_path / "m", "npy")


def test_what_is_refused(tmp_path):
    source = write(tmp_path / "x", [[1, 2], [3]], eos=None)
    for form in ("llmc", "nanogpt"):
        with pytest.raises(OutputError, match="delimiter"):
            export_tokens(source, tmp_path / "o", form)
    with pytest.raises(CurateError, match="unknown format"):
        export_tokens(source, tmp_path / "o", "tar")
    with pytest.raises(CurateError, match="unknown format"):
        import_tokens(tmp_path / "o", "tar", tmp_path / "b", facts(10))
    pack_tokens(source, tmp_path / "p", 1, packing="concat")
    with pytest.raises(OutputError, match="packed"):
        export_tokens(tmp_path / "p", tmp_path / "o", "ds")
    export_tokens(source, tmp_path / "o", "megatron")
    with pytest.raises(OutputError, match="token id 3"):
        import_tokens(tmp_path / "o", "megatron", tmp_path / "b", facts(3, None))


DAMAGE = [
    ("megatron", "part.idx", lambda b: b[:-1], "cut off"),
    ("megatron", "part.idx", lambda b: b"X" + b[1:], "magic"),
    ("megatron", "part.idx", lambda b: b[:9] + struct.pack("<Q", 2) + b[17:], "version 2"),
    ("megatron", "part.idx", lambda b: b[:18] + struct.pack("<Q", 1 << 60) + b[26:], "cut off"),
    ("megatron", "part.idx", lambda b: b[:20], "requires a buffer"),
    ("megatron", "part.bin", lambda b: b[:-2], "documents end at"),
    ("llmc", "part_000000.bin", lambda b: b[:-2], "header says"),
    ("llmc", "part_000000.bin", lambda b: b[:100], "cut off"),
    ("llmc", "part_000000.bin", lambda b: b"\x00" * 12 + b[12:], "magic 0"),
    ("ds", "part.ds.index", lambda b: b[8:] + b[:8], "fall"),
    ("ds", "part.ds", lambda b: b + b"\x00\x00", "documents end at"),
    ("ds", "part.ds.metadata", lambda b: b"GPT", "no sound"),
    ("npy", "part.npy", lambda b: b[:40], "no sound"),
    ("npy", "part.index.npy", lambda b: b[:-8] + b"\xff" * 8, "fall"),
]


@pytest.mark.parametrize(("form", "name", "spoil", "problem"), DAMAGE)
def test_damaged_files_are_refused(tmp_path, form, name, spoil, problem):
    export_tokens(write(tmp_path / "x", some_documents(50)), tmp_path / "part", form)
    path = tmp_path / name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(OutputError, match=problem):
        read_export(tmp_path / "part", form, eos_id=EOS)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_export(tmp_path / "part", form, eos_id=EOS)


def said_by(python, code, *arguments):
    """What another process prints, without the strictness of this one towards its warnings."""
    words = [str(python), "-W", "ignore", "-c", code, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ.copy())
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("vocab", [5000, 100_000])
def test_megatron_reads_it(tmp_path, vocab):
    pytest.importorskip("megatron.core", reason="megatron-core is not installed")
    documents = some_documents(vocab)
    export_tokens(write(tmp_path / "x", documents, vocab), tmp_path / "part", "megatron")
    code = (
        "import sys, json; from megatron.core.datasets.indexed_dataset import IndexedDataset;"
        "d = IndexedDataset(sys.argv[1]);"
        "print(json.dumps([[d[i].tolist() for i in range(len(d))], d.document_indices.tolist()]))"
    )
    found = said_by(sys.executable, code, tmp_path / "part")
    assert found == [documents, list(range(len(documents) + 1))]


def test_datatrove_reads_it(tmp_path, datatrove_python):
    torch = pytest.importorskip("torch")
    documents = some_documents(5000)
    export_tokens(write(tmp_path / "x", documents), tmp_path / "part", "ds")
    code = (
        "import sys, json; sys.path.append(sys.argv[2]);"  # its environment has no torch: ours comes last
        "from datatrove.utils.dataset import DatatroveFileDataset;"
        "d = DatatroveFileDataset(sys.argv[1], 4, 2, return_positions=True);"
        "print(json.dumps([[d[i]['input_ids'].tolist(), d[i]['positions'].tolist()] for i in range(len(d))]))"
    )
    found = said_by(datatrove_python, code, tmp_path / "part.ds", Path(torch.__file__).parent.parent)
    flat = [t for d in documents for t in d]
    assert [row for row, _ in found] == [flat[k : k + 5] for k in range(0, len(flat) // 5 * 5, 5)]


@pytest.mark.parametrize("form", FORMATS)
def test_the_command_writes_what_the_function_writes(form, tmp_path):
    source = write(tmp_path / "split", some_documents(5000))
    expected = export_tokens(source, tmp_path / "function" / "x", form)
    words = ["export", str(source), str(tmp_path / "command" / "x"), "--format", form]
    done = CliRunner().invoke(command_line, words, standalone_mode=False)
    assert (done.exception, done.return_value) == (None, 0)
    written = [Path(line) for line in done.output.splitlines()]
    assert [path.name for path in written] == [path.name for path in expected]
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in expected]


def test_the_formats_are_where_one_looks_for_them():
    """In the help of the command and in that of the function."""
    assert cli_tokens.FORMATS == FORMATS
    for form in FORMATS:
        assert f'"{form}"' in export_tokens.__doc__
