"""Post-training data: conversations and preference pairs as text, then as ids with a loss mask.

Rendered, a conversation is one text with role markers between the turns, so that every stage that reads or edits texts
(language, dedup, PII, contamination) works on it; markers cannot be forged from within a message. A preference pair
is a conversation that ends in two answers, in the roles `chosen` and `rejected`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from curate.errors import PlanError
from curate.schema import INPUT_IDS, LOSS_MASK, TEXT
from curate.stage import Outcome, Stage, set_column
from curate.tokenizer import END_OF_TEXT, Tokenizer

CHOSEN, REJECTED, ASSISTANT = "chosen", "rejected", "assistant"
_PAIR_MARKERS = {CHOSEN: "<|chosen|>", REJECTED: "<|rejected|>"}

Turns = list[tuple[str, str]]


@dataclass(frozen=True)
class ChatTemplate:
    """How turns are written.

    Attributes:
        name: for people.
        roles: (role, text before a message, text after it). What stands before is unlike all messages: a message
            that holds it is rejected.
        special_tokens: parts of these texts that are special tokens of the tokenizer.
    """

    name: str
    roles: tuple[tuple[str, str, str], ...]
    special_tokens: tuple[str, ...] = ()

    def before(self, role: str) -> str:
        """The text before a message of this role."""
        return next(before for name, before, _ in self.roles if name == role)

    def after(self, role: str) -> str:
        """The text after a message of this role."""
        return next(after for name, _, after in self.roles if name == role)

    @property
    def known(self) -> frozenset[str]:
        """The roles."""
        return frozenset(name for name, _, _ in self.roles)


#: the markup of OpenAI's ChatML: two special tokens and the role's name
CHATML = ChatTemplate(
    "chatml",
    tuple((role, f"<|im_start|>{role}\n", "<|im_end|>\n") for role in ("system", "user", ASSISTANT, "tool")),
    ("<|im_start|>", "<|im_end|>"),
)
#: headings in plain words, for a tokenizer that has no special token but the delimiter
PLAIN = ChatTemplate(
    "plain",
    (
        ("system", "### System:\n", "\n\n"),
        ("user", "### User:\n", "\n\n"),
        (ASSISTANT, "### Assistant:\n", END_OF_TEXT),
    ),
    (END_OF_TEXT,),
)

_MESSAGE_REASONS = {
    "bad_messages": "no list of messages with a known role and text",
    "no_answer": "no message of the assistant to learn from, or an empty one at the end",
    "marker_in_message": "a message holds a marker of the template",
}


@dataclass(frozen=True)
class RenderChat(Stage):
    """Replaces `text`, the JSON of a record, by the conversation in it.

    The record is `{"messages": [{"role": ..., "content": ...}, ...]}`, or a preference pair
    `{"prompt": ..., "chosen": ..., "rejected": ...}` whose prompt is a text or messages, and whose answers are
    texts or lists of one message. `read_jsonl(text=None)` reads such files.

    Attributes:
        template: how turns are written.
        pairs: records are preference pairs.
    """

    template: ChatTemplate = CHATML
    pairs: bool = False

    @property
    def name(self) -> str:
        """`render_chat`."""
        return "render_chat"

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def invalidates(self) -> frozenset[str]:
        """What was computed from the JSON."""
        return frozenset({"signals", "language", "language_score"})

    @property
    def adds(self) -> pa.Schema:
        """The text, rendered."""
        return pa.schema([pa.field(TEXT, pa.large_string())])

    @property
    def reasons(self) -> Mapping[str, str]:
        """What a conversation can lack."""
        return _MESSAGE_REASONS

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """The same rows, rendered; those with a reason keep their text."""
        texts, reasons = [], []
        for text in batch[TEXT].to_pylist():
            turns = _turns(text, self.pairs)
            reason = _fault(turns, self.template, self.pairs)
            reasons.append(reason)
            texts.append(text if reason else render(turns or [], self.template))
        return Outcome(
            set_column(batch, TEXT, pa.array(texts, pa.large_string())), pa.array(reasons, pa.string())
        )


@dataclass(frozen=True)
class TokenizeChat(Stage):
    """Adds `input_ids` and `loss_mask`: true on what the assistant says, and on what ends its turn.

    Role markers are encoded with the template's special tokens, messages without any: a message cannot spell a
    control token. A preference pair becomes one row: the prompt and the chosen answer, then the prompt again and the
    rejected one; the mask is true on the two answers alone, so its two runs tell where each sequence ends.

    Attributes:
        tokenizer: path or URL of a `tokenizer.json`.
        template: the one that rendered the texts.
        eos_token: ends every sequence.
        max_tokens: a longer row is rejected; None = no limit.
    """

    tokenizer: str
    template: ChatTemplate = CHATML
    eos_token: str = END_OF_TEXT
    max_tokens: int | None = None

    @property
    def name(self) -> str:
        """`tokenize_chat`."""
        return "tokenize_chat"

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        """`input_ids` (uint16 where every id fits, else uint32) and `loss_mask`.

        Raises:
            FileNotFoundError: no such file.
            PlanError: the tokenizer lacks a special token of the template, or the delimiter.
        """
        _ = self._markers
        ids = self._loaded.id_type
        return pa.schema([pa.field(INPUT_IDS, pa.list_(ids)), pa.field(LOSS_MASK, pa.list_(pa.bool_()))])

    @property
    def reasons(self) -> Mapping[str, str]:
        """What a rendered text can lack after other stages edited it."""
        return {
            "broken_chat": "the role markers are not those of the template",
            "too_many_tokens": "more tokens than max_tokens",
        }

    def identity(self) -> dict[str, Any]:
        """The tokenizer by its content, wherever it lies."""
        return super().identity() | {"tokenizer": {"sha256": self._loaded.fingerprint}}

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """`tokenizer/tokenizer.json`."""
        del verdicts
        return {"tokenizer/tokenizer.json": self._loaded.to_bytes()}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """The rows with ids and masks; those with a reason have empty ones."""
        parsed = [parse(text or "", self.template) for text in batch[TEXT].to_pylist()]
        messages = [message for turns in parsed for _, message in turns or []]
        encoded = self._loaded.encode_batch(pa.array(messages, pa.large_string()))
        offsets = encoded.offsets.to_numpy()
        values = encoded.values.to_numpy()
        rows: list[tuple[Any, Any]] = []
        reasons: list[str | None] = []
        at = 0
        for turns in parsed:
            pieces = [values[offsets[at + k] : offsets[at + k + 1]] for k in range(len(turns or []))]
            at += len(pieces)
            ids, mask = self._row(turns, pieces) if turns else ([], [])
            too_long = self.max_tokens is not None and len(ids) > self.max_tokens
            reasons.append(None if turns and not too_long else "too_many_tokens" if turns else "broken_chat")
            rows.append(([], []) if reasons[-1] else (ids, mask))
        ends = np.cumsum([0, *(len(ids) for ids, _ in rows)]).astype(np.int32)
        flat_ids = np.concatenate([np.asarray(ids, np.int64) for ids, _ in rows] or [np.empty(0, np.int64)])
        flat_mask = np.concatenate([np.asarray(m, np.bool_) for _, m in rows] or [np.empty(0, np.bool_)])
        starts = pa.array(ends)
        ids_column = pa.ListArray.from_arrays(starts, pa.array(flat_ids).cast(self._loaded.id_type))
        mask_column = pa.ListArray.from_arrays(starts, pa.array(flat_mask, pa.bool_()))
        batch = set_column(set_column(batch, INPUT_IDS, ids_column), LOSS_MASK, mask_column)
        return Outcome(batch, pa.array(reasons, pa.string()))

    def _row(self, turns: Turns, pieces: Sequence[Any]) -> tuple[Any, Any]:
        pair = turns[-1][0] == REJECTED
        last = len(turns) - 1
        sequences = [[*range(last)], [*range(last - 1), last]] if pair else [[*range(last + 1)]]
        ids: list[Any] = []
        mask: list[Any] = []

        def put(part: Any, learned: bool) -> None:
            ids.append(np.asarray(part, np.int64))
            mask.append(np.full(len(part), learned))

        for sequence in sequences:
            for k in sequence:
                role = ASSISTANT if turns[k][0] in _PAIR_MARKERS else turns[k][0]
                learned = k >= last - 1 if pair else role == ASSISTANT
                before, after = self._markers[role]
                put(before, False)
                put(pieces[k], learned)
                put(after, learned)
            if not len(ids[-1]) or ids[-1][-1] != self._eos_id:
                put([self._eos_id], pair or turns[sequence[-1]][0] == ASSISTANT)
        return np.concatenate(ids), np.concatenate(mask)

    @cached_property
    def _loaded(self) -> Tokenizer:
        return Tokenizer.load(self.tokenizer)

    @cached_property
    def _eos_id(self) -> int:
        found = self._loaded.special_tokens.get(self.eos_token)
        if found is None:
            raise PlanError(
                f"the tokenizer has no special token `{self.eos_token}`",
                hint="choose eos_token among its special tokens",
            )
        return found

    @cached_property
    def _markers(self) -> dict[str, tuple[Any, Any]]:
        _ = self._eos_id
        missing = [
            token for token in self.template.special_tokens if token not in self._loaded.special_tokens
        ]
        if missing:
            raise PlanError(
                f"the tokenizer has no special token `{missing[0]}`, which the template "
                f"{self.template.name!r} needs",
                hint="train one with it among special_tokens, or use the template PLAIN",
            )
        allowed = self.template.special_tokens

        def ids(text: str) -> Any:
            return self._loaded.encode(text, allowed_special=allowed)

        return {role: (ids(before), ids(after)) for role, before, after in self.template.roles}


def render(turns: Sequence[tuple[str, str]], template: ChatTemplate = CHATML) -> str:
    """Turns as one text; the roles `chosen` and `rejected` are answers of the assistant."""
    parts = []
    for role, message in turns:
        spoken = ASSISTANT if role in _PAIR_MARKERS else role
        marker = _PAIR_MARKERS.get(role, template.before(spoken))
        parts.append(marker + message + template.after(spoken))
    return "".join(parts)


def parse(text: str, template: ChatTemplate = CHATML) -> Turns | None:
    """The turns of a rendered text; None if its markers are not those of the template."""
    markers = {template.before(role): role for role in template.known} | {
        marker: role for role, marker in _PAIR_MARKERS.items()
    }
    pattern = "|".join(re.escape(marker) for marker in sorted(markers, key=len, reverse=True))
    found = list(re.finditer(pattern, text))
    if not found or found[0].start() != 0:
        return None
    turns = []
    for match, end in pairwise([*((m, m.start()) for m in found), (None, len(text))]):
        assert match[0] is not None
        role = markers[match[0].group()]
        after = template.after(ASSISTANT if role in _PAIR_MARKERS else role)
        body = text[match[0].end() : end[1]]
        if not body.endswith(after):
            return None
        turns.append((role, body[: len(body) - len(after)]))
    roles = [role for role, _ in turns]
    if any(role in _PAIR_MARKERS for role in roles) and (
        len(roles) < 3 or roles[-2:] != [CHOSEN, REJECTED] or set(roles[:-2]) & set(_PAIR_MARKERS)
    ):
        return None
    return turns


def _turns(text: str | None, pairs: bool) -> Turns | None:
    """The turns that a record's JSON names; None if it is none."""
    try:
        record = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    if not pairs:
        return _messages(record.get("messages"))
    prompt = record.get("prompt")
    turns = _messages([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt)
    answers = []
    for role in (CHOSEN, REJECTED):
        answer = record.get(role)
        if not isinstance(answer, str):
            told = _messages(answer)
            if told is None or len(told) != 1 or told[0][0] != ASSISTANT:
                return None
            answer = told[0][1]
        if not _is_unicode(answer):
            return None
        answers.append((role, answer))
    return None if turns is None else [*turns, *answers]


def _messages(value: Any) -> Turns | None:
    if not isinstance(value, list) or not value:
        return None
    turns = []
    for message in value:
        if not isinstance(message, dict):
            return None
        role, content = message.get("role"), message.get("content")
        if not isinstance(role, str) or not isinstance(content, str) or not _is_unicode(content):
            return None
        turns.append((role, content))
    return turns


def _fault(turns: Turns | None, template: ChatTemplate, pairs: bool) -> str | None:
    spoken = [role for role, _ in turns or []]
    answers = spoken[-2:] if pairs else []
    if not turns or not set(spoken) - set(answers) <= template.known or (pairs and len(turns) < 3):
        return "bad_messages"
    learned = [message for role, message in turns if role == ASSISTANT or role in answers]
    if (pairs and not all(message.strip() for message in learned[-2:])) or not any(
        message.strip() for message in learned
    ):
        return "no_answer"
    markers = [template.before(role) for role in template.known] + list(_PAIR_MARKERS.values())
    if any(marker in message for _, message in turns for marker in markers):
        return "marker_in_message"
    return None


def _is_unicode(text: str) -> bool:
    """JSON can spell half a surrogate pair, which no text has."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
