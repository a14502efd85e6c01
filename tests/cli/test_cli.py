"""The command as an operator meets it: what it prints, where, and how it leaves."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from prisme import __version__
from prisme.cli import serve
from prisme.cli.main import COMMANDS, main
from prisme.runtime.config import ConfigError, load
from prisme.runtime.machine import Machine
from prisme.runtime.option import flag, variable
from prisme.runtime.options import OPTIONS

MACHINE = Machine(memory=4_000_000_000, cores=6)
HEAVY = ("duckdb", "granian", "uvloop", "ua_parser")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # The help is as wide as the terminal: this wide, no sentence breaks.
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]], ids=str)
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for name in (*COMMANDS, "--version", "prisme site add example.com", "prisme serve --help", "folder docs"):
        assert name in out


def test_every_option_is_in_the_help_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--help"]) == 0
    out = capsys.readouterr().out
    for option in OPTIONS:
        default = {False: "false", "": "empty"}.get(option.default, option.default)
        if option.name == "ignored_referrers":
            default = f"{len(str(default).split(','))} entries, listed by prisme default-config"
        assert re.search(rf"^  (?:-p NUMBER, )?{flag(option.name)} ", out, re.MULTILINE)
        assert f"{option.about} Default: {default}. Environment: {variable(option.name)}." in out
    for name in ("--config FILE", "PRISME_CONFIG", "--origin-registry-origins"):
        assert name in out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["serv"], "serv is not a command; did you mean serve?"),
        (["default_config"], "default_config is not a command; did you mean default-config?"),
        (["xyzzy"], "xyzzy is not a command\n"),
        (["--verison"], "--verison is not a flag of `prisme`; did you mean --version?"),
        (["--port=80"], "--port is not a flag of `prisme`; write the command first, as in `prisme serve --port`"),
        (["serve", "--prot", "80"], "flag --prot is unknown; did you mean --port?"),
        (["serve", "--data_dir=x"], "flag --data_dir is unknown; did you mean --data-dir?"),
        (["serve", "--event"], "flag --event is unknown"),
        (["serve", "80"], "flag 80 is unknown"),
        (["serve", "--port"], "argument -p/--port: expected one argument"),
        (["default-config", "--port"], "unrecognized arguments: --port"),
    ],
    ids=str,
)
def test_unknown_words(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert reason in err


def test_all_mistakes_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prisme.toml").write_text("proxy_hops = 0\nprot = 80\n")
    monkeypatch.setenv("PRISME_EVENTSTORE_FSYNC", "perhaps")
    assert main(["serve", "--port", "-1", "--prot", "1", "--origins=http://a.example,b.example:80"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "prisme: 5 errors in the configuration, nothing was started:",
        "  flag --prot is unknown; did you mean --port?",
        "  origins (flag --origins): 'http://a.example' has a scheme: write a.example; "
        "'b.example:80' has a port: write b.example",
        "  port (flag --port): '-1' is not a port from 1 to 65535",
        "  proxy_hops (file prisme.toml key proxy_hops): 0 is not a whole number from 1 to 100",
        "  eventstore_fsync (environment PRISME_EVENTSTORE_FSYNC): 'perhaps' is not one of always, interval, never",
        "note: file prisme.toml key prot is unknown; did you mean port? (ignored)",
        "`prisme serve --help` lists all options.",
    ]
    assert not (tmp_path / "prisme-data").exists()


def test_one_mistake_is_no_plural(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--origins", "a.example", "--port", "0"]) == 2
    assert capsys.readouterr().err.startswith("prisme: 1 error in the configuration, nothing was started:\n  port ")


@pytest.mark.parametrize(
    ("words", "debug"),
    [
        ([], False),
        (["--debug"], True),
        (["--debug=false"], False),
        (["--debug", "false"], False),
        (["--debug=1"], True),
    ],
    ids=str,
)
def test_a_boolean_flag_needs_no_value(tmp_path: Path, words: list[str], debug: bool) -> None:
    config, _ = serve.configure([*words, "--port", "80"], {}, tmp_path)
    assert (config.debug, config.port) == (debug, 80)


def test_configure_reads_all_three_sources(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('origins = ["a.example", "*.b.example"]')
    words = ["--config", str(tmp_path / "my.toml"), "--data-dir=/x"]
    config, notices = serve.configure(words, {"PRISME_PORT": "81"}, tmp_path)
    assert (config.origins, config.port, config.data_dir) == (("a.example", "*.b.example"), 81, Path("/x"))
    assert notices == []


@pytest.mark.parametrize("origins", ["", ",", "a.example,", "*.com", "a.example/x"])
def test_the_registry_has_its_say(tmp_path: Path, origins: str) -> None:
    with pytest.raises(ConfigError) as caught:
        serve.configure([], {"PRISME_ORIGINS": origins}, tmp_path)
    (message,) = caught.value.messages
    assert message.startswith("origins (environment PRISME_ORIGINS): ")


def test_default_config_is_the_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["default-config"]) == 0
    text = capsys.readouterr().out
    assert tomllib.loads(text) == {}
    uncommented = re.sub("^# ", "", text, flags=re.MULTILINE)
    assert list(tomllib.loads(uncommented)) == [option.name for option in OPTIONS]
    (tmp_path / "prisme.toml").write_text(uncommented)
    (tmp_path / "empty").mkdir()
    config, notices = load({}, {}, tmp_path, MACHINE)
    assert notices == []
    assert config == load({}, {}, tmp_path / "empty", MACHINE)[0]


def test_default_config_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["default-config"]) == 0
    text = capsys.readouterr().out
    words = " ".join(text.replace("\n## ", " ").split())
    for option in OPTIONS:
        assert f"{option.about} Value: {option.type.expected}. # {option.name} = " in words.replace(" ## ", " ")
    assert max(map(len, text.splitlines())) <= 100


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "prisme", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"prisme {__version__}\n", "")


def test_a_mistake_reaches_the_shell() -> None:
    done = subprocess.run([sys.executable, "-m", "prisme", "serve", "--port", "x"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "port (flag --port): 'x' is not a port" in done.stderr


def test_the_command_comes_without_the_server_and_the_database() -> None:
    script = f"import sys, prisme.cli.main; sys.exit([name for name in {HEAVY} if name in sys.modules] or 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
