"""The bench: Prisme against a bare callable on the same server, in the same minutes, with the same load."""
