"""Judging a model on labelled pictures: metrics, and a report for people and programs."""

from belvedere.evaluation.judging import evaluate
from belvedere.evaluation.report import Report

__all__ = ["Report", "evaluate"]
