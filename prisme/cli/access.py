"""`prisme user`, `token` and `share`: manage accounts, API tokens and share links, with or without a running server."""

import argparse
import getpass
import os
import pwd
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prisme.base.errors import InputError
from prisme.cli.operate import read_config
from prisme.cli.parser import Parser

if TYPE_CHECKING:
    from prisme.access.grants import Grant
    from prisme.runtime.config import Config
    from prisme.store.control import Control

USERS = "add, change, remove and list accounts"
TOKENS = "create, revoke and list API tokens"
SHARES = "create, revoke and list share links"

_ABOUT_USERS = """\
Manage accounts. An admin may do everything; a viewer may see the figures of some domains.
  prisme user add ada --role admin
  prisme user add bob --domain example.com --domain shop.example.com
You are prompted for the password; with --password-stdin, it is the first line of standard
input. Changes take effect at once, also in a running server.
"""
_ABOUT_TOKENS = """\
Manage API tokens, which programs send as `Authorization: Bearer TOKEN`. A token is only
shown when it is created.
  prisme token add nightly-report --domain example.com --expires 90d
"""
_ABOUT_SHARES = """\
Manage share links. Anyone who has the link can see the figures of its domain. A link is only
shown when it is created.
  prisme share add example.com --expires 30d --password-stdin
  prisme share add '*.example.com'
"""


def user(words: Sequence[str]) -> int:
    """`prisme user`."""
    return run(make_user_parser(), words, _do_user)


def make_user_parser() -> argparse.ArgumentParser:
    """The parser of `prisme user`."""
    parser, commands = make_parser("user", _ABOUT_USERS)
    add = add_command(commands, "add", "create an account")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", choices=["admin", "viewer"], default="viewer", help="default: viewer")
    _add_domains(add, "a domain that a viewer may see, or *.example.com for all its subdomains; may be repeated")
    _add_password(add)
    passwd = add_command(commands, "passwd", "change a password, log the account out everywhere, and revoke its tokens")
    passwd.add_argument("name", metavar="NAME")
    passwd.add_argument("--keep-tokens", action="store_true", help="do not revoke its API tokens")
    _add_password(passwd)
    add_command(commands, "remove", "remove an account with its log-ins and tokens").add_argument(
        "name", metavar="NAME"
    )
    add_command(commands, "list", "list all accounts")
    return parser


def token(words: Sequence[str]) -> int:
    """`prisme token`."""
    return run(make_token_parser(), words, _do_token)


def make_token_parser() -> argparse.ArgumentParser:
    """The parser of `prisme token`."""
    parser, commands = make_parser("token", _ABOUT_TOKENS)
    add = add_command(commands, "add", "create a token and print it")
    add.add_argument("name", metavar="NAME", help="a name that says what the token is for")
    add.add_argument(
        "--scope",
        dest="scopes",
        action="append",
        choices=["stats", "annotate", "query", "sites", "admin"],
        help="stats: read figures; annotate: add annotations to charts; query: read all tables with SQL; "
        "sites: read the list of sites, for ingestion nodes; admin: manage accounts, tokens and share links; "
        "may be repeated; default: stats",
    )
    _add_domains(add, "a domain that the token may see, or *.example.com; may be repeated; default: all")
    _add_expiry(add)
    _add_remove_and_list(commands, "token")
    return parser


def share(words: Sequence[str]) -> int:
    """`prisme share`."""
    return run(make_share_parser(), words, _do_share)


def make_share_parser() -> argparse.ArgumentParser:
    """The parser of `prisme share`."""
    parser, commands = make_parser("share", _ABOUT_SHARES)
    add = add_command(commands, "add", "create a link and print its path, which follows your host")
    add.add_argument("domain", metavar="DOMAIN")
    _add_expiry(add)
    add.add_argument(
        "--password-stdin",
        action="store_true",
        help="protect the link with a password, the first line of standard input",
    )
    _add_remove_and_list(commands, "link")
    return parser


def make_parser(name: str, about: str) -> tuple[argparse.ArgumentParser, "argparse._SubParsersAction[Parser]"]:
    """The parser of a command with commands of its own."""
    parser = Parser(f"prisme {name}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    return parser, parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)


def add_command(commands: "argparse._SubParsersAction[Parser]", name: str, help_: str) -> argparse.ArgumentParser:
    """Add one command, which has `--data-dir`."""
    command = commands.add_parser(name, help=help_, description=help_.capitalize() + ".")
    command.add_argument(
        "--data-dir", metavar="FOLDER", help="the data folder of the server; default: the same as for `prisme serve`"
    )
    return command


def _add_domains(command: argparse.ArgumentParser, help_: str) -> None:
    command.add_argument("--domain", dest="domains", action="append", metavar="DOMAIN", help=help_)


def _add_expiry(command: argparse.ArgumentParser) -> None:
    command.add_argument("--expires", metavar="WHEN", help="when it expires, such as 30d or 2027-01-31; default: never")


def _add_password(command: argparse.ArgumentParser) -> None:
    command.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def _add_remove_and_list(commands: "argparse._SubParsersAction[Parser]", noun: str) -> None:
    remove = add_command(commands, "remove", f"revoke a {noun}")
    remove.add_argument("id", type=int, metavar="ID", help=f"the {noun}'s id, as in the list")
    add_command(commands, "list", f"list all {noun}s")


def run(
    parser: argparse.ArgumentParser,
    words: Sequence[str],
    do: "Callable[[argparse.Namespace, Control, Grant, int, Config], None]",
) -> int:
    """The exit code: 0 success, 1 failure, 2 wrong usage or configuration, 130 after Ctrl-C."""
    flags = parser.parse_args(words)
    config = read_config(flags)
    from prisme.access.grants import operator
    from prisme.store.control import Control
    from prisme.store.errors import StoreError

    os.umask(0o077)
    try:
        if not config.data_dir.is_dir():
            raise InputError(
                f"there is no data folder {config.data_dir}: set the server's with --data-dir, or start it first"
            )
        do(flags, Control(config.data_dir), operator(system_user()), int(time.time()), config)
    except (InputError, ValueError, StoreError) as error:  # ValueError: bytes that are not UTF-8
        print(f"prisme: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nprisme: nothing was changed", file=sys.stderr)
        return 130
    return 0


def _do_user(flags: argparse.Namespace, control: "Control", by: "Grant", now: int, _: "Config") -> None:
    from prisme.access.accounts import Accounts

    accounts = Accounts(control)
    if flags.command == "add":
        # Report other errors before the password prompt.
        accounts.check(flags.name, flags.role, tuple(flags.domains or ()))
        password = _read_password(flags.password_stdin)
        account = accounts.add(by, flags.name, flags.role, tuple(flags.domains or ()), password, now)
        print(f"created {account.role} {account.name}")
    elif flags.command == "passwd":
        password = _read_password(flags.password_stdin)
        ended = accounts.set_password(by, flags.name, password, now, keep_tokens=flags.keep_tokens)
        print(f"changed the password of {flags.name}{f', and revoked its tokens ({ended})' if ended else ''}")
    elif flags.command == "remove":
        accounts.remove(by, flags.name, now)
        print(f"removed {flags.name}")
    else:
        rows = [(one.name, one.role, " ".join(one.domains) or "all", show_day(one.created)) for one in accounts.list()]
        print_table(
            ("name", "role", "domains", "created"),
            rows,
            "no accounts yet: create one with `prisme user add NAME --role admin`",
        )


def _do_token(flags: argparse.Namespace, control: "Control", by: "Grant", now: int, _: "Config") -> None:
    from prisme.access.tokens import Tokens
    from prisme.base import timexpr

    tokens = Tokens(control)
    if flags.command == "add":
        created, key = tokens.add(
            by,
            flags.name,
            now,
            scopes=flags.scopes or ("stats",),
            domains=None if flags.domains is None else tuple(flags.domains),
            expires=timexpr.read_end(flags.expires, now),
        )
        print(f"created token {created.id}; it will not be shown again:", file=sys.stderr)
        print(key)
    elif flags.command == "remove":
        tokens.remove(by, flags.id, now)
        print(f"revoked token {flags.id}")
    else:
        rows = [
            (
                str(one.id),
                one.name,
                one.account or "",
                " ".join(one.scopes),
                "all" if one.domains is None else " ".join(one.domains),
                _expiry(one.expires, now),
            )
            for one in tokens.list()
        ]
        print_table(
            ("id", "name", "account", "scopes", "domains", "expires"),
            rows,
            "no tokens yet: create one with `prisme token add NAME`",
        )


def _do_share(flags: argparse.Namespace, control: "Control", by: "Grant", now: int, config: "Config") -> None:
    from prisme.access.shares import Shares
    from prisme.base import timexpr

    shares = Shares(control)
    if flags.command == "add":
        password = _read_line() if flags.password_stdin else None
        created, key = shares.add(
            by, flags.domain, now, expires=timexpr.read_end(flags.expires, now), password=password
        )
        print(f"created share link {created.id} for {created.domain}; it will not be shown again:", file=sys.stderr)
        print(f"{config.base_path}/share?share={key}")
    elif flags.command == "remove":
        shares.remove(by, flags.id, now)
        print(f"revoked share link {flags.id}")
    else:
        rows = [
            (
                str(one.id),
                one.domain,
                "yes" if one.locked else "no",
                _expiry(one.expires, now),
                f"{one.creator}{' (removed)' if one.orphaned else ''}",
            )
            for one in shares.list()
        ]
        print_table(
            ("id", "domain", "password", "expires", "created by"),
            rows,
            "no share links yet: create one with `prisme share add DOMAIN`",
        )


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return _read_line()
    if not sys.stdin.isatty():
        raise InputError("there is no terminal to ask for the password: use --password-stdin")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Repeat the password: ") != password:
        raise InputError("the two passwords do not match: try again")
    return password


def _read_line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def system_user() -> str:
    """The name of the user that runs the command."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, a user may have a number but no name
        return str(os.getuid())


def show_day(moment: int) -> str:
    """The day of a time in Unix seconds, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def _expiry(moment: int | None, now: int) -> str:
    return "never" if moment is None else f"{show_day(moment)}{' (expired)' if moment <= now else ''}"


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], empty: str) -> None:
    """Print rows in columns; without rows, `empty` on standard error."""
    if not rows:
        print(empty, file=sys.stderr)
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
