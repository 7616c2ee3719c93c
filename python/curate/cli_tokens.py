"""The commands about token datasets; see `curate.cli`."""

import click

#: Those of `curate.io.exports`, which is not imported for a help page.
FORMATS = ("megatron", "llmc", "nanogpt", "ds", "npy")


@click.command()
@click.argument("split")
@click.argument("prefix")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    required=True,
    help="Of Megatron-LM, llm.c, nanoGPT, datatrove and nanotron, or plain NumPy.",
)
def export(split: str, prefix: str, form: str) -> int:
    """Write SPLIT (such as out/tokens/train) as files of another trainer, whose names begin with PREFIX."""
    from curate.io.exports import export_tokens

    for path in export_tokens(split, prefix, form):
        click.echo(path)
    return 0
