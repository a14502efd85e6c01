"""Reads what other programs recorded: their exports, their databases, and the logs of web servers.

A reader gives items: visits where the source knows them, requests from which visits are made by the rule of visits,
or figures of days where that is all the source has. Everything else is counted with its reason.
"""
