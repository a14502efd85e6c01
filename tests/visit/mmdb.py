"""Writes tiny MMDB files, so that every shape of record can be tested with a real file.

The format: https://maxmind.github.io/MaxMind-DB/ (binary format 2.0, 24-bit records, no pointers).
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv6Network, ip_network
from pathlib import Path

Value = str | bool | int | bytes | Mapping[str, "Value"] | Sequence["Value"]

# When the data is from (Unix seconds): 2026-06-01.
BUILT = 1780272000

_STRING, _UINT16, _UINT32, _MAP, _UINT64, _ARRAY, _BOOLEAN = 2, 5, 6, 7, 9, 11, 14


def write(
    path: Path, records: Mapping[str, Value], *, ip_version: int = 6, kind: str = "Test", built: int = BUILT
) -> None:
    """Write `records`, by network. Values in `bytes` are taken as encoded already, to make broken ones."""
    path.write_bytes(build(records, ip_version=ip_version, kind=kind, built=built))


def build(records: Mapping[str, Value], *, ip_version: int = 6, kind: str = "Test", built: int = BUILT) -> bytes:
    """The file's bytes: search tree, 16 zero bytes, data, marker, metadata."""
    tree: list[list[int | str | None]] = [[None, None]]
    for name in records:
        _plant(tree, _bits(name, ip_version), name)
    data, offsets = b"", {}
    for name, record in records.items():
        offsets[name] = len(data)
        data += _encode(record)

    def pointer(child: int | str | None) -> bytes:
        # The node count itself means "no data"; what is above counts from 16 bytes before the data.
        number = len(tree) if child is None else len(tree) + 16 + offsets[child] if isinstance(child, str) else child
        return number.to_bytes(3, "big")

    nodes = b"".join(pointer(child) for node in tree for child in node)
    metadata: dict[str, Value] = {
        "binary_format_major_version": _number(_UINT16, 2, 2),
        "binary_format_minor_version": _number(_UINT16, 2, 0),
        "build_epoch": _number(_UINT64, 8, built),
        "database_type": kind,
        "description": {"en": "made by a test"},
        "ip_version": _number(_UINT16, 2, ip_version),
        "languages": ["en"],
        "node_count": len(tree),
        "record_size": _number(_UINT16, 2, 24),
    }
    return nodes + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + _encode(metadata)


def _bits(name: str, ip_version: int) -> str:
    network = ip_network(name)
    bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
    # In a tree for both, IPv4 lies below ::/96.
    return bits if ip_version == 4 or isinstance(network, IPv6Network) else "0" * 96 + bits


def _plant(tree: list[list[int | str | None]], bits: str, name: str) -> None:
    node = 0
    for bit in bits[:-1]:
        child = tree[node][int(bit)]
        if not isinstance(child, int):
            child = tree[node][int(bit)] = len(tree)
            tree.append([None, None])
        node = child
    tree[node][int(bits[-1])] = name


def _encode(value: Value) -> bytes:
    if isinstance(value, str):
        return _head(_STRING, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return _head(_BOOLEAN, int(value))
    if isinstance(value, int):
        return _number(_UINT32, 4, value)
    if isinstance(value, Mapping):
        return _head(_MAP, len(value)) + b"".join(_encode(key) + _encode(each) for key, each in value.items())
    return _head(_ARRAY, len(value)) + b"".join(map(_encode, value))


def _number(kind: int, size: int, value: int) -> bytes:
    return _head(kind, size) + value.to_bytes(size, "big")


def _head(kind: int, size: int) -> bytes:
    """The control byte: three bits of type (the types above 7 in a byte of their own), five bits of size."""
    long = b"" if size < 29 else bytes([size - 29])
    extended = bytes([kind - 7]) if kind > 7 else b""
    return bytes([(kind if kind <= 7 else 0) << 5 | min(size, 29)]) + extended + long
