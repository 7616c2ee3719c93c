"""The FineWeb recipe, from WARC files to Arrow token shards.

Penedo et al. 2024, arXiv 2406.17557, with the thresholds that its published code uses. What differs on purpose:
the language is explicit, near duplicates are verified before one is removed, evaluation sets are taken out, and
every rejected page is kept with its reason.

    python -m curate pipelines/fineweb_like.py input='crawl/*.warc.gz' output=out/

Without `input` it runs on a small crawl that the package generates.
"""

import curate as cu


def pipeline(
    input: str | None = None,  # noqa: A002 - the name users type
    output: str = "out",
    language: str = "en",
    own_rules: str = "",
    engine: str = "native",
    profile: str | None = None,
    evals: str | None = None,
    eval_fields: str = "question,choices,answer",
    lists: str | None = None,
    blocked_domains: str = "",
    pii: str = "fineweb",
    tokenizer: str | None = None,
    vocab_size: int | None = None,
    tokenizer_sample: float = 1.0,
    valid_share: float = 0.01,
    by_language: bool = False,
    honour_opt_out: bool = True,
    keep_work: bool = False,
) -> cu.Pipeline:
    """WARC, rules, dedup, decontamination, PII, tokens. Where several are possible, commas stand between them.

    Args:
        input: globs or URLs of WARC, ARC or WET files.
        output: the folder to write to.
        language: labels to keep, or "any" for every language.
        own_rules: "packaged", or a folder that `python -m curate languages derive` wrote: each language has
            its stop words and limits, as in FineWeb-2, and one without is not judged by stop words; otherwise all
            have the English ones.
        engine: "native", "trafilatura" or "resiliparse".
        profile: "precision" (what FineWeb used, the default with trafilatura), "balanced" (the default otherwise)
            or "recall"; resiliparse has "balanced" alone.
        evals: evaluation sets to keep out: JSONL, Parquet or Arrow files, or folders of them.
        eval_fields: their columns that make up an item's text.
        lists: folder of URL lists, such as `python -m curate assets ut1` writes; else a small built-in one.
        blocked_domains: further domains to leave out.
        pii: what becomes of personal data: a policy of `ScrubPII`.
        tokenizer: a tokenizer.json; else one is trained on what is kept.
        vocab_size: size of the trained vocabulary; 32,768, on the sample crawl 4,096.
        tokenizer_sample: share of documents, by hash of the id, that the tokenizer is trained on.
        valid_share: share of documents in the valid split.
        by_language: one token dataset per language.
        honour_opt_out: leave out pages whose robots or TDM declarations forbid training.
        keep_work: keep what lies between the phases, so that `--restart` with more input or another late stage
            reads only what is new.
    """
    if tokenizer and (vocab_size or tokenizer_sample != 1):
        raise cu.PlanError(
            "`vocab_size` and `tokenizer_sample` are of a tokenizer to train, and `tokenizer` gives one",
            hint="leave out the one or the other",
        )
    blocked = listed(blocked_domains)
    if input is None:
        sample = cu.write_sample("data/sample")
        input, evals = f"{sample.folder}/*.warc*", evals or f"{sample.folder}/evals.jsonl"  # noqa: A001
        vocab_size, blocked = vocab_size or 4096, sample.blocked_domains
    rules = cu.LanguageRules({})
    if own_rules:
        rules = cu.LanguageRules.load(None if own_rules == "packaged" else own_rules)
    profile = profile or ("precision" if engine == "trafilatura" else "balanced")
    trained = cu.TrainTokenizer(vocab_size=vocab_size or 32_768, sample=tokenizer_sample)
    return cu.Pipeline(
        read=cu.read_warc(listed(input)),
        stages=[
            cu.UrlFilter(lists=lists, domains=blocked),
            *([cu.OptOut()] if honour_opt_out else []),
            cu.ExtractText(engine=engine, profile=profile),
            cu.Language(
                keep=None if language == "any" else frozenset(listed(language)),
                min_score=0.65,
                min_scores=rules.min_scores,
            ),
            cu.TextStats(stop_words=rules.stop_words),
            cu.Rules(cu.GOPHER_REPETITION, per_language=rules.tables(cu.GOPHER_REPETITION)),
            cu.Rules(cu.GOPHER_QUALITY, per_language=rules.tables(cu.GOPHER_QUALITY)),
            cu.C4Lines(),
            cu.TextStats(label="text_stats_of_kept_lines", stop_words=rules.stop_words),
            cu.Rules(cu.C4, per_language=rules.tables(cu.C4)),
            cu.Rules(cu.FINEWEB, per_language=rules.tables(cu.FINEWEB)),
            *([cu.Decontaminate(listed(evals), fields=listed(eval_fields))] if evals else []),
            cu.ExactDedup(),
            cu.NearDedup(ngram=5, bands=14, rows=8, seed=1, min_jaccard=0.75),
            cu.ScrubPII(policy=pii),
            cu.TextStats(label="text_stats_of_scrubbed"),
            cu.Tokenize(tokenizer or trained),
        ],
        write=cu.write_tokens(output, valid_share=valid_share, by_language=by_language, keep_work=keep_work),
    )


def listed(words: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(word.strip() for word in words.split(",") if word.strip())
