"""The dashboard's content: what the templates in `assets/pages/` show, from the figures of `stats`. No HTTP."""
