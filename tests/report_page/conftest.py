"""Two finished runs: the main job on the sample crawl, and one over documents that mean harm to a page."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

#: What a page must show and not obey.
TEXTS = (
    "<script>document.title = 'owned'; console.error('owned')</script> a b c",
    "</blockquote></section></main></body></html><h1>gone</h1> a b c",
    "<!-- <![CDATA[ --></style><style>body{display:none}</style> a b c",
    '" onmouseover="console.error(1)" x=\' {{ 7 * 7 }} {% raise %} &amp; &lt;b&gt; a b c',
    "nul \x00 bell \x07 escape \x1b[31m next \x85 delete \x7f a b c",
    "right \u202e tfel \u2066 isolate \u2067 never closed a b c",
    "الأخبار \u200f اليوم a b c",
    "w" * 5000 + " a b c",
    "Z" + "\u0301" * 400 + " a b c",
    "\n" * 500 + "a b c",
    "\U000e0041\ufeff\ufffe\ufdd0\u2028 a b c",
    "",
)
_LONG = "https://" + "sub." * 60 + "example.com/" + "path" * 300

RECIPE = """
import curate as cu

STRANGE = ("language", "language_score", "pii", "duplicates")


BAD, WORDS = "bad\\u202e<i>\\"", "<img src=x onerror=console.error(2)>"


@cu.per_document("<b>judge</b>/~ 'x'", reasons={BAD: WORDS, "short": "few words"})
def judge(text: str) -> str | None:
    return "short" if len(text.split()) < 3 else BAD if "kept" not in text else None


def pipeline(input: str, output: str) -> cu.Pipeline:
    rules = cu.Rules(cu.GOPHER_QUALITY.without("too_few_words", "too_few_stop_words", "too_few_alphabetic_words"))
    read = cu.read_jsonl(input, columns=dict.fromkeys(STRANGE, "string"))
    return cu.Pipeline(read, [cu.TextStats(), rules, judge], cu.write_documents(output))
"""


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flagship recipe on the embedded crawl."""
    folder = tmp_path_factory.mktemp("report")
    run(REPOSITORY / "pipelines" / "fineweb_like.py", folder, f"output={folder / 'out'}")
    return folder / "out"


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over hostile documents, twice: as they are, and marked to be kept; with columns of strange types."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "recipe.py").write_text(RECIPE)
    rows = []
    for number, text in enumerate([*TEXTS, *(f"{text} kept" for text in TEXTS)]):
        url = [_LONG, "javascript:console.error(3)//", "http://[::1]/", text][number % 4]
        row = {"id": f"{number}{text}", "url": url, "text": text, "language": f"<b>\x00\u202e{number}"}
        rows.append({**row, "language_score": "high", "pii": "<u>", "duplicates": "many"})
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(folder / "recipe.py", folder, f"input={folder / 'in.jsonl'}", f"output={folder / 'out'}")
    return folder / "out"


def run(recipe: Path, folder: Path, *words: str) -> None:
    """Runs a recipe from the command line, in `folder`."""
    command = [sys.executable, "-m", "curate", str(recipe), *words, "--workers", "2", "--quiet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
