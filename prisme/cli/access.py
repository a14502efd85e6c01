"""`prisme user`, `token` and `share`: who may look at the figures, by whoever has the data folder; no server needed."""

import argparse
import getpass
import os
import pwd
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prisme.base.errors import InputError
from prisme.cli.parser import Parser
from prisme.runtime.config import Mistakes, load

if TYPE_CHECKING:
    from prisme.access.grants import Grant
    from prisme.store.control import Control

USERS = "add, change, remove and list those who may log in"
TOKENS = "make, remove and list API tokens, for programs"
SHARES = "make, remove and list share links, for anyone who has one"

_ABOUT_USER = """\
Who may log in. An admin may do everything; a viewer looks at the figures of some domains.
  prisme user add ada --role admin
  prisme user add bob --domain example.com --domain shop.example.com
The password is asked for, or, with --password-stdin, the first line of standard input.
A server that runs knows of each change at once.
"""
_ABOUT_KEYS = """\
Tokens for programs, as in `Authorization: Bearer TOKEN`. A token is shown once, when it is made.
  prisme token add nightly-report --domain example.com --expires 90d
"""
_ABOUT_SHARE = """\
Links that show the figures of one domain to whoever has them. A link is shown once, when it is made.
  prisme share add example.com --expires 30d --password-stdin
"""


def user(words: Sequence[str]) -> int:
    """`prisme user`."""
    parser, commands = _parser("user", _ABOUT_USER)
    add = _command(commands, "add", "make an account")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", choices=["admin", "viewer"], default="viewer", help="default: viewer")
    _add_domains(add, "a domain that a viewer sees, as often as needed")
    _add_password(add)
    passwd = _command(commands, "passwd", "change a password; all log-ins of the account end")
    passwd.add_argument("name", metavar="NAME")
    _add_password(passwd)
    _command(commands, "remove", "remove an account, its log-ins and its tokens").add_argument("name", metavar="NAME")
    _command(commands, "list", "list all accounts")
    return _run(parser, words, _do_user)


def token(words: Sequence[str]) -> int:
    """`prisme token`."""
    parser, commands = _parser("token", _ABOUT_KEYS)
    add = _command(commands, "add", "make a token, and print it")
    add.add_argument("name", metavar="NAME", help="what it is for")
    add.add_argument(
        "--scope",
        dest="scopes",
        action="append",
        choices=["stats", "admin"],
        help="what it may do: stats reads figures, admin changes who may; default: stats",
    )
    _add_domains(add, "a domain that it may see, as often as needed; default: all")
    _add_end(add)
    _add_removal(commands, "a token")
    return _run(parser, words, _do_token)


def share(words: Sequence[str]) -> int:
    """`prisme share`."""
    parser, commands = _parser("share", _ABOUT_SHARE)
    add = _command(commands, "add", "make a link, and print the part after your host")
    add.add_argument("domain", metavar="DOMAIN")
    _add_end(add)
    add.add_argument("--password-stdin", action="store_true", help="protect it with the first line of standard input")
    _add_removal(commands, "a link")
    return _run(parser, words, _do_share)


def _parser(name: str, about: str) -> tuple[argparse.ArgumentParser, "argparse._SubParsersAction[Parser]"]:
    parser = Parser(f"prisme {name}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    return parser, parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)


def _command(commands: "argparse._SubParsersAction[Parser]", name: str, help_: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help_, description=help_.capitalize() + ".")
    command.add_argument("--data-dir", metavar="FOLDER", help="the server's data folder; default: as `prisme serve`")
    return command


def _add_domains(command: argparse.ArgumentParser, help_: str) -> None:
    command.add_argument("--domain", dest="domains", action="append", metavar="DOMAIN", help=help_)


def _add_end(command: argparse.ArgumentParser) -> None:
    command.add_argument("--expires", metavar="WHEN", help="its end, such as 30d or 2027-01-31; default: none")


def _add_password(command: argparse.ArgumentParser) -> None:
    command.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def _add_removal(commands: "argparse._SubParsersAction[Parser]", what: str) -> None:
    _command(commands, "remove", f"remove {what}").add_argument("id", type=int, metavar="ID", help="as in the list")
    _command(commands, "list", "list all")


def _run(
    parser: argparse.ArgumentParser,
    words: Sequence[str],
    do: "Callable[[argparse.Namespace, Control, Grant, int], None]",
) -> int:
    """The exit code: 0 done, 1 it cannot be, 2 wrong usage."""
    flags = parser.parse_args(words)
    given = {} if flags.data_dir is None else {"--data-dir": flags.data_dir}
    try:
        config, _ = load(given, os.environ, Path())
    except Mistakes as mistakes:
        print("\n".join(["prisme: the configuration is wrong:", *mistakes.messages]), file=sys.stderr)
        return 2
    from prisme.access.grants import operator
    from prisme.store.control import Control
    from prisme.store.database import StoreError

    os.umask(0o077)
    try:
        if not config.data_dir.is_dir():
            raise ValueError(
                f"there is no data folder {config.data_dir}: name the server's with --data-dir, or start it first"
            )
        do(flags, Control(config.data_dir), operator(_system_user()), int(time.time()))
    except (InputError, ValueError, StoreError) as error:
        print(f"prisme: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nprisme: nothing was changed", file=sys.stderr)
        return 130
    return 0


def _do_user(flags: argparse.Namespace, control: "Control", by: "Grant", now: int) -> None:
    from prisme.access.accounts import Accounts

    accounts = Accounts(control)
    if flags.command == "add":
        # Before a password is asked for, what else may be wrong is said.
        accounts.check(flags.name, flags.role, tuple(flags.domains or ()))
        password = _read_password(flags.password_stdin)
        account = accounts.add(by, flags.name, flags.role, tuple(flags.domains or ()), password, now)
        print(f"{account.role} {account.name} may log in")
    elif flags.command == "passwd":
        accounts.set_password(by, flags.name, _read_password(flags.password_stdin), now)
        print(f"the password of {flags.name} is changed")
    elif flags.command == "remove":
        accounts.remove(by, flags.name, now)
        print(f"{flags.name} is removed")
    else:
        rows = [(one.name, one.role, " ".join(one.domains) or "all", _day(one.created)) for one in accounts.list()]
        _print_table(("name", "role", "domains", "made"), rows, "no accounts yet: `prisme user add NAME --role admin`")


def _do_token(flags: argparse.Namespace, control: "Control", by: "Grant", now: int) -> None:
    from prisme.access.tokens import Tokens
    from prisme.base import timexpr

    tokens = Tokens(control)
    if flags.command == "add":
        made, key = tokens.add(
            by,
            flags.name,
            now,
            scopes=flags.scopes or ("stats",),
            domains=None if flags.domains is None else tuple(flags.domains),
            expires=timexpr.read_end(flags.expires, now),
        )
        print(f"token {made.id}; it is shown this once:", file=sys.stderr)
        print(key)
    elif flags.command == "remove":
        tokens.remove(by, flags.id, now)
        print(f"token {flags.id} is removed")
    else:
        rows = [
            (
                str(one.id),
                one.name,
                one.account or "",
                " ".join(one.scopes),
                "all" if one.domains is None else " ".join(one.domains),
                _end(one.expires, now),
            )
            for one in tokens.list()
        ]
        _print_table(("id", "name", "of", "scopes", "domains", "ends"), rows, "no tokens yet: `prisme token add NAME`")


def _do_share(flags: argparse.Namespace, control: "Control", by: "Grant", now: int) -> None:
    from prisme.access.shares import Shares
    from prisme.base import timexpr

    shares = Shares(control)
    if flags.command == "add":
        password = _read_line() if flags.password_stdin else None
        made, key = shares.add(by, flags.domain, now, expires=timexpr.read_end(flags.expires, now), password=password)
        print(f"share link {made.id}, for {made.domain}; it is shown this once:", file=sys.stderr)
        print(f"/share?share={key}")
    elif flags.command == "remove":
        shares.remove(by, flags.id, now)
        print(f"share link {flags.id} is removed")
    else:
        rows = [
            (str(one.id), one.domain, "yes" if one.locked else "no", _end(one.expires, now)) for one in shares.list()
        ]
        _print_table(("id", "domain", "password", "ends"), rows, "no share links yet: `prisme share add DOMAIN`")


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return _read_line()
    if not sys.stdin.isatty():
        raise ValueError("there is no terminal to ask for the password: use --password-stdin")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise ValueError("the two passwords are not the same")
    return password


def _read_line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _system_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, a user may have a number alone
        return str(os.getuid())


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def _end(moment: int | None, now: int) -> str:
    return "never" if moment is None else f"{_day(moment)}{' (over)' if moment <= now else ''}"


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], empty: str) -> None:
    if not rows:
        print(empty, file=sys.stderr)
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
