"""Supervised fine-tuning data: conversations in JSON lines to token shards with a loss mask on the assistant's words.

    python -m curate pipelines/sft.py input='chats/*.jsonl' tokenizer=tokenizer.json output=out/

A line is `{"id": ..., "messages": [{"role": "user", "content": ...}, ...]}`. Open the result with
`cu.TokenDataset("out/tokens/train", seq_len, packing="best_fit")`: conversations stay whole and apart.
"""

import curate as cu


def pipeline(
    input: str,  # noqa: A002 - the name users type
    tokenizer: str,
    output: str = "out",
    template: str = "chatml",
    max_tokens: int = 4096,
    evals: str | None = None,
    scrub_pii: bool = True,
    valid_share: float = 0.01,
) -> cu.Pipeline:
    """Conversations, rendered, deduplicated, decontaminated, scrubbed, tokenized.

    Args:
        input: glob or URL of JSON lines, plain or compressed.
        tokenizer: the tokenizer.json of the model to tune; for "chatml" with its two special tokens.
        output: the folder to write to.
        template: "chatml" or "plain".
        max_tokens: longer conversations are rejected, not cut.
        evals: evaluation sets to keep out: JSONL or Parquet files, or a folder of them.
        scrub_pii: replace addresses, numbers and names of machines.
        valid_share: share of conversations in the valid split.
    """
    chosen = {"chatml": cu.CHATML, "plain": cu.PLAIN}.get(template)
    if chosen is None:
        raise cu.CurateError(f"unknown template {template!r}", hint="chatml or plain")
    return cu.Pipeline(
        read=cu.read_jsonl(input, text=None),
        stages=[
            cu.RenderChat(template=chosen),
            cu.ExactDedup(),
            *([cu.Decontaminate(evals)] if evals else []),
            *([cu.ScrubPII(policy="fineweb")] if scrub_pii else []),
            cu.TokenizeChat(tokenizer, template=chosen, max_tokens=max_tokens),
        ],
        write=cu.write_tokens(output, valid_share=valid_share),
    )
