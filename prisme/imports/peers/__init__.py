"""Readers of what other analytics programs export, or of their databases: GoatCounter, Umami, Medama and Liwan."""
