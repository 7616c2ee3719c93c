"""The import arrows of the house, read from the sources."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "python" / "curate"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PURE_CRATES = sorted(
    path.parent
    for path in (REPOSITORY / "rust").glob("*/Cargo.toml")
    if path.parent.name not in {"py", "fuzz"}
)

#: What a room of the package may import of the package; rooms not named here are free.
MAY_IMPORT = {
    "stages": {"stage", "schema", "errors", "_native", "tokenizer", "assets"},
    "schema": set(),
    "errors": set(),
    "stage": {"schema", "errors", "code_identity"},
    "code_identity": {"errors"},
    "text_batches": {"schema"},
    "tokenizer": {"_native", "errors", "schema", "text_batches"},
    "pipeline": {"stage", "schema", "errors", "io", "code_identity"},
    "io": {"schema", "errors", "stage", "io", "_native", "assets", "code_identity"},
    "report": {"schema", "errors", "io", "budget"},
    "summary": {"io", "schema", "_native"},
    "report_page": {"report", "schema", "io", "stages", "summary"},
    "budget": {"errors"},
    "contamination_report": {"io", "schema", "errors"},
    "train": {"io", "schema", "errors", "train", "tokenizer"},
}
#: Helpers of stages for files that a plan names: they go through the same door as every reader and writer.
READ_FILES = {"stages/evaluation_sets.py", "stages/near_index.py"}
#: Packages that only one place may import.
CONFINED = {
    "torch": ("train/",),
    "ray": ("run/ray.py",),
    "datatrove": ("interop/",),
    "pandas": (),
    "fasttext": ("fasttext_child.py",),
}
#: A stage may use its own helpers, never another stage.
STAGE_HELPERS = {
    "extract": {"extract_supervisor"},
    "extract_supervisor": {"extract_child"},
    "quality": {"rule_tables"},
    "exact_dedup": {"survivors"},
    "near_dedup": {"survivors", "clusters", "near_index", "near_scheme"},
    "near_index": {"near_scheme"},
    "substring_dedup": {"survivors", "clusters", "cuts"},
    "segment_dedup": {"survivors", "clusters", "cuts"},
    "clusters": {"survivors"},
    "cuts": {"survivors"},
    "contamination": {"contamination_definitions", "evaluation_sets"},
}


def imported_modules(path: Path) -> set[str]:
    """Dotted names of everything a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def room_of(path: Path) -> str:
    """First part of a source's path below the package, without the suffix."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_rooms_import_only_what_the_house_allows(path: Path) -> None:
    allowed = MAY_IMPORT.get(room_of(path))
    ours = {name.split(".")[1] for name in imported_modules(path) if name.startswith("curate.")}
    if allowed is not None:
        own = {room_of(path)}
        if path.relative_to(PACKAGE).as_posix() in READ_FILES:
            own.add("io")
        assert ours - own <= allowed, f"{path.name} may not import {sorted(ours - own - allowed)}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "stages").glob("*.py")), ids=lambda path: path.name)
def test_no_stage_imports_another(path: Path) -> None:
    modules = {name for name in imported_modules(path) if name.startswith("curate.stages.")}
    others = {name.split(".")[2] for name in modules} - STAGE_HELPERS.get(path.stem, set())
    known = {other.stem for other in (PACKAGE / "stages").glob("*.py")}
    assert not others & known


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_heavy_packages_stay_in_their_room(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    imported = {name.split(".")[0] for name in imported_modules(path)}
    for package, rooms in CONFINED.items():
        if package in imported:
            assert any(place.startswith(room) for room in rooms), f"{place} imports {package}"


@pytest.mark.parametrize("crate", PURE_CRATES, ids=lambda crate: crate.name)
def test_pure_crates_know_neither_python_nor_arrow(crate: Path) -> None:
    manifest = tomllib.loads((crate / "Cargo.toml").read_text())
    dependencies = {*manifest.get("dependencies", {}), *manifest.get("dev-dependencies", {})}
    assert not {name for name in dependencies if name.startswith(("pyo3", "arrow"))}


def test_recipes_import_only_public_names() -> None:
    import curate

    for path in (REPOSITORY / "pipelines").glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cu"
        }
        assert {name for name in imported_modules(path) if name.startswith("curate")} == {"curate"}, path
        assert used <= set(curate.__all__), f"{path.name} uses {used - set(curate.__all__)}"


@pytest.mark.parametrize(
    "path",
    [*SOURCES, *(REPOSITORY / "rust").glob("*/src/**/*.rs")],
    ids=lambda path: path.relative_to(REPOSITORY).as_posix(),
)
def test_no_file_is_longer_than_a_room(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 450


def test_nothing_imports_pandas_even_by_the_way() -> None:
    """Arrow does where it makes an array or a scalar of Python objects; that costs 35 MB and half a second."""
    told = "import sys, curate; curate.PieceCounts().count(['a', None]); sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", told], check=True)
