"""Preference data: prompts with a chosen and a rejected answer, in JSON lines, to token shards of pairs.

    python -m curate pipelines/preference.py input='pairs/*.jsonl' tokenizer=tokenizer.json output=out/

A line is `{"id": ..., "prompt": ..., "chosen": ..., "rejected": ...}`; the prompt is a text or a list of messages, an
answer is a text or a list of one message. `curate.train.dpo.read_pairs` reads the result.
"""

import curate as cu


def pipeline(
    input: str,  # noqa: A002 - the name users type
    tokenizer: str,
    output: str = "out",
    template: str = "chatml",
    max_tokens: int = 4096,
    evals: str | None = None,
    valid_share: float = 0.01,
) -> cu.Pipeline:
    """Pairs, rendered, deduplicated, decontaminated, tokenized.

    Args:
        input: glob or URL of JSON lines, plain or compressed.
        tokenizer: the tokenizer.json of the model to tune; for "chatml" with its two special tokens.
        output: the folder to write to.
        template: "chatml" or "plain".
        max_tokens: pairs with more tokens in both sequences together are rejected, not cut.
        evals: evaluation sets to keep out: JSONL or Parquet files, or a folder of them.
        valid_share: share of pairs in the valid split.
    """
    chosen = {"chatml": cu.CHATML, "plain": cu.PLAIN}.get(template)
    if chosen is None:
        raise cu.CurateError(f"unknown template {template!r}", hint="chatml or plain")
    return cu.Pipeline(
        read=cu.read_jsonl(input, text=None),
        stages=[
            cu.RenderChat(template=chosen, pairs=True),
            cu.ExactDedup(),
            *([cu.Decontaminate(evals)] if evals else []),
            cu.TokenizeChat(tokenizer, template=chosen, max_tokens=max_tokens),
        ],
        write=cu.write_tokens(output, valid_share=valid_share),
    )
