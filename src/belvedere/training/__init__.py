"""Trainers: from labelled pictures to an artifact."""
