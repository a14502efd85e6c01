"""Reads what Prisme itself wrote, and the Go program that it follows: both know visits by their ids."""
