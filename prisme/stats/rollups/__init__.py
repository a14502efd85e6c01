"""Rollups (`store/rollups.py`): how their units are made, and figures of them."""
