"""Data curation and tokenization for language-model pre-training: the public names, and nothing else."""

from curate.budget import budget
from curate.classifier_training import ClassifierReport, train_classifier
from curate.contamination_report import ContaminationReport
from curate.errors import CurateError, OutputError, PlanError
from curate.io.common_crawl import read_common_crawl
from curate.io.documents import read_documents, read_rejects
from curate.io.exports import export_tokens, import_tokens
from curate.io.files import read_jsonl, read_parquet
from curate.io.mixture import Component, TokenMixture, annealing
from curate.io.output import write_documents, write_tokens
from curate.io.pack import pack_tokens
from curate.io.token_dataset import TokenDataset
from curate.io.warc import read_warc
from curate.language_rules import LanguageRules
from curate.pipeline import Pipeline
from curate.report import Report
from curate.resweep import sweep
from curate.run.decide import apply
from curate.run.driver import run
from curate.run.local import Local
from curate.run.ray import Ray
from curate.run.remove import remove
from curate.run.verify import verify
from curate.sample import write_sample
from curate.stage import Barrier, Outcome, Round, Stage, per_document
from curate.stages.chat import CHATML, PLAIN, ChatTemplate, RenderChat, TokenizeChat
from curate.stages.classifier import QualityClassifier
from curate.stages.contamination import Decontaminate
from curate.stages.contamination_definitions import CONTAMINATION_DEFINITIONS, ContaminationDefinition
from curate.stages.exact_dedup import ExactDedup
from curate.stages.extract import ExtractText, extract_text, extract_texts, page_metadata
from curate.stages.language import Language, detect_language, detect_languages, detect_script
from curate.stages.near_dedup import NearDedup, minhash_signatures, write_near_index
from curate.stages.optout import OptOut
from curate.stages.pii import PIIAudit, ScrubPII, audit_pii, find_pii, scrub_pii
from curate.stages.quality import C4Lines, Rules, TextStats, text_stats
from curate.stages.rule_tables import C4, DCLM, FINEWEB, GOPHER_QUALITY, GOPHER_REPETITION, Rule, RuleTable
from curate.stages.segment_dedup import SegmentDedup
from curate.stages.substring_dedup import SubstringDedup
from curate.stages.survivors import Highest, Preferred
from curate.stages.tokenize import Tokenize, TrainTokenizer
from curate.stages.url import UrlFilter, normalize_url, registered_domain
from curate.stages.word_list import WordList
from curate.tokenizer import SUPERWORD_PATTERN, PieceCounts, Tokenizer

__all__ = [
    "C4",
    "CHATML",
    "CONTAMINATION_DEFINITIONS",
    "DCLM",
    "FINEWEB",
    "GOPHER_QUALITY",
    "GOPHER_REPETITION",
    "PLAIN",
    "SUPERWORD_PATTERN",
    "Barrier",
    "C4Lines",
    "ChatTemplate",
    "ClassifierReport",
    "Component",
    "ContaminationDefinition",
    "ContaminationReport",
    "CurateError",
    "Decontaminate",
    "ExactDedup",
    "ExtractText",
    "Highest",
    "Language",
    "LanguageRules",
    "Local",
    "NearDedup",
    "OptOut",
    "Outcome",
    "OutputError",
    "PIIAudit",
    "PieceCounts",
    "Pipeline",
    "PlanError",
    "Preferred",
    "QualityClassifier",
    "Ray",
    "RenderChat",
    "Report",
    "Round",
    "Rule",
    "RuleTable",
    "Rules",
    "ScrubPII",
    "SegmentDedup",
    "Stage",
    "SubstringDedup",
    "TextStats",
    "TokenDataset",
    "TokenMixture",
    "Tokenize",
    "TokenizeChat",
    "Tokenizer",
    "TrainTokenizer",
    "UrlFilter",
    "WordList",
    "annealing",
    "apply",
    "audit_pii",
    "budget",
    "detect_language",
    "detect_languages",
    "detect_script",
    "export_tokens",
    "extract_text",
    "extract_texts",
    "find_pii",
    "import_tokens",
    "minhash_signatures",
    "normalize_url",
    "pack_tokens",
    "page_metadata",
    "per_document",
    "read_common_crawl",
    "read_documents",
    "read_jsonl",
    "read_parquet",
    "read_rejects",
    "read_warc",
    "registered_domain",
    "remove",
    "run",
    "scrub_pii",
    "sweep",
    "text_stats",
    "train_classifier",
    "verify",
    "write_documents",
    "write_near_index",
    "write_sample",
    "write_tokens",
]
