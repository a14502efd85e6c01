"""`prisme completion`, as shells use it."""

import subprocess
from pathlib import Path

import pytest

from prisme.cli import main
from tests.requirements import need


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main.main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("ser", {"serve"}),
        ("", set(main.COMMANDS)),
        ("user ", {"add", "passwd", "remove", "list", "-h", "--help"}),
        ("user ad", {"add"}),
        ("user add ada --role ", {"admin", "viewer"}),
        ("user add ada --do", {"--domain"}),
        ("serve --log-format ", {"auto", "text", "json"}),
        ("serve -p 80 --orig", {"--origins"}),
        ("completion ", {"bash", "zsh", "fish", "-h", "--help"}),
        ("nonsense ", set()),
    ],
)
def test_bash_completes(words: str, completed: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["prisme", *words.split(" ")]
    array = " ".join(f"'{word}'" for word in typed)
    ask = f"COMP_WORDS=({array}); COMP_CWORD={len(typed) - 1}; _prisme; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    run = subprocess.run(
        [need("bash", "bash"), "--norc", "-c", script("bash", capsys) + ask], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    assert set(run.stdout.split()) == completed


@pytest.mark.parametrize(("shell", "check"), [("zsh", ["-n"]), ("fish", ["--no-execute"])])
def test_others_can_read_their_script(shell: str, check: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    assert "serve" in text
    assert "--data-dir" in text or "-l data-dir" in text
    subprocess.run([need(shell, shell), *check], input=text, text=True, check=True)


@pytest.mark.parametrize(
    ("words", "completed"),
    [("user ad", ["add"]), ("user add ada --role ", ["admin", "viewer"]), ("ser", ["serve"]), ("nonsense ", [])],
)
def test_fish_completes(words: str, completed: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # In an empty folder: fish completes names of files where it knows nothing better.
    ask = f"{script('fish', capsys)}\ncomplete -C 'prisme {words}'"
    run = subprocess.run(
        [need("fish", "fish"), "--no-config", "-c", ask], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert run.stdout.split() == completed


def test_unknown_shell_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["completion", "tcsh"]) == 2
    assert "bash" in capsys.readouterr().err
