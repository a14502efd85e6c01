"""What an option is, and its names as a flag, in the environment and in the file."""

from typing import NamedTuple

from prisme.runtime.option_type import OptionType

_LONGEST_DEFAULT = 80


class Option(NamedTuple):
    """One option. `default` is written as in the file; `alias` is a second name; `unset` is logged if it is not set.

    With `reloads`, a change is applied on SIGHUP; every other one needs a restart.
    """

    group: str
    name: str
    type: OptionType
    default: str | int | bool
    help: str
    alias: str = ""
    unset: str = ""
    reloads: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, and its second name if it has one."""
        return (self.name, self.alias) if self.alias else (self.name,)

    @property
    def about(self) -> str:
        """The help, and whether a change needs a restart."""
        return f"{self.help} A change is applied on SIGHUP." if self.reloads else self.help

    @property
    def short_default(self) -> str:
        """The default for a line of help: for a long list, the number of its entries."""
        text = str(self.default)
        if len(text) > _LONGEST_DEFAULT:
            return f"{text.count(',') + 1} entries, listed by prisme default-config"
        return text.lower() if isinstance(self.default, bool) else text or "empty"


def flag(name: str) -> str:
    """The name of an option on the command line."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The name of an option in the environment."""
    return "PRISME_" + name.upper()


def key(name: str) -> str:
    """The name of an option in the file."""
    return name
