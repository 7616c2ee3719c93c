"""Assets: where they are looked up, and that other content is refused."""

import hashlib
from pathlib import Path

import fsspec
import pytest

from curate import assets
from curate.errors import CurateError


@pytest.fixture
def no_package(monkeypatch, tmp_path):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda name: None)
    return tmp_path / "cache"


def test_an_existing_file_stands_for_itself(tmp_path):
    own = tmp_path / "model.bin"
    own.write_bytes(b"x")
    assert assets.resolve(own) == own


def test_the_installed_package_carries_the_language_model(monkeypatch, tmp_path):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    path = assets.resolve("lid.176")
    content = path.read_bytes()
    assert len(content) == assets.ASSETS["lid.176"].size_bytes
    assert hashlib.sha256(content).hexdigest() == assets.ASSETS["lid.176"].sha256


def test_the_cache_goes_before_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "none"))
    content = assets.resolve("lid.176").read_bytes()
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    (tmp_path / "lid.176.ftz").write_bytes(content)
    assert assets.resolve("lid.176") == tmp_path / "lid.176.ftz"


def test_other_content_under_the_name_is_refused(no_package):
    no_package.mkdir()
    (no_package / "lid.176.ftz").write_bytes(b"not the model")
    with pytest.raises(CurateError, match="SHA-256 differs") as raised:
        assets.resolve("lid.176")
    assert raised.value.hint


def test_absent_assets_say_how_to_get_them(no_package):
    with pytest.raises(CurateError, match="not on this machine") as raised:
        assets.resolve("lid.176")
    assert "download" in raised.value.hint


def test_unknown_names_and_missing_paths(tmp_path):
    with pytest.raises(CurateError, match="no asset is named `nonsense`"):
        assets.resolve("nonsense")
    with pytest.raises(FileNotFoundError):
        assets.resolve(tmp_path / "absent.bin")


def test_download_checks_the_digest(monkeypatch, no_package, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"an error page")
    monkeypatch.setattr(assets.urllib.request, "urlopen", lambda url, timeout: wrong.open("rb"))
    with pytest.raises(CurateError, match="does not deliver"):
        assets.download("lid.176")
    assert list(no_package.iterdir()) == []


def test_digest_follows_the_content(tmp_path):
    file = Path(tmp_path / "f")
    file.write_bytes(b"one")
    assert assets.sha256_file(file) == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"three")
    assert assets.sha256_file(file) == hashlib.sha256(b"three").hexdigest()


def test_processes_that_fetch_one_file_do_not_meet(monkeypatch, tmp_path):
    """Each writes under a name of its own: whoever is first, nobody sees a part."""
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    fsspec.filesystem("memory").pipe_file("/assets/list", b"x" * 1000)
    copied = assets.shutil.copyfile
    sizes = []

    def meet(source, target):
        if not sizes:
            sizes.append(0)
            sizes[0] = assets.local_file("memory://assets/list").stat().st_size  # another one is faster
        return copied(source, target)

    monkeypatch.setattr(assets.shutil, "copyfile", meet)
    path = assets.local_file("memory://assets/list")
    assert (sizes, path.read_bytes()) == ([1000], b"x" * 1000)
    assert [*path.parent.iterdir()] == [path]
    with pytest.raises(FileNotFoundError, match="no file at memory"):
        assets.local_file("memory://assets/none")
