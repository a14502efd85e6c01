"""This checkout against another one: here, itself."""

from pathlib import Path

import pytest

from bench.against import main
from tests.checkout import ROOT
from tests.requirements import need


def test_two_checkouts_in_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    need("wrk", "wrk")
    assert main([str(ROOT), "--rounds", "1", "--seconds", "1"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "| median |" in said.out


def test_a_folder_that_is_no_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("wrk", "wrk")
    assert main([str(tmp_path)]) == 2
    assert "no checkout of Prisme" in capsys.readouterr().err
