"""The commands about single languages; see `curate.cli`."""

from pathlib import Path

import click


@click.group()
def languages() -> None:
    """Stop words and limits of single languages."""


@languages.command("derive")
@click.argument("label")
@click.option(
    "--text", "texts", multiple=True, required=True, help="JSONL or Parquet files; each one a corpus."
)
@click.option("--reference", required=True, help="English texts of the same kind as the first corpus.")
@click.option("--column", help="Take only the rows with LABEL in this column.")
@click.option("--source", required=True, help="What the texts are, for the record.")
@click.option(
    "--rule", "rules", multiple=True, metavar="REASON=METHOD", help="median_ratio, mean_std or quantile."
)
@click.option("--only-loosen", is_flag=True, help="No limit stricter than the published one.")
@click.option("--no-limits", is_flag=True, help="Stop words alone.")
@click.option("--min-score", is_flag=True, help="Also the limit of identification.")
@click.option("--out", required=True, help="Folder for LABEL.toml.")
def derive_language(
    label: str,
    texts: tuple[str, ...],
    reference: str,
    column: str | None,
    source: str,
    rules: tuple[str, ...],
    only_loosen: bool,
    no_limits: bool,
    min_score: bool,
    out: str,
) -> int:
    """Derive the stop words and limits of the language LABEL from texts, as FineWeb-2 does."""
    from curate.io.texts import read_texts
    from curate.language_rules import LanguageRules, derive

    pairs = (rule.partition("=") for rule in rules)
    methods = {reason: method for reason, _, method in pairs}
    derived = derive(
        [read_texts(url, column, label).to_pylist() for url in texts],
        read_texts(reference).to_pylist(),
        source=source,
        rules={} if no_limits else methods or None,
        only_loosen=only_loosen,
        min_score_of=label if min_score else None,
    )
    LanguageRules({label: derived}).save(out)
    click.echo(Path(out) / f"{label}.toml")
    return 0
