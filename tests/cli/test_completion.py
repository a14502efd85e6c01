"""`prisme completion`, as shells use it."""

import shutil
import subprocess

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
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: apt-get install {shell}")
    subprocess.run([shell, *check], input=text, text=True, check=True)


def test_unknown_shell_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["completion", "tcsh"]) == 2
    assert "bash" in capsys.readouterr().err
