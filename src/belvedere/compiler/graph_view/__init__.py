"""A picture of a network: its nodes grouped, laid out, and drawn as SVG."""
