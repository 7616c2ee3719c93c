"""The main job with the resiliparse engine, then the bundled trainer on its tokens for some minutes.

python training.py FILES [--minutes N] [--samples FOLDER]
"""

import argparse
import json
import math
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "pipelines"), str(REPOSITORY / "benchmarks")]

#: bits per byte of held-out text that ten minutes must reach
TARGET = 2.3
PROMPTS = ("", "The", "In order to", "This product is")


def main() -> None:
    """Runs it and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--samples", help="folder to keep samples in; `record` = that of this machine")
    arguments = parser.parse_args()

    import torch

    import curate as cu
    import fineweb_like
    from curate.pipeline import package_version
    from curate.train.loop import TrainConfig, train
    from curate.train.sampling import sample

    config = TrainConfig(
        seq_len=256,
        batch_tokens=4096,
        micro_batch_tokens=2048,
        d_model=256,
        n_layers=4,
        n_heads=4,
        n_kv_heads=2,
        qk_norm=True,
        lr=3e-3,
        warmup_steps=20,
        eval_tokens=131_072,
    )
    with tempfile.TemporaryDirectory() as folder:
        recipe = fineweb_like.pipeline(
            arguments.files, f"{folder}/out", engine="resiliparse", vocab_size=4096, valid_share=0.03
        )
        report = cu.run(recipe, cu.Local(2))
        tokens = Path(folder) / "out" / "tokens"
        tokenizer = cu.Tokenizer.load(f"{folder}/out/tokenizer/tokenizer.json")
        # The first steps of a process are slow; the last of a few tell how many fit into the time.
        seconds: list[float] = []
        train(tokens, replace(config, steps=8, eval_tokens=256), lambda r: seconds.append(r["seconds"]))
        steps = max(int(arguments.minutes * 60 / (sum(seconds[3:]) / len(seconds[3:]))), 20)
        records: list[dict[str, Any]] = []
        started = time.perf_counter()
        result = train(tokens, replace(config, steps=steps), records.append)
        elapsed = time.perf_counter() - started
        written = [
            (prompt, written_by(sample, result.model, tokenizer, prompt, seed))
            for seed, prompt in enumerate(PROMPTS)
        ]
    if arguments.samples:
        keep(arguments.samples, written, steps, result.valid_bits_per_byte)
    figures = {
        "ln of the vocabulary, nats": math.log(tokenizer.vocab_size),
        "parameters, count": result.parameters,
        "steps, count": steps,
        "tokens seen, count": steps * config.batch_tokens,
        "epochs, count": steps * config.batch_tokens / report.totals["tokens"]["tokens/train"]["tokens"],
        "loss of the first step, nats/token": records[0]["loss"],
        "loss of the last step, nats/token": result.loss,
        "held-out loss, nats/token": result.valid_loss,
        "held-out text, bits/byte": result.valid_bits_per_byte,
        "training speed, tokens/s": steps * config.batch_tokens / elapsed,
        "training, s": elapsed,
    }
    bits = result.valid_bits_per_byte or math.inf
    answer = {"records": report.totals["records"], "learned": bits <= TARGET}
    told = f"{package_version()}, torch {torch.__version__}"
    print(json.dumps({"version": told, "answer": answer, "figures": figures}))


def written_by(sample: Any, model: Any, tokenizer: Any, prompt: str, seed: int) -> str:
    """What the model makes of a prompt."""
    ids = [tokenizer.eos_id, *tokenizer.encode(prompt).tolist()]
    new = sample(model, ids, 120, temperature=0.8, top_k=50, seed=seed, stop_id=tokenizer.eos_id)
    return str(tokenizer.decode(new))


def keep(place: str, written: list[tuple[str, str]], steps: int, bits: float | None) -> None:
    """Writes the samples beside the record."""
    import run

    folder = run.HERE / "record" / run.machine_name() if place == "record" else Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{steps} steps, {bits:.3f} bits per byte; temperature 0.8, top 50, seeds 0 to {len(written) - 1}"
    ]
    lines += [f"\n--- {prompt!r}\n{prompt}{text}" for prompt, text in written]
    (folder / "samples.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
