"""Flags, variables and the file: which one wins, which names they may have, and where the file is found."""

from pathlib import Path

import msgspec
import pytest

from prisme.runtime.config import ConfigError, load
from prisme.runtime.options import OPTIONS, REMOVED
from tests.runtime.settings import DEFAULTS, MACHINE, mistakes, read


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    flags = {"--port": "3"}
    environ = {"PRISME_PORT": "2", "PRISME_PROXY_HOPS": "2"}
    file = "port = 1\nproxy_hops = 1\nduckdb_threads = 1"
    config = read(tmp_path, flags, environ, file)
    assert (config.port, config.proxy_hops, config.duckdb_threads, config.eventstore_max_batch_size) == (3, 2, 1, 65536)


def test_a_value_that_another_overrides_is_not_looked_at(tmp_path: Path) -> None:
    assert read(tmp_path, {"--port": "80"}, {"PRISME_PORT": "tcp://10.0.0.1:80"}, 'port = "no"').port == 80


def test_all_mistakes_come_together_with_their_sources(tmp_path: Path) -> None:
    def check(origins: tuple[str, ...]) -> None:
        raise ValueError(f"{origins[0]} will not do")

    (tmp_path / "prisme.toml").write_text('eventstore_fsync = "yes"\nprot = 1')
    with pytest.raises(ConfigError) as caught:
        load(
            {"--port": "x", "--prot": "1"}, {"PRISME_DEBUG": "x"}, tmp_path, MACHINE, {"origins": check}
        )  # fmt: skip
    assert caught.value.messages == [
        "flag --prot is unknown; did you mean --port?",
        "origins (default): localhost will not do",
        "port (flag --port): 'x' is not a port from 1 to 65535",
        "debug (environment PRISME_DEBUG): 'x' is not true or false",
        "eventstore_fsync (file prisme.toml key eventstore_fsync): 'yes' is not one of always, interval, never",
    ]
    assert caught.value.notices[0] == "file prisme.toml key prot is unknown; did you mean port? (ignored)"


@pytest.mark.parametrize(
    ("environ", "file", "sentence"),
    [
        ({"PRISME_PROT": "1"}, "", "environment PRISME_PROT is unknown; did you mean PRISME_PORT?"),
        ({"PRISME_DATADIR": "1"}, "", "environment PRISME_DATADIR is unknown; did you mean PRISME_DATA_DIR?"),
        ({"PRISME_CONFG": "1"}, "", "environment PRISME_CONFG is unknown; did you mean PRISME_CONFIG?"),
        ({"PRISME_Port": "1"}, "", "environment PRISME_Port is unknown; did you mean PRISME_PORT?"),
        ({"PRISME_XYZZY": "1"}, "", "environment PRISME_XYZZY is unknown"),
        ({}, "data-dir = 'x'", "file prisme.toml key data-dir is unknown; did you mean data_dir?"),
        ({}, "orgins = 'x'", "file prisme.toml key orgins is unknown; did you mean origins?"),
        ({}, "[server]\nport = 1", "file prisme.toml key server is a table, but options belong at the top level: "
         "move them above the first table"),
    ],
)  # fmt: skip
def test_unknown_names_are_warnings(tmp_path: Path, environ: dict[str, str], file: str, sentence: str) -> None:
    (tmp_path / "prisme.toml").write_text(file)
    config, notices = load({"--origins": "a.example"}, environ, tmp_path, MACHINE)
    assert notices == [f"{sentence} (ignored)"]
    assert config.port == 8000


@pytest.mark.parametrize(
    ("flags", "environ", "file", "place"),
    [
        ({"--api-events-timeout": "3s"}, {}, "", "flag --api-events-timeout"),
        ({}, {"PRISME_API_EVENTS_TIMEOUT": "nonsense"}, "", "environment PRISME_API_EVENTS_TIMEOUT"),
        ({}, {}, "api_events_timeout = 3", "file prisme.toml key api_events_timeout"),
    ],
    ids=["flag", "environment", "file"],
)
def test_options_that_are_gone_change_nothing(
    tmp_path: Path, flags: dict[str, str], environ: dict[str, str], file: str, place: str
) -> None:
    (tmp_path / "prisme.toml").write_text(file)
    config, notices = load(flags | {"--origins": "a.example"}, environ, tmp_path, MACHINE)
    assert notices == [f"{place} has no effect: events no longer wait for their pageview; remove it"]
    assert config == msgspec.structs.replace(DEFAULTS, origins=("a.example",))


def test_options_that_are_gone_are_in_no_table() -> None:
    assert not set(REMOVED) & {name for option in OPTIONS for name in option.names}


def test_variables_of_others_are_none_of_our_business(tmp_path: Path) -> None:
    assert load({"--origins": "a.example"}, {"PORT": "1", "HOME": "/", "prisme_port": "1"}, tmp_path, MACHINE)[1] == []


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        ({"--origins": "a.example"}, {}),
        ({"--origin-registry-origins": "a.example"}, {}),
        ({}, {"PRISME_ORIGINS": "a.example"}),
        ({}, {"PRISME_ORIGIN_REGISTRY_ORIGINS": "a.example"}),
        ({"--origin-registry-origins": "a.example"}, {"PRISME_ORIGINS": "b.example"}),
        ({}, {"PRISME_ORIGINS": "a.example", "PRISME_ORIGIN_REGISTRY_ORIGINS": " a.example"}),
    ],
)
def test_origins_have_two_names(tmp_path: Path, flags: dict[str, str], environ: dict[str, str]) -> None:
    config, notices = load(flags, environ, tmp_path, MACHINE)
    assert config.origins == ("a.example",)
    assert notices == []


def test_two_names_that_say_different_things_are_a_mistake(tmp_path: Path) -> None:
    environ = {"PRISME_ORIGINS": "a.example", "PRISME_ORIGIN_REGISTRY_ORIGINS": "b.example"}
    assert mistakes(tmp_path, environ=environ) == [
        "origins (environment PRISME_ORIGINS and environment PRISME_ORIGIN_REGISTRY_ORIGINS): "
        "these two names set the same option to different values: keep only one of them"
    ]


def test_origins_that_nobody_set_are_worth_a_notice(tmp_path: Path) -> None:
    (notice,) = load({}, {}, tmp_path, MACHINE)[1]
    assert "only pages on localhost and 127.0.0.1 are counted" in notice
    for way in ("--origins", "PRISME_ORIGINS", "prisme.toml"):
        assert way in notice


def test_the_file_is_found_where_a_flag_or_a_variable_says(tmp_path: Path) -> None:
    for number, name in enumerate(("prisme.toml", "flag.toml", "variable.toml"), start=1):
        (tmp_path / name).write_text(f"port = {number}")
    environ = {"PRISME_CONFIG": str(tmp_path / "variable.toml")}
    assert read(tmp_path).port == 1
    assert read(tmp_path, environ=environ).port == 3
    assert read(tmp_path, {"--config": "flag.toml"}, environ).port == 2


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    assert mistakes(tmp_path, environ={"PRISME_CONFIG": "no.toml", "PRISME_PORT": "x"}) == [
        "config (environment PRISME_CONFIG): there is no file 'no.toml': correct the path, or leave the option out",
        "port (environment PRISME_PORT): 'x' is not a port from 1 to 65535",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"port = 1\nhost = 0.0.0.0\n", "at line 2, column", id="no TOML"),
        pytest.param(b"port = 1\nport = 2\n", "at line 2, column", id="a key twice"),
        pytest.param(b"# caf\xe9\n", "is not UTF-8", id="Latin-1"),
        pytest.param(None, "cannot be read", id="a folder"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "prisme.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    (message,) = mistakes(tmp_path)
    assert message.startswith("'prisme.toml' ")
    assert reason in message
    (message,) = mistakes(tmp_path, flags={"--config": str(path)})
    assert message.startswith(f"config (flag --config): '{path}' ")


def test_the_machine_is_looked_at_where_none_is_given(tmp_path: Path) -> None:
    config, _ = load({}, {}, tmp_path)
    assert config.duckdb_memory_limit >= 128_000_000
    assert config.duckdb_threads >= 1
