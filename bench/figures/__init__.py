"""The speed of the figures: what a dashboard of a year's pageviews takes, alone and while events come in."""
