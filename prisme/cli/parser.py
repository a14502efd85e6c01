"""Command lines that are wrong: what is, and where to read more."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """argparse's, without its two lines of usage before each mistake. It leaves with exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Say it, and leave."""
        self.exit(2, f"{self.prog}: {message}\n`{self.prog} --help` tells what may be written.\n")
