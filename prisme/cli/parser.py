"""The argument parser of all commands, with short error messages."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """argparse's parser, without the usage lines before an error."""

    def error(self, message: str) -> NoReturn:
        """Print the message, and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n`{self.prog} --help` shows the usage.\n")
