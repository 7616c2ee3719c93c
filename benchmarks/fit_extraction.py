"""Fits the tables of the native extraction: weights of class names, and the trees that judge blocks.

    pip install lightgbm rapidfuzz scipy
    python benchmarks/fit_extraction.py ../shared/data/wcxb-dev            # only cross-validation
    python benchmarks/fit_extraction.py ../shared/data/wcxb-dev --write    # also replaces the tables

1. Each page is cut into blocks and measured by the native code (`cargo run --example samples`).
2. A block's label is the share of its words that an alignment of the page with the annotated main content matches.
3. Logistic regression gives one weight to every class name, id, role and element name that occurs on many pages.
4. Boosted trees of at most eight leaves judge a block by its numbers, among them sums of those weights. They
   are trained on weights fitted without the block's own part of the data, as they will meet unseen pages.
5. Each quarter of the data is judged by what the other three say, and everything by what everything says: if the
   two differ much, the tables know pages by heart.
"""

import argparse
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import scipy.optimize
import scipy.sparse
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from operations.scoring import Page, pages, score, word_list, words

RUST = Path(__file__).parents[1] / "rust"
TABLES = RUST / "html" / "src" / "extract"

# Chosen by cross-validation: larger models gain up to 0.01 in F1 and lose it again as the gap to their own data.
TOKEN_PAGES = 150  # a token must occur on that many pages
TOKEN_PENALTY = 100.0  # of squared weights, where a page counts 1
COLUMNS = 70  # the numbers that are used, by gain
TREES = 60
TREE = {
    "objective": "cross_entropy",
    "learning_rate": 0.15,
    "num_leaves": 8,
    "min_data_in_leaf": 3000,
    "lambda_l2": 20,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 2,
    "verbose": -1,
}
LEAST_PAGES = 20  # below every split on each side
BETA_SQUARED = 0.75  # as in the balanced profile
WORD_EXPONENT = 0.7  # a block of w words weighs w to this power, a page weighs 1


@dataclass
class Samples:
    """All blocks of all pages, in order."""

    pages: list[Page]
    page: NDArray[np.int64]  # of each block
    part: NDArray[np.int64]  # of each block
    words: NDArray[np.int64]
    texts: list[str]
    columns: list[str]
    features: NDArray[np.int32]
    tokens: list[str]
    path: NDArray[np.uint32]  # tokens on the way to each block, block after block; "|" ends an element
    bounds: NDArray[np.int64]  # of each block's part of `path`
    first: NDArray[np.int64]  # block of each page, and the end

    @property
    def weight(self) -> NDArray[np.float64]:
        """Weight of each block in training; pages weigh the same."""
        weight = np.maximum(self.words, 0.5) ** WORD_EXPONENT
        weight /= np.bincount(self.page, weight, len(self.pages))[self.page]
        return weight * (len(weight) / weight.sum())


def measure(folder: Path) -> Samples:
    """Cuts the pages into blocks with the native code."""
    listed = list(pages(folder))
    with tempfile.TemporaryDirectory() as scratch:
        files = []
        for number, page in enumerate(listed):
            files.append(Path(scratch, f"{number}.html"))
            files[-1].write_bytes(page.html)
        (empty := Path(scratch, "weights")).touch()
        run = [
            "cargo",
            "run",
            "--quiet",
            "--release",
            "--package",
            "curate-html",
            "--example",
            "samples",
            "--",
        ]
        subprocess.run([*run, empty, scratch, *files], cwd=RUST, check=True)
        read = lambda name, kind: np.fromfile(Path(scratch, name), dtype=kind)  # noqa: E731
        lines = lambda name: Path(scratch, name).read_text(encoding="utf-8").split("\n")  # noqa: E731
        rows = read("rows.u32", np.uint32).reshape(-1, 3).astype(np.int64)
        columns = lines("columns.txt")
        page = rows[:, 0]
        return Samples(
            pages=listed,
            page=page,
            part=np.array([item.part for item in listed])[page],
            words=rows[:, 1],
            texts=[text.replace("\\n", "\n").replace("\\\\", "\\") for text in lines("texts.txt")[:-1]],
            columns=columns,
            features=read("features.i32", np.int32).reshape(-1, len(columns)),
            tokens=lines("tokens.txt"),
            path=read("paths.u32", np.uint32),
            bounds=np.concatenate([[0], np.cumsum(rows[:, 2])]),
            first=np.searchsorted(page, np.arange(len(listed) + 1)),
        )


def labels(samples: Samples) -> NDArray[np.float32]:
    """The share of each block's words that belongs to the main content.

    By the longest common subsequence of the page's words and the annotation's. Annotators moved some passages: a
    block that occurs once and whose word triples occur in the annotation counts by them.
    """
    found = np.zeros(len(samples.page), np.float32)
    for number, page in enumerate(samples.pages):
        start, end = samples.first[number], samples.first[number + 1]
        ids: dict[str, int] = {}
        encode = lambda text, ids=ids: [  # noqa: E731
            ids.setdefault(word, len(ids)) for word in word_list(text)
        ]
        truth = encode(page.truth)
        blocks = [encode(text) for text in samples.texts[start:end]]
        owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
        hits = np.zeros(len(blocks))
        for step in LCSseq.opcodes([word for block in blocks for word in block], truth):
            if step.tag == "equal":
                np.add.at(hits, owner[step.src_start : step.src_end], 1)
        triples = set(zip(truth, truth[1:], truth[2:], strict=False))
        copies: dict[tuple[int, ...], int] = {}
        for block in blocks:
            copies[tuple(block)] = copies.get(tuple(block), 0) + 1
        for index, block in enumerate(blocks):
            share = hits[index] / max(len(block), 1)
            if len(block) >= 5 and copies[tuple(block)] == 1:
                own = list(zip(block, block[1:], block[2:], strict=False))
                share = max(share, sum(triple in triples for triple in own) / len(own))
            found[start + index] = share
    return found


class Tokens:
    """Regression on the names on the way to each block; blocks of a page with the same way are one row."""

    def __init__(self, samples: Samples, label: NDArray[np.float32]) -> None:
        """Groups the blocks."""
        self.samples = samples
        blocks = len(samples.page)
        self.separator = samples.tokens.index("|")
        self.row = np.repeat(np.arange(blocks), np.diff(samples.bounds))
        noise = np.random.default_rng(0).integers(0, 2**63, len(samples.tokens), dtype=np.uint64)
        key = samples.page.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        np.add.at(key, self.row, noise[samples.path])
        _, self.first, group = np.unique(key, return_index=True, return_inverse=True)
        weight = samples.weight
        self.weight = np.bincount(group, weight)
        self.label = np.bincount(group, weight * label) / self.weight
        self.part = samples.part[self.first]

    def fit(self, parts: tuple[int, ...]) -> NDArray[np.int64]:
        """One weight per token, in hundredths, from the pages of `parts`; 0 for rare tokens."""
        samples = self.samples
        on_pages = np.zeros(len(samples.tokens), np.int64)
        chosen = [number for number, page in enumerate(samples.pages) if page.part in parts]
        for number in chosen:
            start, end = samples.bounds[samples.first[number]], samples.bounds[samples.first[number + 1]]
            on_pages[np.unique(samples.path[start:end])] += 1
        frequent = on_pages >= TOKEN_PAGES
        frequent[self.separator] = False
        column = np.where(frequent, np.cumsum(frequent) - 1, -1)
        groups = np.flatnonzero(np.isin(self.part, parts))
        blocks = self.first[groups]
        ways = [samples.path[samples.bounds[block] : samples.bounds[block + 1]] for block in blocks]
        columns = column[np.concatenate(ways)]
        rows = np.repeat(np.arange(len(blocks)), [len(way) for way in ways])[columns >= 0]
        shape = (len(blocks), int(frequent.sum()))
        matrix = scipy.sparse.csr_matrix(
            (np.ones(len(rows), np.float32), (rows, columns[columns >= 0])), shape=shape
        )
        matrix.sum_duplicates()
        matrix.data = np.minimum(matrix.data, 2)
        label, weight = self.label[groups], self.weight[groups]
        weight = weight * (len(chosen) / weight.sum())

        def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            logit = matrix @ point[:-1] + point[-1]
            slope = weight * (1 / (1 + np.exp(-logit)) - label)
            penalty = TOKEN_PENALTY * point[:-1]
            value = weight @ (np.logaddexp(0, logit) - label * logit) + 0.5 * penalty @ point[:-1]
            return value, np.append(matrix.T @ slope + penalty, slope.sum())

        best = scipy.optimize.minimize(loss, np.zeros(shape[1] + 1), jac=True, method="L-BFGS-B")
        weights = np.zeros(len(samples.tokens))
        weights[frequent] = best.x[:-1]
        return np.round(100 * weights).astype(np.int64)

    def measure(self, weights: NDArray[np.int64]) -> NDArray[np.int32]:
        """Sum, lowest, highest and nearest evidence on the way to each block, as the native code has them."""
        samples = self.samples
        ends = np.flatnonzero(samples.path == self.separator)
        running = np.concatenate([[0], np.cumsum(weights[samples.path])])
        starts = np.concatenate([[0], ends[:-1] + 1])
        element, row = running[ends] - running[starts], self.row[ends]
        measured = np.zeros((len(samples.page), 4), np.int32)
        measured[:, 0] = running[samples.bounds[1:]] - running[samples.bounds[:-1]]
        np.minimum.at(measured[:, 1], row, element)
        np.maximum.at(measured[:, 2], row, element)
        measured[row[element != 0], 3] = element[element != 0]  # the innermost comes last
        return measured


PARTS = (0, 1, 2, 3)
PATH_COLUMNS = ("path.sum", "path.lowest", "path.highest", "path.nearest")


@dataclass
class Node:
    """A split, or a leaf where it has no children; values in ten-thousandths of a logit."""

    value: int
    column: str = ""
    limit: int = 0
    left: "Node | None" = None
    right: "Node | None" = None


class Fit:
    """Everything that is fitted, for any choice of parts."""

    def __init__(self, samples: Samples) -> None:
        """Labels the blocks."""
        self.samples = samples
        self.label = labels(samples)
        self.tokens = Tokens(samples, self.label)
        self.evidence: dict[tuple[int, ...], NDArray[np.int32]] = {}

    def _evidence(self, parts: tuple[int, ...]) -> NDArray[np.int32]:
        if parts not in self.evidence:
            self.evidence[parts] = self.tokens.measure(self.tokens.fit(parts))
        return self.evidence[parts]

    def features(self, parts: tuple[int, ...], *, train: bool) -> NDArray[np.int32]:
        """The numbers of all blocks: for training on `parts`, or as the tables fitted on `parts` will see them."""
        samples = self.samples
        evidence = self._evidence(parts).copy()
        if train:
            for part in parts:
                own = samples.part == part
                evidence[own] = self._evidence(tuple(other for other in parts if other != part))[own]
        features = samples.features.copy()
        for index, name in enumerate(PATH_COLUMNS):
            features[:, samples.columns.index(name)] = evidence[:, index]
        blocks = np.arange(len(samples.page))
        for name, offset in [(f"before{n}", -n) for n in (1, 2, 3)] + [(f"after{n}", n) for n in (1, 2, 3)]:
            other = np.clip(blocks + offset, 0, len(blocks) - 1)
            same = (other == blocks + offset) & (samples.page[other] == samples.page)
            features[:, samples.columns.index(f"{name}.path_sum")] = np.where(same, evidence[other, 0], -1)
        return features

    def gain(self, columns: list[str]) -> NDArray[np.float64]:
        """How much each column contributes to trees fitted on everything."""
        return self._boost(PARTS, columns)[0].feature_importance("gain")

    def _boost(
        self, parts: tuple[int, ...], columns: list[str]
    ) -> tuple[lightgbm.Booster, NDArray[np.int32], NDArray[np.bool_]]:
        samples = self.samples
        own = np.isin(samples.part, parts)
        features = self.features(parts, train=True)[:, [samples.columns.index(name) for name in columns]]
        weight = samples.weight[own]
        data = lightgbm.Dataset(features[own], self.label[own], weight=weight, feature_name=columns)
        return lightgbm.train(TREE, data, TREES), features, own

    def trees(self, parts: tuple[int, ...], columns: list[str]) -> list[Node]:
        """Trees from the blocks of `parts`; a split that would leave a side with few pages is undone."""
        booster, features, own = self._boost(parts, columns)
        page = self.samples.page

        def prune(node: dict[str, Any], blocks: NDArray[np.int64]) -> Node | None:
            if len(np.unique(page[blocks])) < LEAST_PAGES:
                return None
            if "leaf_value" in node:
                return Node(round(10_000 * node["leaf_value"]))
            limit = int(np.floor(node["threshold"]))
            left = features[blocks, node["split_feature"]] <= limit
            children = prune(node["left_child"], blocks[left]), prune(node["right_child"], blocks[~left])
            value = round(10_000 * node["internal_value"])
            if children[0] is None or children[1] is None:
                return Node(value)
            return Node(value, columns[node["split_feature"]], limit, children[0], children[1])

        blocks = np.flatnonzero(own)
        found = [prune(tree["tree_structure"], blocks) for tree in booster.dump_model()["tree_info"]]
        return [tree for tree in found if tree is not None]

    def judge(self, trees: list[Node], parts: tuple[int, ...]) -> NDArray[np.float64]:
        """How likely each block is content."""
        features = self.features(parts, train=False)
        logit = np.zeros(len(features))

        def walk(node: Node, blocks: NDArray[np.int64]) -> None:
            if node.left is None or node.right is None:
                logit[blocks] += node.value / 10_000
                return
            left = features[blocks, self.samples.columns.index(node.column)] <= node.limit
            walk(node.left, blocks[left])
            walk(node.right, blocks[~left])

        for tree in trees:
            walk(tree, np.arange(len(features)))
        return 1 / (1 + np.exp(-logit))

    def f1(self, chance: NDArray[np.float64]) -> NDArray[np.float64]:
        """F1 of each page, with the blocks of the highest expected F-measure."""
        samples, found = self.samples, []
        for number, page in enumerate(samples.pages):
            blocks = slice(samples.first[number], samples.first[number + 1])
            own, length = chance[blocks], samples.words[blocks]
            order = np.argsort(-own, kind="stable")
            shared, kept = np.cumsum((own * length)[order]), np.cumsum(length[order])
            expected = shared / (kept + BETA_SQUARED * (own * length).sum() + 1e-9)
            best = order[: int(np.argmax(expected)) + 1] if len(order) else []
            text = "\n".join(samples.texts[samples.first[number] + index] for index in best)
            found.append(score(words(text), words(page.truth))[2])
        return np.array(found)


def report(name: str, fit: Fit, found: NDArray[np.float64]) -> None:
    """Prints the mean F1, and that of each part and page type."""
    print(f"{name}: F1 {found.mean():.4f}")
    for key in ("part", "page_type"):
        groups: dict[str, list[float]] = {}
        for page, value in zip(fit.samples.pages, found, strict=True):
            groups.setdefault(str(getattr(page, key)), []).append(value)
        print("   ", ", ".join(f"{group} {np.mean(groups[group]):.3f}" for group in sorted(groups)))


def table(trees: list[Node]) -> str:
    """The trees as the native code reads them."""
    lines = ["# Written by benchmarks/fit_extraction.py from WCXB's development pages (CC-BY-4.0).\n"]
    for tree in trees:
        nodes: list[str] = []
        leaves: list[int] = []

        def walk(node: Node, nodes: list[str] = nodes, leaves: list[int] = leaves) -> int:
            if node.left is None or node.right is None:
                leaves.append(node.value)
                return -len(leaves)
            place = len(nodes)
            nodes.append("")
            left, right = walk(node.left), walk(node.right)
            nodes[place] = f"{node.column}:{node.limit}:{node.value}:{left}:{right}"
            return place

        walk(tree)
        lines.append(" ".join([*nodes, *map(str, leaves)]) + "\n")
    return "".join(lines)


def main() -> None:
    """Fits, reports, and writes the tables if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    fit = Fit(measure(arguments.folder))
    gain = fit.gain(fit.samples.columns)
    columns = [fit.samples.columns[index] for index in np.argsort(-gain, kind="stable")[:COLUMNS]]

    crossed = np.zeros(len(fit.samples.page))
    for part in PARTS:
        others = tuple(other for other in PARTS if other != part)
        own = fit.samples.part == part
        crossed[own] = fit.judge(fit.trees(others, columns), others)[own]
    trees = fit.trees(PARTS, columns)
    cross_validated, seen = fit.f1(crossed), fit.f1(fit.judge(trees, PARTS))
    report("cross-validated", fit, cross_validated)
    report("on its own data", fit, seen)
    print(f"difference {seen.mean() - cross_validated.mean():.4f}")

    if arguments.write:
        (TABLES / "model.txt").write_text(table(trees), encoding="utf-8")
        weights = fit.tokens.fit(PARTS)
        rows = sorted(
            (name, weight) for name, weight in zip(fit.samples.tokens, weights, strict=True) if weight
        )
        lines = ["token\tweight in hundredths of a logit; written by benchmarks/fit_extraction.py\n"]
        lines += [f"{name}\t{weight}\n" for name, weight in rows]
        (TABLES / "weights.tsv").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
