"""Countries: the bundled file's, those of an operator's own file in any shape, and files that change or break."""

import asyncio
import gzip
import logging
import os
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from prisme import assets
from prisme.base.events import Place
from prisme.visit.address import parse
from prisme.visit.geo import Geo, Precision
from prisme.visit.geo_file import GeoError, GeoSource, list_paths, open_file
from prisme.visit.geo_reload import GeoReload
from tests.visit import mmdb


def start(path: Path, scratch: Path | None = None, precision: Precision = "city") -> Geo:
    return Geo(open_file(path, scratch), precision)


@pytest.fixture(scope="module")
def bundled() -> Iterator[Geo]:
    geo = start(assets.COUNTRIES)
    yield geo
    geo.close()


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("8.8.8.8", "US"),
        ("193.0.6.139", "NL"),
        ("202.12.27.33", "JP"),
        ("192.36.148.17", "SE"),
        ("200.160.2.3", "BR"),
        ("196.216.2.1", "ZA"),
        ("80.67.169.12", "FR"),
        ("129.132.1.1", "CH"),
        ("2001:67c:2e8:22::c100:68b", "NL"),
        ("2001:dc3::35", "JP"),
        ("2001:620::1", "CH"),
        ("2a01:4f8::1", "DE"),
    ],
)
def test_bundled_countries(bundled: Geo, address: str, country: str) -> None:
    assert bundled.locate(parse(address)) == (country, None)


def test_no_address_is_nowhere(bundled: Geo) -> None:
    assert {bundled.locate(parse(text)).country for text in ("", "unknown", "8.8.8", "::g", "8.8.8.8\0")} == {"XX"}


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country_code": "NO"}, "NO"),
        ({"country": {"iso_code": "NO", "names": {"en": "Norway"}}, "continent": {"code": "EU"}}, "NO"),
        ({"country": "NO", "asn": 64500}, "NO"),
        ({"country_code": "no"}, "NO"),
        ({"city": "Oslo"}, "XX"),
        ({"country": {"names": {"en": "Norway"}}}, "XX"),
        ({"country": ["NO"]}, "XX"),
        ({"country_code": ""}, "XX"),
        ({"country_code": "-"}, "XX"),
        ({"country_code": "ZZ"}, "XX"),
        ({"country_code": "N1"}, "XX"),
        ({"country_code": "NOR"}, "XX"),
        ({"country_code": "ÅL"}, "XX"),
        ({"country_code": 578}, "XX"),
        ("NO", "XX"),
        (b"\x20", "XX"),  # a pointer that the file ends before
    ],
    ids=str,
)
@pytest.mark.parametrize("address", ["81.0.0.1", "2a02::1"])
def test_shapes_of_records(tmp_path: Path, address: str, record: mmdb.Value, country: str) -> None:
    path = tmp_path / "own.mmdb"
    good: dict[str, mmdb.Value] = {"8.0.0.0/8": {"country_code": "US"}}
    mmdb.write(path, good | {"81.0.0.0/8": record, "2a02::/16": record})
    geo = start(path)
    assert geo.locate(parse(address)).country == country
    assert geo.locate(parse("8.8.8.8")).country == "US"
    assert geo.locate(parse("9.9.9.9")).country == "XX"
    geo.close()


NORWAY = {"iso_code": "NO", "names": {"en": "Norway"}}
MAXMIND = {
    "country": NORWAY,
    "subdivisions": [
        {"iso_code": "46", "names": {"en": "Vestland", "nb": "Vestlandet"}},
        {"iso_code": "x", "names": {"en": "below"}},
    ],
    "city": {"geoname_id": 1, "names": {"de": "Bergen (de)", "en": "Bergen"}},
}


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (MAXMIND, Place("Vestland", "Bergen")),
        (
            {"country_code": "NO", "state1": "Vestland", "state2": "Bergen", "city": "Bergen"},
            Place("Vestland", "Bergen"),
        ),
        ({"country": "NO", "region": "Vestland", "region_code": "46", "city": "Bergen"}, Place("Vestland", "Bergen")),
        ({"country": "NO", "region_code": "46"}, Place("NO-46")),
        ({"country": NORWAY, "subdivisions": [{"iso_code": "46"}]}, Place("NO-46")),
        ({"country": NORWAY, "subdivisions": [], "city": {"names": {"de": "Bergen"}}}, None),
        ({"country": NORWAY, "city": {"names": {"en": " Å\n\x00s " + "x" * 200}}}, Place("", "Ås " + "x" * 97)),
        ({"country_code": "NO", "city": ["Bergen"], "region": 7, "state1": ""}, None),
        ({"country_code": "NO"}, None),
        ({"city": "Atlantis"}, None),
    ],
    ids=str,
)
def test_regions_and_cities(tmp_path: Path, record: mmdb.Value, place: Place | None) -> None:
    path = tmp_path / "own.mmdb"
    mmdb.write(path, {"81.0.0.0/8": record, "8.0.0.0/8": {"country_code": "US"}})
    for precision, told in (
        ("city", place),
        ("region", place and (Place(place.region) if place.region else None)),
        ("country", None),
    ):
        geo = start(path, precision=precision)  # type: ignore[arg-type]
        assert geo.locate(parse("81.0.0.1")).place == told, precision
        geo.close()


NOWHERE = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "::/128", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001:db8::/32", "100::/64",
]  # fmt: skip


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Geo]:
    """A file that has a country for every address there is."""
    path = tmp_path_factory.mktemp("geo") / "everywhere.mmdb"
    mmdb.write(path, {half: {"country_code": "NO"} for half in ("::/1", "8000::/1")})
    geo = start(path)
    yield geo
    geo.close()


@pytest.mark.parametrize("network", NOWHERE)
def test_addresses_that_are_nowhere_are_not_looked_up(everywhere: Geo, network: str) -> None:
    inside = ip_network(network)
    assert everywhere.locate(parse(str(inside[0]))).country == "XX"
    assert everywhere.locate(parse(str(inside[-1]))).country == "XX"


@pytest.mark.parametrize(
    "address",
    [
        "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0", "223.255.255.255",
        "2000::", "2001:200::", "2001:db7:ffff::", "2001:db9::", "3fff:1000::", "2a02::1",
    ],
)  # fmt: skip
def test_addresses_beside_them_are_looked_up(everywhere: Geo, address: str) -> None:
    assert everywhere.locate(parse(address)).country == "NO"


def test_a_file_for_ipv4_alone_knows_no_ipv6(tmp_path: Path) -> None:
    path = tmp_path / "four.mmdb"
    mmdb.write(path, {"81.0.0.0/8": {"country_code": "NO"}}, ip_version=4)
    geo = start(path)
    assert geo.locate(parse("81.0.0.1")).country == "NO"
    assert geo.locate(parse("2a02::1")).country == "XX"
    geo.close()


Replace = Callable[[Path, bytes], None]

NO_COUNTRIES = mmdb.build({"81.0.0.0/8": {"autonomous_system_number": 64500}}, kind="Test-ASN")
ONE_COUNTRY = mmdb.build({"81.0.0.0/8": {"country_code": "NO"}})
BROKEN = {
    "empty": (b"", "is not an MMDB file"),
    "text": (b"country,code\n" * 10_000, "is not an MMDB file"),
    "compressed": (gzip.compress(ONE_COUNTRY), "prisme geoip update` unpacks"),
    "cut": (ONE_COUNTRY[:-200], "is not an MMDB file"),
    "broken record": (mmdb.build({"81.0.0.0/8": b"\x20"}), "is a damaged MMDB file"),
    "no countries": (NO_COUNTRIES, r"\(Test-ASN\) has no countries"),
    "no records": (mmdb.build({}), "has no countries"),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "own.mmdb"
    path.write_bytes(content)
    with pytest.raises(GeoError, match=f"own.mmdb .*{reason}"):
        start(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GeoError, match=r"missing\.mmdb cannot be opened: .*No such file"):
        start(tmp_path / "missing.mmdb")
    with pytest.raises(GeoError, match="cannot be opened"):
        start(tmp_path)


def test_refused_files_leave_nothing_behind(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = tmp_path / "own.mmdb"
    for content, _ in BROKEN.values():
        path.write_bytes(content)
        with pytest.raises(GeoError):
            start(path, scratch)
    path.write_bytes(ONE_COUNTRY)
    start(path, scratch).close()
    assert list(scratch.iterdir()) == []


def replace_in_place(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def replace_by_rename(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


class Running:
    """What a server has: a file in use, and looks for another one."""

    def __init__(self, *paths: Path) -> None:
        self.source = GeoSource(paths)
        self.geo = Geo(self.source.open())
        self.reload = GeoReload(self.geo, self.source, logging.getLogger("prisme"))

    def look(self) -> bool:
        """Whether another file came into use."""
        before = self.geo.file

        async def wait() -> None:
            self.reload.look()
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

        asyncio.run(wait())
        return self.geo.file is not before

    def country(self, text: str) -> str:
        return self.geo.locate(parse(text)).country


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "own.mmdb"
    path.write_bytes(ONE_COUNTRY)
    return path


@pytest.fixture
def running(path: Path) -> Iterator[Running]:
    running = Running(path)
    yield running
    running.geo.close()


@pytest.mark.parametrize("replace", [replace_in_place, replace_by_rename])
class TestReload:
    def test_nothing_changed(self, running: Running, replace: Replace) -> None:
        assert running.look() is False
        assert running.reload.failure is None

    def test_a_new_file_comes_into_use(
        self, running: Running, path: Path, replace: Replace, caplog: pytest.LogCaptureFixture
    ) -> None:
        replace(
            path, mmdb.build({"81.0.0.0/8": {"country_code": "SE", "city": "Lund"}, "2a02::/16": {"country": "FI"}})
        )
        assert running.country("81.0.0.1") == "NO"
        with caplog.at_level(logging.INFO):
            assert running.look() is True
        assert caplog.messages == [
            f"the country database was replaced: {path} (Test) is in use now, with the columns country, city"
        ]
        assert running.country("81.0.0.1") == "SE"
        assert running.country("2a02::1") == "FI"
        assert running.look() is False

    @pytest.mark.parametrize("content", [content for content, _ in BROKEN.values()], ids=BROKEN)
    def test_a_broken_one_does_not(self, running: Running, path: Path, replace: Replace, content: bytes) -> None:
        replace(path, content)
        for _ in range(2):
            assert running.look() is False
            assert running.reload.failure is not None
            assert running.country("81.0.0.1") == "NO"
        replace(path, mmdb.build({"81.0.0.0/8": {"country_code": "SE"}}))
        assert running.look() is True
        assert running.reload.failure is None
        assert running.country("81.0.0.1") == "SE"

    def test_a_file_that_went_and_came_back(self, running: Running, path: Path, replace: Replace) -> None:
        path.unlink()
        assert running.look() is False
        assert "No such file" in str(running.reload.failure)
        assert running.country("81.0.0.1") == "NO"
        replace(path, ONE_COUNTRY)
        assert running.look() is True
        assert running.reload.failure is None


def test_a_file_that_appears_is_used_and_the_bundled_one_once_it_is_gone(tmp_path: Path) -> None:
    paths = list_paths(None, tmp_path)
    running = Running(*paths)
    assert running.country("81.0.0.1") == "ES"
    paths[0].write_bytes(ONE_COUNTRY)
    assert running.look() is True
    assert running.country("81.0.0.1") == "NO"
    paths[0].unlink()
    assert running.look() is True
    assert running.country("81.0.0.1") == "ES"
    running.geo.close()


def test_a_file_of_the_configuration_is_the_only_one(tmp_path: Path, path: Path) -> None:
    (tmp_path / "geoip.mmdb").write_bytes(ONE_COUNTRY)
    assert list_paths(path, tmp_path) == (path,)


def test_same_size_and_time_but_another_file(tmp_path: Path) -> None:
    path, other = tmp_path / "own.mmdb", tmp_path / "other.mmdb"
    path.write_bytes(ONE_COUNTRY)
    mmdb.write(other, {"81.0.0.0/8": {"country_code": "SE"}})
    assert path.stat().st_size == other.stat().st_size
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    running = Running(path)
    other.replace(path)
    assert running.look() is True
    assert running.country("81.0.0.1") == "SE"
    running.geo.close()


def test_a_closed_one_knows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "own.mmdb"
    path.write_bytes(ONE_COUNTRY)
    geo = start(path)
    geo.close()
    assert geo.locate(parse("81.0.0.1")).country == "XX"
    geo.close()
