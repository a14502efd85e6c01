"""`prisme geoip`: databases that are installed while a server takes events, and those that are not to be."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from prisme import assets
from prisme.cli.main import main
from tests.faults.load import Load, Outcome, count, flow
from tests.server import LiveServer, browser, wait_until
from tests.visit import mmdb

LATER = mmdb.BUILT + 170 * 86_400  # 2026-11-18
VESTLAND: mmdb.Value = {"iso_code": "46", "names": {"en": "Vestland"}}
RECORDS: Mapping[str, mmdb.Value] = {
    "81.0.0.0/8": {
        "country": {"iso_code": "NO"},
        "subdivisions": [VESTLAND],
        "city": {"names": {"en": "Bergen", "de": "Bergen (Norwegen)"}},
    },
    "8.0.0.0/8": {"country": {"iso_code": "US"}},
}
CITIES = mmdb.build(RECORDS, kind="Test-City", built=LATER)
PLACE = ("NO", "Vestland", "Bergen")
ONE_COUNTRY = mmdb.build({"8.0.0.0/8": {"country_code": "US"}}, kind="Test-Country", built=LATER + 86_400)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, from which commands are run as well."""
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.fixture
def cities(folder: Path) -> Path:
    path = folder.parent / "cities.mmdb"
    path.write_bytes(CITIES)
    return path


def update(source: Path, folder: Path, *words: str) -> int:
    return main(["geoip", "update", "--from", str(source), "--data-dir", str(folder), *words])


def archive(name: str, content: bytes) -> bytes:
    with io.BytesIO() as packed:
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for member, data in (("x_1/LICENSE.txt", b"free"), (name, content)):
                entry = tarfile.TarInfo(member)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        return packed.getvalue()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """One that looks at its file each second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prisme.wiring.recording._LOOK_TICKS", 1)
        with LiveServer(tmp_path / "live", trust_proxy="true") as server:
            yield server


def test_an_update_under_load_loses_nothing_and_new_visits_have_their_place(
    server: LiveServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cities.mmdb.gz").write_bytes(gzip.compress(CITIES))

    def visit(address: str, path: str) -> None:
        headers = browser(f"https://example.com{path}", X_Forwarded_For=address)
        assert server.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200

    def in_use(source: Path) -> None:
        begun = len(caplog.messages)
        assert update(source, server.folder, "--yes") == 0
        wait_until(lambda: any("is in use now" in text for text in caplog.messages[begun:]), "the server to use it")

    caplog.set_level("INFO")
    visit("81.0.0.1", "/before")
    load = Load(server.port, "load", pause=0.005)
    flow([load])
    in_use(tmp_path / "cities.mmdb.gz")
    assert (
        f"{server.folder / 'geoip.mmdb'} (Test-City) is in use now, with the columns country, region, city"
        in (caplog.messages[-1])
    )
    visit("81.0.0.1", "/next")  # the visit goes on where it began
    visit("81.0.0.2", "/after")
    visit("8.8.8.8", "/no-city")
    flow([load])
    in_use(assets.COUNTRIES)
    visit("81.0.0.3", "/countries")
    flow([load])
    load.stop()
    places = (
        "SELECT entry_path, country_code, region, city, pageviews FROM sessions WHERE entry_path NOT LIKE '/load-%'"
    )
    assert sorted(server.rows(places)) == [
        ("/after", "NO", "Vestland", "Bergen", 1),
        ("/before", "ES", "", "", 2),
        ("/countries", "ES", "", "", 1),
        ("/no-city", "US", "", "", 1),
    ]
    server.stop()
    outcome = count(server, [load])
    assert outcome == Outcome(len(load.answered), len(load.answered), 0, 0)
    assert load.refused == 0


@pytest.mark.parametrize(
    ("precision", "place", "says"),
    [("country", ("NO", "", ""), ""), ("region", ("NO", "Vestland", ""), "region"), ("city", PLACE, "region and city")],
)
def test_an_option_limits_what_is_stored(
    folder: Path,
    cities: Path,
    precision: str,
    place: tuple[str, ...],
    says: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (folder / "geoip.mmdb").write_bytes(cities.read_bytes())
    caplog.set_level("INFO")
    with LiveServer(folder, trust_proxy="true", geoip_precision=precision) as server:
        page = browser("https://example.com/", X_Forwarded_For="81.0.0.1")
        assert server.http.post("/api/v1/events/pageviews", headers=page).status_code == 200
        assert server.rows("SELECT country_code, region, city FROM sessions") == [place]
        assert not any(b"Bergen" in path.read_bytes() for path in folder.glob("prisme.duckdb*")) or precision == "city"
    told = [text for text in caplog.messages if "geoip_precision" in text]
    assert [f"visits are stored with their {says}," in text for text in told] == ([True] if says else [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mmdb", CITIES),
        ("a.mmdb.gz", gzip.compress(CITIES)),
        ("a.bin", gzip.compress(CITIES)),  # what is in it says it
        ("a.tar.gz", archive("x_1/x.mmdb", CITIES)),
        ("a.tar", gzip.decompress(archive("x_1/x.mmdb", CITIES))),
    ],
)
def test_files_as_providers_offer_them(
    folder: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder.parent / name
    source.write_bytes(content)
    assert update(source, folder) == 0
    assert (folder / "geoip.mmdb").read_bytes() == CITIES
    assert (folder / "geoip.mmdb").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["geoip.mmdb"]
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{folder / 'geoip.mmdb'} is now Test-City of 2026-11-18, which has country, region, city"
    assert told[1].startswith("of 2,000 addresses that were tried, ")
    assert told[-1] == ("new visits are stored with country, region, city; the option geoip_precision can limit that")


BROKEN = {
    "cut": (CITIES[:-200], "is not an MMDB file"),
    "text": (b"country,code\n" * 1000, "is not an MMDB file"),
    "empty": (b"", "is not an MMDB file"),
    "cut gzip": (gzip.compress(CITIES)[:-20], "cannot be unpacked"),
    "gzip of text": (gzip.compress(b"country"), "is not an MMDB file"),
    "damaged gzip": (b"\x1f\x8b" + b"x" * 100, "cannot be unpacked"),
    "archive without one": (archive("x/x.csv", b"a,b"), "has no .mmdb file in it"),
    "cut archive": (gzip.compress(gzip.decompress(archive("x/x.mmdb", CITIES * 99))[:5000]), "cannot be unpacked"),
    "no countries": (mmdb.build({"81.0.0.0/8": {"asn": 64500}}, kind="Test-ASN"), "(Test-ASN) has no countries"),
    "damaged later": (
        mmdb.build({"0.0.0.0/1": {"country": "US"}, "128.0.0.0/1": b"\x20"}, built=LATER),
        "is a damaged MMDB file: the look-up of",
    ),
    "missing": (None, "cannot be read: No such file or directory"),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_used_replaces_nothing(
    folder: Path, cities: Path, content: bytes | None, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert update(cities, folder) == 0
    source = folder.parent / "other"
    if content is not None:
        source.write_bytes(content)
    assert update(source, folder, "--yes") == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"prisme: {source} ")
    assert reason in complaint
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("geoip.mmdb", CITIES)]


def test_one_with_less_or_older_data_is_asked_about(
    folder: Path, cities: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert update(cities, folder) == 0
    capsys.readouterr()
    source = folder.parent / "other.mmdb"
    for content, reason in (
        (ONE_COUNTRY, f"{source} has no region and city, the file in use has. Replace it?"),
        (mmdb.build(RECORDS), f"{source} is of 2026-06-01, the file in use of 2026-11-18. Replace it?"),
    ):
        source.write_bytes(content)
        assert update(source, folder) == 1
        assert capsys.readouterr().err == f"prisme: {reason} There is no terminal to ask on: use --yes\n"
        assert (folder / "geoip.mmdb").read_bytes() == CITIES
    assert update(source, folder, "--yes") == 0
    assert (folder / "geoip.mmdb").read_bytes() == source.read_bytes()


def test_the_file_of_the_option_is_replaced_where_it_is(
    folder: Path, cities: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own, link = folder.parent / "own.mmdb", folder.parent / "link.mmdb"
    own.write_bytes(ONE_COUNTRY)
    own.chmod(0o644)
    link.symlink_to(own)
    monkeypatch.setenv("PRISME_GEOIP_DB", str(link))
    assert update(cities, folder) == 1
    assert f"The option geoip_db names {link}, which would be replaced." in capsys.readouterr().err
    assert own.read_bytes() == ONE_COUNTRY
    assert update(cities, folder, "--yes") == 0
    assert own.read_bytes() == CITIES
    assert own.stat().st_mode & 0o777 == 0o644
    assert link.is_symlink()
    assert list(folder.iterdir()) == []


def test_what_is_used_is_shown(
    folder: Path, cities: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show = ["geoip", "show", "--data-dir", str(folder)]
    assert main(show) == 0
    assert f"{assets.COUNTRIES} (comes with Prisme)" in capsys.readouterr().out
    assert update(cities, folder, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sampled"]["addresses"] == 2000
    assert told["sampled"]["country"] >= told["sampled"]["city"] > 0
    monkeypatch.setenv("PRISME_GEOIP_PRECISION", "region")
    assert main(show) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["file"] == f"{folder / 'geoip.mmdb'} (installed)"
    assert lines["type"] == "Test-City"
    assert lines["built"].startswith("2026-11-18, ")
    assert lines["has"] == "country, region, city"
    assert lines["stored"] == "country, region (geoip_precision = region)"
    assert main([*show, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {name: shown[name] for name in ("file", "source", "type", "built", "size", "stored")} == {
        "file": str(folder / "geoip.mmdb"),
        "source": "installed",
        "type": "Test-City",
        "built": LATER,
        "size": len(CITIES),
        "stored": ["country", "region"],
    }


def test_without_a_data_folder_nothing_is_installed(cities: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert update(cities, cities.parent / "nowhere") == 1
    assert "there is no data folder" in capsys.readouterr().err
