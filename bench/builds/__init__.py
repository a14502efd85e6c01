"""Two builds of Prisme side by side: their rates, memory, start, disk and dashboards, in turns in one run."""
