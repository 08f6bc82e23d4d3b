"""Bytes and arrays: the .gsdd file. Knows nothing of models. FORMAT.md is the specification."""
