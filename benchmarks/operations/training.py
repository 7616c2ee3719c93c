"""The main job with the resiliparse engine, then 200 steps of the bundled trainer on its tokens.

python training.py FILES [--steps N]
"""

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "pipelines"))


def main() -> None:
    """Runs it and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files")
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()

    import torch

    import curate as cu
    import fineweb_like
    from curate.pipeline import package_version
    from curate.train.loop import TrainConfig, train

    with tempfile.TemporaryDirectory() as folder:
        report = cu.run(
            fineweb_like.pipeline(arguments.files, f"{folder}/out", engine="resiliparse"), cu.Local(2)
        )
        tokens = Path(folder) / "out" / "tokens"
        vocabulary = cu.Tokenizer.load(f"{folder}/out/tokenizer/tokenizer.json").vocab_size
        losses: list[float] = []
        started = time.perf_counter()
        result = train(
            tokens, TrainConfig(steps=arguments.steps), lambda record: losses.append(record["loss"])
        )
        seconds = time.perf_counter() - started
    last = sum(losses[-10:]) / 10
    figures = {
        "ln of the vocabulary, nats": math.log(vocabulary),
        "loss of the first step, nats/token": losses[0],
        "mean loss of the last ten steps, nats/token": last,
        "held-out loss, nats/token": result.valid_loss,
        "held-out text, bits/byte": result.valid_bits_per_byte,
        "training, s": seconds,
    }
    answer = {"records": report.totals["records"], "learned": last < math.log(vocabulary) - 1.5}
    told = f"{package_version()}, torch {torch.__version__}"
    print(json.dumps({"version": told, "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
