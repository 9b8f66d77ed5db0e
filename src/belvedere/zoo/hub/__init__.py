"""Checkpoints of the Hugging Face hub as artifacts: fetched, loaded through transformers, compiled by our compiler."""
