"""Judging a model on labelled pictures: metrics, and a report for people and programs."""

from belvedere.evaluation.dispatch import evaluate
from belvedere.evaluation.report import Report
from belvedere.evaluation.task_report import TaskReport

__all__ = ["Report", "TaskReport", "evaluate"]
