"""Caches of figures: counts that stay valid while events come in, responses of the last second, and the list of sites.

All are made of `lru.LruCache`, which documents how they lock and evict.
"""
