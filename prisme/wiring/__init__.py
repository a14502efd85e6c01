"""Builds the parts of a server: what records events, and what shows figures. `prisme/serve.py` puts them together."""
