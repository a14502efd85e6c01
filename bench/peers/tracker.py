"""What is known of each program whose tracker can be imitated."""

import msgspec


class Tracker(msgspec.Struct, frozen=True):
    """`work` is the file of its requests, `site` what names the site in them.

    `loss` is the share of accepted pageviews that need not be stored, where all goes well, and `about` why.
    """

    work: str
    site: str
    loss: float
    about: str


_ALL = "stores all that it accepts, while it runs and at a clean stop"

TRACKERS = {
    "plausible": Tracker("plausible", "the site's domain", 0.0, _ALL),
    "umami": Tracker("umami", "the website's id", 0.0, _ALL),
    "goatcounter": Tracker("goatcounter", "not sent", 0.0, f"{_ALL}; what it ignores has a header and is not accepted"),
    # Its response is sent before the referrer, the site and the bot are looked at.
    "liwan": Tracker("liwan", "the entity's id", 0.0, f"{_ALL}, but for bots and spammers, which this load has not"),
    "medama": Tracker("medama", "not sent", 0.0, _ALL),
    "prisme-go": Tracker("prisme", "not sent", 0.0, _ALL),
    "prisme": Tracker("prisme", "not sent", 0.0, "stores all that it accepts, whatever happens"),
}
