"""Data curation and tokenization for language-model pre-training."""
