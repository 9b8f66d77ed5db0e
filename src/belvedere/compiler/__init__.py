"""Bring a model from any of the frameworks and make one artifact of it."""
