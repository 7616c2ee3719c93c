//! Finding, validating and replacing personal data and secrets in text.
