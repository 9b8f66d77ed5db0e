"""Post-training quantisation to int8."""
