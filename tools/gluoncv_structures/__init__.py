"""Structures of GluonCV networks, written once with GluonCV installed."""
