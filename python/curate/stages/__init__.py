"""Stages and barriers, one room each; none imports another."""
