"""The commands that ask after documents of a finished run, or take them out; see `curate.cli`."""

from collections.abc import Sequence

import click

#: Names printed of a long list.
_SHOWN = 20


@click.command()
@click.argument("folder")
@click.option(
    "--set", "settings", multiple=True, required=True, metavar="STAGE.RULE=LIMIT", help="Limit to try."
)
def sweep(folder: str, settings: tuple[str, ...]) -> int:
    """Tell what other limits would change in a finished run, from its stored signals."""
    from curate.run.sweep import sweep_run

    for change in sweep_run(folder, settings):
        click.echo("\n".join(change.sentences()))
    return 0


@click.command()
@click.argument("folder")
@click.option("--ids", "ids_file", help="File with one document id per line.")
@click.option("--urls", "urls_file", help="File with one URL per line, as the column `url` has it.")
@click.option("--with-duplicates", is_flag=True, help="Also all that `duplicate_of` connects with them.")
def remove(folder: str, ids_file: str | None, urls_file: str | None, with_duplicates: bool) -> int:
    """Take documents out of a finished run: documents, rejected texts and tokens.

    Exit code 1: some were not found; the others are removed.
    """
    from curate.run.remove import names_in
    from curate.run.remove import remove as take_down

    if ids_file is None and urls_file is None:
        raise click.UsageError("name the documents with --ids or --urls")
    ids, urls = (names_in(file) if file is not None else set() for file in (ids_file, urls_file))
    removed = take_down(folder, ids, urls=urls, with_duplicates=with_duplicates)
    click.echo(
        f"{folder}: {removed.documents} documents, {removed.tokens} tokens and {removed.rejects} rejects removed"
    )
    if removed.repeated:
        told = _first(removed.repeated)
        click.echo(f"in several input files, all of them removed: {len(removed.repeated)} ids: {told}")
    if removed.missing:
        click.echo(f"not found: {len(removed.missing)}: {_first(removed.missing)}")
    return 1 if removed.missing else 0


@click.command()
@click.argument("folder")
@click.argument("name", metavar="ID_OR_URL")
def why(folder: str, name: str) -> int:
    """Tell where a document of a finished run went, and why.

    Exit code 1: the run does not hold it.
    """
    from curate.run.why import taken_down
    from curate.run.why import why as rows_of

    found = rows_of(folder, name)
    for row in found:
        click.echo("\n".join(row.sentences()))
    if taken_down(folder, name):
        click.echo(f"{name}: taken down with `remove`")
    elif not found:
        click.echo(f"{name}: {folder} has no document and no reject with this id or URL")
        return 1
    return 0


def _first(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
