"""Goals and a funnel for the demo's visits."""

from pathlib import Path
from typing import Final

from prisme.access.goals import GoalList
from prisme.access.grants import operator
from prisme.base.goals import EVENT, PAGE, Funnel, Goal
from prisme.demo.traffic import SHOP, SITE
from prisme.store.control import Control

GOALS: Final = (
    Goal(0, SITE, "Pricing", PAGE, "/pricing"),
    Goal(0, SITE, "Sign-up form", PAGE, "/sign-up"),
    Goal(0, SITE, "Sign-up", EVENT, "sign_up"),
    Goal(0, SITE, "Sign-up for pro", EVENT, "sign_up", "plan", "pro", "seats"),
    Goal(0, SHOP, "Order", EVENT, "order", sum_property="items"),
)
FUNNELS: Final = (Funnel(0, SITE, "Registration", ("Pricing", "Sign-up form", "Sign-up")),)


def define_goals(folder: Path, now: int) -> None:
    """Store them in a data directory; `now` is in Unix seconds."""
    listed, by = GoalList(Control(folder)), operator("demo")
    for goal in GOALS:
        listed.save_goal(by, goal, now)
    for funnel in FUNNELS:
        listed.save_funnel(by, funnel, now)
