"""Translations of MXNet's operators to ONNX, a module for every family."""
