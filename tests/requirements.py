"""What a test needs of the machine beside Python: without it the test is skipped, or fails where `CI` is true."""

import os
import shutil
from typing import NoReturn

import pytest


def need(program: str, package: str) -> str:
    """The path of a program, which Debian has in `package`."""
    return shutil.which(program) or miss(f"{program} is missing: apt-get install {package}")


def miss(reason: str) -> NoReturn:
    """End the test for want of something; `reason` says of what, and how to get it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
