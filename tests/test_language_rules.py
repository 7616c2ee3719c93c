"""Rules of single languages: the packaged data, files, derivation, and what the stages make of them."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import curate as cu
from curate.errors import CurateError, PlanError
from curate.language_rules import PIECE_CHARS, LanguageRules, OneLanguage, derive
from curate.stages.language import load_model


def words(text, count):
    """So many words of a text, over and over, in lines of ten."""
    found = (text.split() * count)[:count]
    return lines_of(found, count)


def shuffled(text, count, seed=1):
    """So many words of a text in any order, each about as often, in lines of ten."""
    return lines_of(np.random.default_rng(seed).choice(text.split(), count).tolist(), count)


def lines_of(found, count):
    return "\n".join(" ".join(found[start : start + 10]) for start in range(0, count, 10))


def test_the_package_carries_rules_of_languages_that_the_model_knows():
    rules = LanguageRules.load()
    assert set(rules.languages) >= {"ar", "de", "fr", "hi", "ja", "ru", "zh", "no", "sh", "tl"}
    assert set(rules.languages) <= set(load_model("lid.176").labels)
    assert "en" not in rules.languages  # the published tables are English
    for label, one in rules.languages.items():
        assert len(one.stop_words) >= 8, label
        assert len(set(one.stop_words)) == len(one.stop_words), label
        assert all(word == word.lower() and not word.isspace() for word in one.stop_words), label
        assert one.source, label
    # rules about words were made for spaces between them
    assert all("words_too_short" in rules.languages[label].limits for label in ("zh", "ja"))
    assert {"der", "die", "und", "in"} <= set(rules.stop_words["de"])
    assert {"de", "la", "et", "le"} <= set(rules.stop_words["fr"])
    assert {"и", "в", "не"} <= set(rules.stop_words["ru"])
    assert {"の", "は", "を"} <= set(rules.stop_words["ja"])
    assert "absatz" not in rules.stop_words["de"]  # laws alone would make it one
    assert {"și", "şi"} <= set(rules.stop_words["ro"])
    # names, what stands on the pages of one site, and what damage leaves of a word
    for label, word in [("es", "ms"), ("it", "marino"), ("ms", "lagu"), ("ms", "download"), ("th", "า")]:
        assert word not in rules.stop_words[label]


def test_files_keep_what_they_are_given(tmp_path):
    odd = OneLanguage('a "source"\\ with\ttabs', ("dé", 'q"'), {"words_too_long": 12.5}, 0.7)
    LanguageRules({"xx": odd, "yy": OneLanguage("z")}).save(tmp_path)
    again = LanguageRules.load(tmp_path)
    assert dict(again.languages) == {"xx": odd, "yy": OneLanguage("z")}
    assert again.min_scores == {"xx": 0.7}
    assert again.stop_words == {"xx": ("dé", 'q"')}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("source = ", "Invalid value"),
        ("\xff", "utf-8"),
        ("", "no `source`"),
        ("limits = 1", "no `source`"),
        ("source = 1", "no text"),
        ('source = "x"\nstopwords = []', "`stopwords` is unknown"),
        ('source = "x"\nstop_words = "der die"', "no list"),
        ('source = "x"\nstop_words = [1]', "1 is no stop word"),
        ('source = "x"\nstop_words = ["Der"]', "'Der' is no stop word"),
        ('source = "x"\nstop_words = ["et al"]', "'et al' is no stop word"),
        ('source = "x"\nmin_score = "0.5"', "min_score='0.5'"),
        ('source = "x"\nmin_score = 5', "min_score=5"),
        ('source = "x"\nlimits = [1]', "no table"),
        ('source = "x"\n[limits]\nwords_too_long = "12"', "`words_too_long` is '12'"),
        ('source = "x"\n[limits]\nwords_too_long = nan', "`words_too_long` is nan"),
        ('source = "x"\n[limits]\nwords_too_long = true', "`words_too_long` is True"),
    ],
)
def test_broken_files_are_refused(content, fault, tmp_path):
    (tmp_path / "xx.toml").write_text(content, encoding="latin-1")
    with pytest.raises(CurateError, match=rf"xx\.toml: .*{fault}") as error:
        LanguageRules.load(tmp_path)
    assert error.value.hint


def test_folders_without_rules_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder `.*none`"):
        LanguageRules.load(tmp_path / "none")
    with pytest.raises(CurateError, match=r"no LABEL\.toml"):
        LanguageRules.load(tmp_path)


def test_limits_are_of_published_rules():
    with pytest.raises(PlanError, match="no_such_rule"):
        OneLanguage("x", limits={"no_such_rule": 1.0})
    with pytest.raises(CurateError, match="no_such_rule"):
        derive([["text"]], ["text"], source="x", rules={"no_such_rule": "quantile"})
    with pytest.raises(CurateError, match="unknown method"):
        derive([["text"]], ["text"], source="x", rules={"words_too_long": "mean"})


def test_tables_have_the_limits_of_their_rules_alone():
    rules = LanguageRules({"xx": OneLanguage("x", (), {"words_too_long": 15.0, "top_2gram": 0.3})})
    (quality,) = rules.tables(cu.GOPHER_QUALITY).values()
    assert quality == cu.GOPHER_QUALITY.with_limits(words_too_long=15.0)
    assert set(rules.tables(cu.GOPHER_REPETITION)) == {"xx"}
    assert rules.tables(cu.FINEWEB) == {}
    assert cu.Rules(cu.GOPHER_QUALITY, per_language=rules.tables(cu.GOPHER_QUALITY))


def test_languages_without_stop_words_are_not_judged_by_english_ones():
    limited = OneLanguage("x", (), {"words_too_long": 15.0})
    rules = LanguageRules({"de": OneLanguage("x", ("der", "die")), "xx": limited})
    tables = rules.tables(cu.GOPHER_QUALITY)
    without = cu.GOPHER_QUALITY.without("too_few_stop_words")
    assert tables["*"] == without
    assert tables["xx"] == without.with_limits(words_too_long=15.0)
    assert tables["de"] == tables["en"] == cu.GOPHER_QUALITY
    assert rules.tables(cu.DCLM)["*"] == cu.DCLM.without("too_few_stop_words")
    assert rules.tables(cu.FINEWEB) == {}
    assert "*" not in LanguageRules({"xx": limited}).tables(cu.GOPHER_QUALITY)

    stop_words = {"de": "der die", "en": "the of", "gl": "unha casa"}
    texts = {label: shuffled("casinha monte rueiro " * 5 + some, 200) for label, some in stop_words.items()}
    batch = pa.record_batch({"text": [*texts.values(), texts["gl"]], "language": [*texts, "en"]})
    measured = cu.TextStats(stop_words=rules.stop_words)(batch).batch
    stage = cu.Rules(cu.GOPHER_QUALITY, per_language=tables)
    assert stage(measured).reason.to_pylist() == [None, None, None, "too_few_stop_words"]
    assert "; not for xx; not for languages other than de, en, " in stage.reasons["too_few_stop_words"]


def test_words_in_names_and_phrases_are_no_stop_words():
    function_words = "di e il la in a che per del un"
    text = shuffled(function_words + " San-Marino", 4000).replace("San-Marino", "San Marino")
    found = set(derive([[text]], [], source="x", rules={}).stop_words)
    assert found == set(function_words.split())
    kept_out = derive([[text]], [], source="x", rules={}, not_stop_words={"che"})
    assert set(kept_out.stop_words) == found - {"che"}


def test_rare_words_are_added_until_they_cover_enough():
    rare = " ".join(f"w{'abcdefghijklmnopqrst'[n // 20]}{'abcdefghijklmnopqrst'[n % 20]}" for n in range(400))
    words = derive([[shuffled(rare, 20_000, seed) for seed in range(4)]], [], source="x", rules={}).stop_words
    assert len(words) == 50  # of 0.25 % each
    frequent = shuffled(f"{rare} {'und die der ' * 40}", 20_000)
    assert len(derive([[frequent]], [], source="x", rules={}).stop_words) == 8


def test_stop_words_are_frequent_in_every_corpus():
    corpora = [
        [shuffled("der Absatz die und ein von zu mit am sich", 2000), "English" * 3],
        [shuffled("und der von die ein zu am mit sich Haus", 1000)],
    ]
    one = derive(corpora, [], source="x", rules={})
    assert set(one.stop_words) == {"der", "die", "und", "ein", "von", "zu", "mit", "am", "sich"}
    # Latin words do not become Russian ones; rare words fill up to eight
    text = shuffled("и в не на что с по он " * 3 + "раз два три" + " the" * 9, 2000)
    assert set(derive([[text]], [], source="x", rules={}).stop_words) >= {"и", "в", "не", "на", "что", "с"}
    assert "the" not in derive([[text]], [], source="x", rules={}).stop_words
    assert len(derive([["eins zwei " * 5]], [], source="x", rules={}).stop_words) == 2
    with pytest.raises(CurateError, match="without words"):
        derive([["123 ..."]], [], source="x", rules={})


def corpus(lengths, seed):
    """Pages of words with these mean lengths."""
    chooser = np.random.default_rng(seed)
    sizes = (np.maximum(1, chooser.poisson(mean, PIECE_CHARS // (int(mean) + 1))) for mean in lengths)
    return [
        words(" ".join("abcdefghijklmnopqrstuvwxyz"[:size] for size in page), len(page)) for page in sizes
    ]


def test_limits_stand_where_the_english_ones_stand():
    chooser = np.random.default_rng(1)
    english, long = corpus(chooser.normal(4.5, 0.5, 200), 2), corpus(chooser.normal(9, 1.0, 200), 3)
    rules = {"words_too_long": "mean_std", "words_too_short": "mean_std"}
    limits = derive([long], english, source="x", rules=rules).limits
    there, here = (cu.text_stats(pages).field("mean_word_chars").to_numpy() for pages in (english, long))
    for reason, published in (("words_too_long", 10), ("words_too_short", 3)):
        deviations = (published - there.mean()) / there.std()
        assert limits[reason] == pytest.approx(here.mean() + deviations * here.std(), rel=0.02)
    ratio = derive([long], english, source="x", rules={"words_too_long": "median_ratio"}).limits
    assert ratio["words_too_long"] == pytest.approx(10 * np.median(here) / np.median(there), rel=0.01)
    both = {"words_too_long": "median_ratio", "words_too_short": "median_ratio"}
    assert set(derive([long], english, source="x", rules=both, only_loosen=True).limits) == {"words_too_long"}
    assert set(derive([english], long, source="x", rules=both, only_loosen=True).limits) == {
        "words_too_short"
    }
    # a limit that cuts so many English pages cuts as many here
    short = corpus(chooser.normal(3.2, 0.4, 300), 4)
    limits = derive([long], short, source="x", rules={"words_too_short": "quantile"}).limits
    share = (cu.text_stats(short).field("mean_word_chars").to_numpy() < 3).mean()
    assert 0.2 < share < 0.4
    assert (here < limits["words_too_short"]).mean() == pytest.approx(share, abs=0.1)
    with pytest.raises(CurateError, match="long enough"):
        derive([["kurz"]], english, source="x")


def test_the_limit_of_identification_is_clipped():
    german = "Der Hund schläft heute den ganzen Tag unter dem Tisch und möchte nicht gestört werden.\n" * 60
    one = derive([[german]], [], source="x", rules={}, min_score_of="de")
    assert one.min_score == 0.9
    with pytest.raises(CurateError, match="`fr`"):
        derive([[german]], [], source="x", rules={}, min_score_of="fr")


def test_real_texts_are_judged_by_their_own_rules(data_dir):
    zstandard = pytest.importorskip("zstandard")
    rules = LanguageRules.load()
    texts = []
    for name in ("ja-aozora", "de-gesetze", "fr-eltec"):
        with zstandard.open(data_dir / "text" / f"{name}.jsonl.zst", "rt", encoding="utf-8") as lines:
            pages = [json.loads(line)["text"][8000 : 8000 + PIECE_CHARS] for line in lines]
        texts += [page for page in pages if len(page) == PIECE_CHARS][:40]
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    batch = cu.Language(min_score=0)(batch).batch

    def kept(stop_words, per_language):
        measured = cu.TextStats(stop_words=stop_words)(batch).batch
        reason = cu.Rules(cu.GOPHER_QUALITY, per_language=per_language)(measured).reason
        kept = batch["language"].filter(pc.is_null(reason)).to_pylist()
        return [kept.count(label) for label in ("ja", "de", "fr")]

    english, own = kept({}, {}), kept(rules.stop_words, rules.tables(cu.GOPHER_QUALITY))
    pages = [batch["language"].to_pylist().count(label) for label in ("ja", "de", "fr")]
    assert english[0] == english[2] == 0  # no English stop word, and Japanese words are short
    assert all(many >= 0.6 * of for many, of in zip(own, pages, strict=True)), (english, own, pages)


def test_sentences_that_no_limit_was_derived_from_pass(data_dir):
    from benchmarks.derive_languages import CORPORA, held_out, labels

    assert data_dir.is_dir()
    judged = {label: held_out(label) for label in labels() if label not in CORPORA}
    assert set(judged) == set(LanguageRules.load().languages) - set(CORPORA)
    assert {label: told for label, told in judged.items() if told[2] < 0.75 * told[0]} == {}
    assert all(judged[label][1] < 0.6 * judged[label][0] for label in ("zh", "kk", "la", "lt", "be"))


def test_the_command_derives_from_files(tmp_path):
    rows = [
        {"id": str(n), "lang": lang, "text": shuffled(text, 900)}
        for n, (lang, text) in enumerate(
            [("en", "the cat and the dog of a house that have to be with it")] * 3
            + [("de", "der Hund und die Katze von einem Haus das mit ihm ist zu sein")] * 3
        )
    ]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-m", "curate", "languages", "derive", "de", "--text", "texts.jsonl"]
    command += ["--column", "lang", "--reference", "texts.jsonl", "--source", "this test", "--out", "rules"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    one = LanguageRules.load(tmp_path / "rules").languages["de"]
    assert one.source == "this test"
    assert {"der", "und", "die"} <= set(one.stop_words)
    assert set(one.limits) == {"words_too_short", "words_too_long", "too_few_alphabetic_words"}


def test_the_main_recipe_takes_them(tmp_path):
    from pipelines import fineweb_like

    rules = LanguageRules(
        {"de": OneLanguage("x", ("der",), {"words_too_long": 15.0, "short_lines": 0.8}, 0.7)}
    )
    rules.save(tmp_path)
    (tmp_path / "a.warc").touch()
    recipe = fineweb_like.pipeline(str(tmp_path / "a.warc"), "out", language="any", own_rules=str(tmp_path))
    stages = {stage.name: stage for stage in recipe.stages}
    assert stages["language"].min_scores == (("de", 0.7),)
    assert (
        stages["text_stats"].stop_words
        == stages["text_stats_of_kept_lines"].stop_words
        == (("de", ("der",)),)
    )
    assert dict(stages["gopher_quality"].per_language)["de"] == cu.GOPHER_QUALITY.with_limits(
        words_too_long=15.0
    )
    assert dict(stages["fineweb"].per_language)["de"] == cu.FINEWEB.with_limits(short_lines=0.8)
    assert stages["gopher_repetition"].per_language == stages["c4"].per_language == ()
    plain = fineweb_like.pipeline(str(tmp_path / "a.warc"), "out")
    assert not any(
        getattr(stage, "per_language", ()) or getattr(stage, "stop_words", ()) for stage in plain.stages
    )
