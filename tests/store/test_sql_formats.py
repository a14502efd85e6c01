"""Results as JSON and CSV."""

import csv
import io
import json

from prisme.store.sql_formats import Column, CsvEncoder, Encoder, JsonEncoder, Row

COLUMNS = (Column("a", "INTEGER", "plain"), Column('b "c", d', "JSON", "json"), Column("n", "HUGEINT", "number"))
ROWS: list[Row] = [(1, '{"x":[1]}', str(2**100)), (None, '{"x":NaN}', None), (True, None, "1.50"), (1.5, "[]", "-1")]


def encode(encoder: Encoder, is_cut: bool = False) -> str:
    encoder.begin(COLUMNS)
    encoder.add(ROWS[:1])
    encoder.add(ROWS[1:])
    encoder.end(is_cut)
    return encoder.body.decode()


def test_json() -> None:
    read = json.loads(encode(JsonEncoder(), True))
    assert read["columns"] == [{"name": name, "type": type_} for name, type_, _ in COLUMNS]
    assert read["rows"] == [
        [1, {"x": [1]}, 2**100],
        [None, '{"x":NaN}', None],
        [True, None, 1.5],
        [1.5, [], -1],
    ]
    assert read["truncated"] is True


def test_no_number_is_null_in_json() -> None:
    encoder = JsonEncoder()
    encoder.begin(COLUMNS[:1])
    encoder.add([(float("nan"),), (float("inf"),)])
    encoder.end(False)
    assert json.loads(encoder.body) == {
        "columns": [{"name": "a", "type": "INTEGER"}],
        "rows": [[None], [None]],
        "truncated": False,
    }


def test_csv() -> None:
    assert list(csv.reader(io.StringIO(encode(CsvEncoder())))) == [
        ["a", 'b "c", d', "n"],
        ["1", '{"x":[1]}', str(2**100)],
        ["", '{"x":NaN}', ""],
        ["true", "", "1.50"],
        ["1.5", "[]", "-1"],
    ]
