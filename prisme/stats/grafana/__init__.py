"""A dashboard for Grafana with the figures of the stats API, as JSON to import."""
