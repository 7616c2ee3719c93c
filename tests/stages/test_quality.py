"""Signals, rule tables, C4 lines, sweeps."""

import pickle

import pyarrow as pa
import pytest

from curate.errors import PlanError
from curate.resweep import sweep
from curate.stages.quality import (
    LINE_SIGNAL_UNITS,
    SIGNAL_UNITS,
    C4Lines,
    Rules,
    TextStats,
    text_stats,
)
from curate.stages.rule_tables import C4, DCLM, FINEWEB, GOPHER_QUALITY, GOPHER_REPETITION, Rule, RuleTable

TABLES = [GOPHER_REPETITION, GOPHER_QUALITY, C4, FINEWEB, DCLM]


def batch_of(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch(
        {"id": [str(i) for i in range(len(texts))], "text": pa.array(texts, pa.large_string())}
    )


def reasons(table: RuleTable, *texts: str) -> list[str | None]:
    return Rules(table)(TextStats()(batch_of(*texts)).batch).reason.to_pylist()


def test_every_signal_has_a_unit() -> None:
    assert [field.name for field in text_stats([]).type] == list(SIGNAL_UNITS)
    with_lines = [field.name for field in text_stats([], lines=True).type]
    assert with_lines == [*SIGNAL_UNITS, *LINE_SIGNAL_UNITS]


def test_text_stats_takes_lists_and_arrays() -> None:
    texts = ["One two. Three!", None]
    stats = text_stats(texts)
    assert stats.equals(text_stats(pa.array(texts)))
    assert stats.equals(text_stats(pa.chunked_array([texts])))
    assert stats.null_count == 0
    assert stats.field("n_words_and_marks").to_pylist() == [5, 0]
    with pytest.raises(TypeError):
        text_stats("a text")


def test_the_stage_adds_what_it_declares() -> None:
    stage = TextStats("again")
    outcome = stage(batch_of("a text", "another"))
    assert outcome.batch.schema.field("signals").type == stage.adds.field("signals").type
    assert outcome.reason is None
    assert stage.name == "again"


def signals(**values: float) -> pa.RecordBatch:
    """One row of signals that breaks no published rule, but for the values given."""
    fine = {
        "n_chars": 1000,
        "n_words": 200,
        "mean_word_chars": 5,
        "alphabetic_word_ratio": 0.95,
        "stop_words": 5,
    }
    fine |= {"n_sentences": 9, "n_lines": 9, "terminal_punctuation_line_ratio": 0.9}
    row = {
        name: type(value)({**fine, **values}.get(name, 0))
        for name, value in text_stats(["a"], lines=True).to_pylist()[0].items()
    }
    return pa.record_batch({"id": ["0"], "signals": pa.array([row], text_stats([], lines=True).type)})


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_rule_has_a_limit_that_passes_and_a_neighbour_that_does_not(table: RuleTable) -> None:
    for rule in table:
        passes, fails = {">=": (0, -1e-9), "<=": (0, 1e-9), "==": (0, 1), ">": (1e-9, 0)}[rule.keep_if]
        if pa.types.is_integer(text_stats([], lines=True).type.field(rule.signal).type):
            fails = -1 if fails < 0 else 1
        only = RuleTable("only", (rule,))
        kept = Rules(only)(signals(**{rule.signal: rule.limit + passes}))
        dropped = Rules(only)(signals(**{rule.signal: rule.limit + fails}))
        assert kept.reason.to_pylist() == [None]
        assert kept.failed.to_pylist() == [[]]
        assert dropped.reason.to_pylist() == [rule.reason]
        assert dropped.failed.to_pylist() == [[rule.reason]]


def test_all_failures_are_recorded_in_the_order_of_the_table() -> None:
    outcome = Rules(GOPHER_QUALITY)(signals(n_words=3, stop_words=0, mean_word_chars=11))
    assert outcome.reason.to_pylist() == ["too_few_words"]
    assert outcome.failed.to_pylist() == [["too_few_words", "words_too_long", "too_few_stop_words"]]


def test_texts_that_break_rules() -> None:
    story = (
        "Every morning the baker walks to the mill. He carries flour home before anyone wakes. "
        "On market days his daughter comes along, and they talk of ships. Nobody in town has seen that many "
        "loaves. Rain or snow, there is bread on each table. People often ask what secret makes it rise."
    )
    assert reasons(GOPHER_REPETITION, "", "same words " * 50, story) == ["empty", "top_2gram", None]
    assert reasons(GOPHER_QUALITY, "short", "zzz " * 60, story) == [
        "too_few_words",
        "too_few_stop_words",
        None,
    ]
    assert reasons(
        C4,
        "Lorem Ipsum dolor",
        "if (a) { b }",
        "One. Two.",
        "One two. Three four! Five six? Seven eight. Nine ten.",
    ) == [
        "lorem_ipsum",
        "curly_bracket",
        "too_few_sentences",
        None,
    ]
    assert reasons(FINEWEB, " \n", "no stop", story) == ["no_lines", "unpunctuated_lines", None]


def test_a_slice_of_a_batch_decides_the_same() -> None:
    batch = TextStats()(batch_of("", "same words " * 50, "short")).batch
    whole = Rules(GOPHER_REPETITION)(batch)
    part = Rules(GOPHER_REPETITION)(batch.slice(1, 2))
    assert part.reason.to_pylist() == whole.reason.to_pylist()[1:]
    assert part.failed.to_pylist() == whole.failed.to_pylist()[1:]
    assert Rules(GOPHER_REPETITION)(batch.slice(0, 0)).reason.to_pylist() == []


def test_tables_combine_and_change() -> None:
    both = GOPHER_REPETITION | GOPHER_QUALITY
    assert both.name == "gopher_repetition_gopher_quality"
    assert len(both) == len(GOPHER_REPETITION) + len(GOPHER_QUALITY)
    assert len(both | GOPHER_QUALITY) == len(both)
    assert GOPHER_QUALITY.with_limits(too_few_words=2).rules[0].limit == 2
    assert both.without("empty").named("gopher").name == "gopher"
    with pytest.raises(PlanError, match="no rule `words`") as error:
        GOPHER_QUALITY.with_limits(words=3)
    assert "too_few_words" in (error.value.hint or "")
    with pytest.raises(PlanError, match="twice"):
        GOPHER_QUALITY | GOPHER_QUALITY.with_limits(too_few_words=2)
    with pytest.raises(PlanError, match="compares"):
        Rule("r", "n_chars", "!=", 1)  # type: ignore[arg-type]


def test_stages_declare_pickle_and_fingerprint() -> None:
    for stage in [TextStats(), Rules(C4), C4Lines(min_words=4)]:
        assert pickle.loads(pickle.dumps(stage)) == stage
        assert stage.identity()
    assert Rules(C4).name == "c4"
    assert set(Rules(C4).reasons) == {"lorem_ipsum", "curly_bracket", "too_few_sentences"}
    assert Rules(C4).identity() != Rules(C4.with_limits(too_few_sentences=4)).identity()


def test_an_unknown_or_missing_signal() -> None:
    with pytest.raises(PlanError, match="not measured") as error:
        Rules(RuleTable("t", (Rule("r", "n_cats", ">=", 1),)))(signals())
    assert "n_chars" in (error.value.hint or "")
    missing = pa.record_batch({"signals": pa.array([None], text_stats([]).type)})
    assert Rules(C4)(missing).reason.to_pylist() == ["lorem_ipsum"]


def test_a_missing_number_breaks_its_rule_whatever_its_type() -> None:
    for sign, holds in ((">=", 3), ("<=", 2), (">", 3), ("<", 2), ("==", 2)):
        rules = Rules(RuleTable("t", (Rule("r", "n", sign, 2 if sign in (">=", "<=", "==") else 2.5),)))
        for number in (pa.int64(), pa.int8(), pa.float64(), pa.float32()):
            numbers = pa.StructArray.from_arrays([pa.array([9, holds, None], number)], names=["n"])
            batch = pa.record_batch({"signals": numbers.slice(1)})
            assert rules(batch).reason.to_pylist() == [None, "r"], (sign, number)
        unknown = pa.StructArray.from_arrays([pa.nulls(2)], names=["n"])
        assert rules(pa.record_batch({"signals": unknown})).reason.to_pylist() == ["r", "r"]


def test_a_row_without_signals_breaks_every_rule_whatever_stands_below_it() -> None:
    missing = pa.array([False, True, True])
    numbers = pa.StructArray.from_arrays([pa.array([3.0, 3.0, 3.0])], names=["n"], mask=missing)
    rules = Rules(RuleTable("t", (Rule("r", "n", ">=", 2),)))
    assert rules(pa.record_batch({"signals": numbers})).reason.to_pylist() == [None, "r", "r"]
    assert rules(pa.record_batch({"signals": numbers.slice(1)})).reason.to_pylist() == ["r", "r"]


def test_c4_lines_edit_and_say_when_nothing_is_left() -> None:
    outcome = C4Lines()(batch_of("too short\nthis line stays[1]\nwe use cookies here", "too short", None))
    assert outcome.reason.to_pylist() == [None, "no_lines_left", "no_lines_left"]
    assert outcome.batch["text"].to_pylist() == ["this line stays", "too short", None]
    assert outcome.batch.schema.field("text").type == pa.large_string()
    assert C4Lines().invalidates == {"signals"}
    with pytest.raises(PlanError):
        C4Lines(min_words=-1)


def test_sweep_decides_again_from_stored_signals() -> None:
    measured = TextStats()(batch_of("One. Two.", "a { b", "")).batch
    stored = pa.Table.from_batches([measured]).append_column(
        "reason", pa.array(["too_few_sentences", "curly_bracket", None], pa.string())
    )
    unmeasured = stored.slice(0, 1).set_column(2, "signals", pa.nulls(1, text_stats([]).type))
    result = sweep(pa.concat_tables([stored, unmeasured]), C4.with_limits(too_few_sentences=2))
    assert (result.kept, result.without_signals) == (1, 1)
    assert dict(result.dropped) == {"lorem_ipsum": 0, "curly_bracket": 1, "too_few_sentences": 1}
    assert result.changed.to_pylist() == [
        {"id": "0", "reason": "too_few_sentences", "new_reason": None},
        {"id": "2", "reason": None, "new_reason": "too_few_sentences"},
    ]
    assert "kept 1" in str(result)
    with pytest.raises(PlanError, match="signals"):
        sweep(stored.drop_columns(["signals"]), C4)
    assert sweep([measured], C4).changed.num_rows == 3


def test_sweep_leaves_rows_to_the_stage_that_rejected_them() -> None:
    measured = TextStats()(batch_of("One. Two.", "a { b")).batch
    reasons = pa.array(["near_duplicate", "blocked_url"], pa.string())
    result = sweep(measured.append_column("reason", reasons), C4)
    assert (result.kept, result.of_others, result.changed.num_rows) == (0, 2, 0)


def test_stop_words_and_rules_by_language() -> None:
    texts = ["der die das und", "the and of to", "der die das und"]
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string()), "language": ["de", "en", None]})
    stage = TextStats(stop_words={"de": ["der", "die", "und"]})
    measured = stage(batch).batch
    assert measured["signals"].field("stop_words").to_pylist() == [3, 4, 0]
    assert stage.reads == {"text", "language"}
    assert pickle.loads(pickle.dumps(stage)) == stage
    few = RuleTable("few", (Rule("few_stop_words", "stop_words", ">=", 4),))
    rules = Rules(few, per_language={"de": few.with_limits(few_stop_words=3)})
    assert rules(measured).reason.to_pylist() == [None, None, "few_stop_words"]
    assert rules(measured).failed.to_pylist() == [[], [], ["few_stop_words"]]
    assert rules.identity() != Rules(few).identity()
    with pytest.raises(PlanError, match="`too_few_sentences`"):
        Rules(few, per_language={"de": C4.without("lorem_ipsum", "curly_bracket")})


def test_languages_without_a_table_of_their_own() -> None:
    table = RuleTable("length", (Rule("short", "n_words", ">=", 4), Rule("long", "n_words", "<=", 6)))
    own = {"de": table.with_limits(short=2), "*": table.without("short"), "en": table}
    rules = Rules(table, per_language=own)
    texts = ["a b c", "a b c", "a b c", "a b c", "a b c d e f g", "a b c d"]
    batch = batch_of(*texts).append_column("language", pa.array(["en", "de", "xx", None, "xx", "en"]))
    measured = TextStats()(batch).batch
    assert rules(measured).reason.to_pylist() == ["short", None, None, None, "long", None]
    assert rules(measured).failed.to_pylist() == [["short"], [], [], [], ["long"], []]
    assert rules(measured.slice(0, 0)).reason.to_pylist() == []
    assert [rules(measured.slice(row, 1)).reason[0].as_py() for row in range(6)] == rules(
        measured
    ).reason.to_pylist()
    assert rules.reasons["long"] == "not (n_words <= 6)"
    assert (
        rules.reasons["short"] == "not (n_words >= 4); own limits: de 2; not for languages other than de, en"
    )
    assert (
        rules.identity() != Rules(table, per_language={k: v for k, v in own.items() if k != "*"}).identity()
    )
    assert Rules(table, per_language={"de": table.without("long")}).reasons["long"].endswith("; not for de")


def test_other_limits_reach_the_languages_that_have_none_of_their_own() -> None:
    table = RuleTable("length", (Rule("short", "n_words", ">=", 4), Rule("long", "n_words", "<=", 6)))
    own = {"de": table.with_limits(short=2), "*": table.without("short")}
    tried = Rules(table, per_language=own).with_limits(short=3, long=9)
    assert tried.table == table.with_limits(short=3, long=9)
    limits = {language: {rule.reason: rule.limit for rule in own} for language, own in tried.per_language}
    assert limits == {"de": {"short": 2, "long": 9}, "*": {"long": 9}}
    with pytest.raises(PlanError, match="`width`"):
        Rules(table, per_language=own).with_limits(width=1)


def test_texts_that_break_rules_of_lines() -> None:
    prose = "The baker walks to the mill and carries flour home before anyone wakes. " * 3
    with_menu = prose + "\nHome\nABOUT US\n3 likes\n2024"
    measured = TextStats(lines=True)(batch_of(prose, with_menu, "walks mill flour")).batch
    line_rules = RuleTable("lines", tuple(r for r in DCLM if r.signal in LINE_SIGNAL_UNITS))
    assert Rules(line_rules)(measured).reason.to_pylist() == [
        None,
        "too_many_corrected_words",
        "too_few_stop_words",
    ]


def test_c4_lines_count_what_each_rule_drops() -> None:
    stage = C4Lines(counts="dropped_lines")
    out = stage(batch_of("too short\nthis line stays\nwe use cookies here", None)).batch
    assert out["dropped_lines"].to_pylist()[0] == {
        "long_word": 0,
        "no_terminal_punctuation": 0,
        "few_words": 1,
        "javascript": 0,
        "policy": 1,
    }
    assert out.schema.field("dropped_lines").type == stage.adds.field("dropped_lines").type


@pytest.mark.parametrize("texts", [pa.array([1, 2]), pa.array([b"x"]), pa.array([["x"]]), [b"x"], ["x", 1]])
def test_what_is_no_text_is_refused(texts: object) -> None:
    with pytest.raises(TypeError, match="expected texts"):
        text_stats(texts)


def test_texts_of_any_string_type_are_measured_alike() -> None:
    texts = pa.array(["One. Two.", None, "One. Two."])
    expected = text_stats(texts)
    for type_ in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        assert text_stats(texts.cast(type_)) == expected
        assert text_stats(pa.chunked_array([texts.cast(type_)[:1], texts.cast(type_)[1:]])) == expected
