"""Countries: the bundled file's, those of an operator's own file in any shape, and files that change or break."""

import gzip
import os
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from prisme import assets
from prisme.visit.address import parse
from prisme.visit.geo import Geo, GeoError
from tests.visit import mmdb


@pytest.fixture(scope="module")
def bundled() -> Iterator[Geo]:
    geo = Geo(assets.COUNTRIES)
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
    assert bundled.country(parse(address)) == country


def test_no_address_is_nowhere(bundled: Geo) -> None:
    assert {bundled.country(parse(text)) for text in ("", "unknown", "8.8.8", "::g", "8.8.8.8\0")} == {"XX"}


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
    geo = Geo(path)
    assert geo.country(parse(address)) == country
    assert geo.country(parse("8.8.8.8")) == "US"
    assert geo.country(parse("9.9.9.9")) == "XX"
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
    geo = Geo(path)
    yield geo
    geo.close()


@pytest.mark.parametrize("network", NOWHERE)
def test_addresses_that_are_nowhere_are_not_looked_up(everywhere: Geo, network: str) -> None:
    inside = ip_network(network)
    assert everywhere.country(parse(str(inside[0]))) == "XX"
    assert everywhere.country(parse(str(inside[-1]))) == "XX"


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
    assert everywhere.country(parse(address)) == "NO"


def test_a_file_for_ipv4_alone_knows_no_ipv6(tmp_path: Path) -> None:
    path = tmp_path / "four.mmdb"
    mmdb.write(path, {"81.0.0.0/8": {"country_code": "NO"}}, ip_version=4)
    geo = Geo(path)
    assert geo.country(parse("81.0.0.1")) == "NO"
    assert geo.country(parse("2a02::1")) == "XX"
    geo.close()


Replace = Callable[[Path, bytes], None]

NO_COUNTRIES = mmdb.build({"81.0.0.0/8": {"autonomous_system_number": 64500}}, kind="Test-ASN")
ONE_COUNTRY = mmdb.build({"81.0.0.0/8": {"country_code": "NO"}})
BROKEN = {
    "empty": (b"", "is not an MMDB file"),
    "text": (b"country,code\n" * 10_000, "is not an MMDB file"),
    "compressed": (gzip.compress(ONE_COUNTRY), "unpack"),
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
        Geo(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GeoError, match=r"missing\.mmdb cannot be opened: .*No such file"):
        Geo(tmp_path / "missing.mmdb")
    with pytest.raises(GeoError, match="cannot be opened"):
        Geo(tmp_path)


def test_refused_files_leave_nothing_behind(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = tmp_path / "own.mmdb"
    for content, _ in BROKEN.values():
        path.write_bytes(content)
        with pytest.raises(GeoError):
            Geo(path, scratch)
    path.write_bytes(ONE_COUNTRY)
    Geo(path, scratch).close()
    assert list(scratch.iterdir()) == []


def replace_in_place(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def replace_by_rename(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


@pytest.mark.parametrize("replace", [replace_in_place, replace_by_rename])
class TestRefresh:
    def start(self, tmp_path: Path) -> tuple[Geo, Path]:
        path = tmp_path / "own.mmdb"
        path.write_bytes(ONE_COUNTRY)
        return Geo(path), path

    def test_nothing_changed(self, tmp_path: Path, replace: Replace) -> None:
        geo, _ = self.start(tmp_path)
        assert geo.refresh() is False
        assert geo.failure is None
        geo.close()

    def test_a_new_file_comes_into_use(self, tmp_path: Path, replace: Replace) -> None:
        geo, path = self.start(tmp_path)
        replace(path, mmdb.build({"81.0.0.0/8": {"country_code": "SE"}, "2a02::/16": {"country_code": "FI"}}))
        assert geo.country(parse("81.0.0.1")) == "NO"
        assert geo.refresh() is True
        assert geo.country(parse("81.0.0.1")) == "SE"
        assert geo.country(parse("2a02::1")) == "FI"
        assert geo.refresh() is False
        geo.close()

    @pytest.mark.parametrize("content", [content for content, _ in BROKEN.values()], ids=BROKEN)
    def test_a_broken_one_does_not(self, tmp_path: Path, replace: Replace, content: bytes) -> None:
        geo, path = self.start(tmp_path)
        replace(path, content)
        for _ in range(2):
            assert geo.refresh() is False
            assert geo.failure is not None
            assert geo.country(parse("81.0.0.1")) == "NO"
        replace(path, mmdb.build({"81.0.0.0/8": {"country_code": "SE"}}))
        assert geo.refresh() is True
        assert geo.failure is None
        assert geo.country(parse("81.0.0.1")) == "SE"
        geo.close()

    def test_a_file_that_went_and_came_back(self, tmp_path: Path, replace: Replace) -> None:
        geo, path = self.start(tmp_path)
        path.unlink()
        assert geo.refresh() is False
        assert "No such file" in str(geo.failure)
        assert geo.country(parse("81.0.0.1")) == "NO"
        replace(path, ONE_COUNTRY)
        assert geo.refresh() is True
        assert geo.failure is None
        geo.close()


def test_same_size_and_time_but_another_file(tmp_path: Path) -> None:
    path, other = tmp_path / "own.mmdb", tmp_path / "other.mmdb"
    path.write_bytes(ONE_COUNTRY)
    mmdb.write(other, {"81.0.0.0/8": {"country_code": "SE"}})
    assert path.stat().st_size == other.stat().st_size
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    geo = Geo(path)
    other.replace(path)
    assert geo.refresh() is True
    assert geo.country(parse("81.0.0.1")) == "SE"
    geo.close()


def test_a_closed_one_knows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "own.mmdb"
    path.write_bytes(ONE_COUNTRY)
    geo = Geo(path)
    geo.close()
    assert geo.country(parse("81.0.0.1")) == "XX"
    geo.close()
