"""Holding the finished artifact against the network it was made from."""
