"""Readers of what other programs export as sums of days only: Plausible, Matomo and GA4.

A file has a table, or several, in CSV: for each day, the counts of the values of some dimensions. They are named as
Prisme names them, and summed up, before they are given.
"""
