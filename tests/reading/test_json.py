"""JSON: what is valid arrives as written, and what is not is refused, wherever it is.

The names say what must happen: y_ is good JSON, n_ is not, and i_ is where RFC
8259 leaves the choice to us; the reason for ours is beside it. The text of
each is the value of a member, a record of its own, and a whole document.
"""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.errors import InputError
from rjcli.json_text import MalformedJsonError, members, parse_object, parse_value, split
from rjcli.model import Block, RawRecord, Rejection
from rjcli.reading.json_array import read_json
from rjcli.reading.ndjson import read_ndjson
from tests.support.blocks import items_of

LIMIT = 1_000_000

GOOD = {
    "y_array_empty": b"[]",
    "y_array_empty_spaced": b"[ \t]",
    "y_array_of_arrays": b"[[],[[]]]",
    "y_array_of_empty_string": b'[""]',
    "y_array_mixed": b'[null,true,false,0,"a",{},[]]',
    "y_array_many_nulls": b"[null,null,null,null,null,null]",
    "y_array_space_before_end": b"[1 ]",
    "y_array_space_after_start": b"[ 1]",
    "y_array_space_around_comma": b"[1 , 2]",
    "y_array_deep_100": b"[" * 100 + b"]" * 100,
    "y_array_deep_300": b"[" * 300 + b"]" * 300,
    "y_array_deep_1000": b"[" * 1000 + b"]" * 1000,
    "y_array_long": b"[" + b",".join([b"1"] * 5000) + b"]",
    "y_object_empty": b"{}",
    "y_object_empty_spaced": b"{ \t}",
    "y_object_empty_name": b'{"":0}',
    "y_object_colon_in_name": b'{":":0}',
    "y_object_colon_in_value": b'{"a":"b:c:d"}',
    "y_object_brackets_in_strings": b'{"{[":"]}"}',
    "y_object_quote_in_name": b'{"a\\"b":1}',
    "y_object_escaped_name": b'{"\\u0061":1}',
    "y_object_null_character_in_name": b'{"a\\u0000b":1}',
    "y_object_spaced": b'{ "a" : 1 , "b" : 2 }',
    "y_object_nested": b'{"a":{"b":{"c":{}}}}',
    "y_object_duplicate_names_nested": b'{"a":{"b":1,"b":2}}',
    "y_object_names_that_differ_in_case": b'{"a":1,"A":2}',
    "y_object_long_name": b'{"' + b"n" * 10_000 + b'":1}',
    "y_object_many_members": b"{" + b",".join(b'"%d":%d' % (n, n) for n in range(2000)) + b"}",
    "y_object_like_a_prototype": b'{"__proto__":1,"constructor":2}',
    "y_number_zero": b"0",
    "y_number_minus_zero": b"-0",
    "y_number_minus_zero_decimal": b"-0.0",
    "y_number_one_digit": b"7",
    "y_number_negative": b"-7",
    "y_number_decimal": b"1.5",
    "y_number_decimal_with_trailing_zeros": b"1.500",
    "y_number_exponent": b"1e5",
    "y_number_exponent_capital": b"1E5",
    "y_number_exponent_plus": b"1e+5",
    "y_number_exponent_minus": b"1e-5",
    "y_number_exponent_leading_zeros": b"1e005",
    "y_number_decimal_exponent": b"1.25E-10",
    "y_number_zero_exponent": b"0e0",
    "y_number_zero_huge_exponent": b"0e999999",
    "y_number_int64_max": b"9223372036854775807",
    "y_number_int64_min": b"-9223372036854775808",
    "y_number_past_int64": b"9223372036854775808",
    "y_number_uint64_max": b"18446744073709551615",
    "y_number_past_uint64": b"18446744073709551616",
    "y_number_past_2_to_53": b"9007199254740993",
    "y_number_23_digits": b"12345678901234567890123",
    "y_number_400_digits": b"9" * 400,
    "y_number_5000_digits": b"9" * 5000,
    "y_number_negative_400_digits": b"-" + b"9" * 400,
    "y_number_past_double": b"1e400",
    "y_number_past_double_negative": b"-1e400",
    "y_number_exponent_of_ten_digits": b"1e9999999999",
    "y_number_underflow": b"1e-400",
    "y_number_subnormal": b"5e-324",
    "y_number_double_max": b"1.7976931348623157e308",
    "y_number_long_decimal": b"0." + b"123456789" * 20,
    "y_string_empty": b'""',
    "y_string_space": b'" "',
    "y_string_simple_escapes": rb'"\"\\\/\b\f\n\r\t"',
    "y_string_escaped_backslash_at_end": rb'"a\\"',
    "y_string_escaped_quote_at_end": rb'"a\""',
    "y_string_many_backslashes": b'"' + rb"\\" * 500 + b'"',
    "y_string_unicode_escape": rb'"\u00e9"',
    "y_string_unicode_escape_mixed_case": rb'"\u00Ea"',
    "y_string_escaped_null": rb'"\u0000"',
    "y_string_escaped_control": rb'"\u001f"',
    "y_string_escaped_quote_as_unicode": rb'"\u0022"',
    "y_string_escaped_colon": rb'"\u003a"',
    "y_string_surrogate_pair": rb'"\ud83d\ude00"',
    "y_string_two_surrogate_pairs": rb'"\ud83d\ude00\uD834\uDD1E"',
    "y_string_last_code_point": rb'"\uDBFF\uDFFF"',
    "y_string_noncharacter_escaped": rb'"\uFFFE\uFFFF"',
    "y_string_double_escaped_surrogate": rb'"\\ud800"',
    "y_string_emoji": '"😀"'.encode(),
    "y_string_emoji_joined": '"👩‍👩‍👧‍👦"'.encode(),
    "y_string_two_byte_utf8": '"é"'.encode(),
    "y_string_three_byte_utf8": '"€"'.encode(),
    "y_string_four_byte_utf8": '"\U0010ffff"'.encode(),
    "y_string_combining": '"e\u0301"'.encode(),
    "y_string_noncharacter": '"\uffff"'.encode(),
    "y_string_line_separator": '"\u2028"'.encode(),
    "y_string_paragraph_separator": '"\u2029"'.encode(),
    "y_string_next_line": '"\u0085"'.encode(),
    "y_string_byte_order_mark": '"\ufeff"'.encode(),
    "y_string_delete": b'"\x7f"',
    "y_string_comment": b'"/* no */ // comment"',
    "y_string_like_nan": b'"NaN"',
    "y_string_like_json": rb'"{\"a\":[1,2]}"',
    "y_string_long": b'"' + b"x" * 100_000 + b'"',
    "y_true": b"true",
    "y_false": b"false",
    "y_null": b"null",
    "y_value_surrounded_by_space": b" \t1\t ",
}

BAD = {
    "n_array_unclosed": b"[1",
    "n_array_unclosed_after_comma": b"[1,",
    "n_array_trailing_comma": b"[1,]",
    "n_array_only_comma": b"[,]",
    "n_array_double_comma": b"[1,,2]",
    "n_array_leading_comma": b"[,1]",
    "n_array_without_comma": b"[1 2]",
    "n_array_colon": b"[1:2]",
    "n_array_closed_as_object": b"[1}",
    "n_array_unclosed_string": b'["a]',
    "n_array_ellipsis": b"[1,...]",
    "n_array_name": b"[a]",
    "n_array_deep_3000": b"[" * 3000 + b"]" * 3000,
    "n_array_deep_unclosed": b"[" * 5000,
    "n_object_deep_unclosed": b'{"a":' * 5000,
    "n_object_deep_closed": b'{"a":' * 3000 + b"1" + b"}" * 3000,
    "n_object_unclosed": b'{"a":1',
    "n_object_trailing_comma": b'{"a":1,}',
    "n_object_leading_comma": b'{,"a":1}',
    "n_object_double_comma": b'{"a":1,,"b":2}',
    "n_object_without_comma": b'{"a":1 "b":2}',
    "n_object_without_colon": b'{"a" 1}',
    "n_object_double_colon": b'{"a"::1}',
    "n_object_comma_for_colon": b'{"a",1}',
    "n_object_without_value": b'{"a":}',
    "n_object_name_alone": b'{"a"}',
    "n_object_name_unquoted": b"{a:1}",
    "n_object_name_in_single_quotes": b"{'a':1}",
    "n_object_name_is_number": b"{1:1}",
    "n_object_name_is_null": b"{null:1}",
    "n_object_name_is_array": b"{[]:1}",
    "n_object_closed_as_array": b'{"a":1]',
    "n_object_closed_twice": b'{"a":1}}',
    "n_object_of_one_bracket": b"{",
    "n_object_bad_value": b'{"a":truth}',
    "n_object_comment": b'{"a":1/* comment */}',
    "n_object_line_comment": b'{"a":1} // comment',
    "n_object_hash_comment": b'{"a":1} # comment',
    "n_object_semicolon": b'{"a":1;"b":2}',
    "n_object_garbage_after": b'{"a":1}x',
    "n_number_leading_zero": b"012",
    "n_number_double_zero": b"00",
    "n_number_minus_leading_zero": b"-012",
    "n_number_plus": b"+1",
    "n_number_plus_inside": b"1+2",
    "n_number_double_minus": b"--1",
    "n_number_minus_alone": b"-",
    "n_number_minus_spaced": b"- 1",
    "n_number_minus_word": b"-foo",
    "n_number_point_first": b".5",
    "n_number_minus_point_first": b"-.5",
    "n_number_point_last": b"1.",
    "n_number_point_before_exponent": b"1.e5",
    "n_number_two_points": b"1.2.3",
    "n_number_exponent_empty": b"1e",
    "n_number_exponent_sign_alone": b"1e+",
    "n_number_exponent_twice": b"1e5e5",
    "n_number_exponent_decimal": b"1e1.5",
    "n_number_exponent_first": b"e5",
    "n_number_hexadecimal": b"0x1F",
    "n_number_octal": b"0o17",
    "n_number_underscore": b"1_000",
    "n_number_thousands_space": b"1 000",
    "n_number_suffix": b"1L",
    "n_number_fullwidth_digit": "１".encode(),  # noqa: RUF001 - a digit, but not an ASCII one
    "n_number_arabic_digit": "٣".encode(),
    "n_number_nan": b"NaN",
    "n_number_minus_nan": b"-NaN",
    "n_number_nan_lower": b"nan",
    "n_number_infinity": b"Infinity",
    "n_number_minus_infinity": b"-Infinity",
    "n_number_inf": b"inf",
    "n_string_unclosed": b'"a',
    "n_string_quote_alone": b'"',
    "n_string_single_quotes": b"'a'",
    "n_string_unquoted": b"a",
    "n_string_escape_alone": b'"\\"',
    "n_string_escape_x": rb'"\x41"',
    "n_string_escape_a": rb'"\a"',
    "n_string_escape_zero": rb'"\0"',
    "n_string_escape_quote": rb'"\'"',
    "n_string_escape_space": rb'"\ "',
    "n_string_escape_capital_u": rb'"\U0041"',
    "n_string_escape_emoji": '"\\😀"'.encode(),
    "n_string_unicode_short": rb'"\u00A"',
    "n_string_unicode_empty": rb'"\u"',
    "n_string_unicode_not_hex": rb'"\u00zz"',
    "n_string_raw_null": b'"\x00"',
    "n_string_raw_tab": b'"\t"',
    "n_string_raw_carriage_return": b'"a\rb"',
    "n_string_raw_escape": b'"\x1b"',
    "n_string_raw_unit_separator": b'"\x1f"',
    "n_utf8_lone_continuation": b'"\x80"',
    "n_utf8_lone_start": b'"\xc3"',
    "n_utf8_truncated": b'"\xe2\x82"',
    "n_utf8_overlong_slash": b'"\xc0\xaf"',
    "n_utf8_overlong_three": b'"\xe0\x80\xaf"',
    "n_utf8_surrogate": b'"\xed\xa0\x80"',
    "n_utf8_past_last_code_point": b'"\xf4\x90\x80\x80"',
    "n_utf8_ff": b'"\xff"',
    "n_utf8_latin_1": '"é"'.encode("latin-1"),
    "n_utf8_outside_string": b"\xff",
    "n_word_capital_true": b"True",
    "n_word_capital_null": b"NULL",
    "n_word_none": b"None",
    "n_word_undefined": b"undefined",
    "n_word_cut": b"tru",
    "n_word_long": b"trues",
    "n_structure_null_byte": b"\x00",
    "n_structure_form_feed": b"1\x0c",
    "n_structure_vertical_tab": b"\x0b1",
    "n_structure_no_break_space": b"\xc2\xa01",
    "n_structure_byte_order_mark_inside": b"\xef\xbb\xbf1",
    "n_structure_word_joiner": b"\xe2\x81\xa01",
    "n_structure_closing_alone": b"]",
    "n_structure_two_values": b"1 2",
    "n_structure_backslash": b"\\",
    "n_structure_angle": b"<a>",
}

OURS = {
    # Stored, half a pair could not be written as UTF-8 again.
    "i_lone_high_surrogate": (rb'"\ud800"', False),
    "i_lone_low_surrogate": (rb'"\udc00"', False),
    "i_high_surrogate_and_letter": (rb'"\ud800a"', False),
    "i_high_surrogate_twice": (rb'"\ud800\ud800"', False),
    "i_surrogates_swapped": (rb'"\ude00\ud83d"', False),
    "i_high_surrogate_and_escape": (rb'"\ud800\n"', False),
    "i_lone_surrogate_in_name": (rb'{"\ud800":1}', False),
    # Numbers of any size are text to us, and leave as they came.
    "i_exponent_of_a_hundred_digits": (b"1e" + b"9" * 100, True),
    "i_long_negative_exponent": (b"1e-" + b"9" * 100, True),
    # Deeper than anybody writes on purpose, and than most parsers can follow.
    "i_nested_1100_deep": (b"[" * 1100 + b"]" * 1100, False),
    "i_nested_1100_deep_with_huge_number": (b"[" * 1100 + b"1e400" + b"]" * 1100, False),
}

VALUES = [
    *((name, text, True) for name, text in GOOD.items()),
    *((name, text, False) for name, text in BAD.items()),
    *((name, text, good) for name, (text, good) in OURS.items()),
]
values = pytest.mark.parametrize(
    ("text", "good"), [pytest.param(*rest, id=name) for name, *rest in VALUES]
)


def taken(blocks: Iterator[Block]) -> tuple[list[bytes], int, bool]:
    """The texts of the records, the number of rejections, and whether reading broke off."""
    records, rejected = [], 0
    try:
        for item in items_of(blocks):
            if isinstance(item, RawRecord):
                records.append(item.json)
            rejected += isinstance(item, Rejection)
    except InputError:
        return records, rejected, True
    return records, rejected, False


def in_steps(data: bytes, size: int) -> Iterator[bytes]:
    """Byte strings of a size, with "nothing there yet" between them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        yield b""


@values
def test_value_of_a_member_on_its_line(text: bytes, good: bool) -> None:  # noqa: FBT001
    """In NDJSON a good value arrives as written, and a bad one costs only its own record."""
    record = b'{"v":' + text + b"}"
    lines = b'{"id":1}\n' + record + b'\n{"id":2}\n'
    for size in (7, len(lines)):
        records, rejected, broken = taken(read_ndjson(in_steps(lines, size), "f", LIMIT))
        assert records == [b'{"id":1}', *([record] if good else []), b'{"id":2}']
        assert rejected == (not good)
        assert not broken


@values
def test_value_of_a_member_in_an_array(text: bytes, good: bool) -> None:  # noqa: FBT001
    """In an array a good value arrives as written; a bad one costs its record, or ends it all."""
    record = b'{"v":' + text + b"}"
    document = b'[{"id":1},\n' + record + b',{"id":2}]'
    outcomes = [
        taken(read_json(in_steps(document, size), "f", LIMIT)) for size in (7, len(document))
    ]
    assert outcomes[0] == outcomes[1]
    records, rejected, broken = outcomes[0]
    if good:
        assert records == [b'{"id":1}', record, b'{"id":2}']
        assert not rejected
    else:
        assert record not in records
        assert broken or (records, rejected) == ([b'{"id":1}', b'{"id":2}'], 1)


@values
def test_value_as_a_record(text: bytes, good: bool) -> None:  # noqa: FBT001
    """Alone on its line, only a good object is a record; all else is rejected."""
    records, rejected, _ = taken(read_ndjson(iter([text]), "f", LIMIT))
    is_record = good and text.strip().startswith(b"{")
    assert records == ([text.strip()] if is_record else [])
    assert rejected == (not is_record)


@values
def test_value_as_a_document(text: bytes, good: bool) -> None:  # noqa: FBT001
    """A whole document is as many records as it has objects; a bad one never passes for whole."""
    records, rejected, broken = taken(read_json(iter([text]), "f", LIMIT))
    value = parse_value(text) if good else None
    if isinstance(value, list):
        assert len(records) == sum(isinstance(element, dict) for element in value)
        assert len(records) + rejected == len(value)
    elif good:
        assert records == ([text.strip()] if isinstance(value, dict) else [])
    assert good or broken or rejected
    assert not (good and broken)


def is_json_to_python(text: bytes) -> bool:
    """What Python's own parser says, which lets words and halves of surrogate pairs pass."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        value = json.loads(text.decode(), parse_constant=refuse, parse_int=str)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


@values
def test_value_is_read_as_another_parser_does(text: bytes, good: bool) -> None:  # noqa: FBT001
    """Python's own parser agrees on what is good, but for the depth it can follow."""
    if max(text.count(b"["), text.count(b"{")) < 500:
        assert is_json_to_python(text) == good


@pytest.mark.parametrize(
    ("document", "records", "rejected", "broken"),
    [
        (b"", 0, 0, False),
        (b" \r\n\t ", 0, 0, False),
        (b"[]", 0, 0, False),
        (b"[][]", 0, 0, False),
        (b'{"a":1}', 1, 0, False),
        (b'{"a":1}{"a":2}', 2, 0, False),
        (b'{"a":1}\r\n{"a":2}\r\n', 2, 0, False),
        (b'[{"a":1}][{"a":2}] {"a":3}', 3, 0, False),
        (b'[{"a":1},1,"x",null,[{}],{"a":2}]', 2, 4, False),
        (b'[{"a":1},"\\ud800","\x01","\xff",{"a":2}]', 2, 3, False),
        (b'[{"a":1},{"a":"\\ud800"},{"a":2}]', 2, 1, False),
        (b'1 2 "x" {"a":1}', 1, 3, False),
        (b'[{"a":1},NaN,{"a":2}]', 1, 0, True),
        (b'[{"a":1}', 1, 0, True),
        (b'[{"a":1},', 1, 0, True),
        (b'[{"a":1},]', 1, 0, True),
        (b'[{"a":1}{"a":2}]', 1, 0, True),
        (b'[{"a":1}]]', 1, 0, True),
        (b'[{"a":1}],{"a":2}', 1, 0, True),
        (b'[{"a":1}] trailing', 1, 0, True),
        (b'[{"a":1},{"a":[}]', 1, 0, True),
        (b'[{"a":1},{"a":"]', 1, 0, True),
        (b'[{"a":1},"x', 1, 0, True),
        (b'{"a":1}\x00', 1, 0, True),
        (b"tru", 0, 0, True),
        (b'"a" : 1', 0, 1, True),
    ],
)
def test_document_is_taken_as_far_as_it_is_json(
    document: bytes, records: int, rejected: int, *, broken: bool
) -> None:
    """Records before the place where a document stops being JSON arrive; then it is refused."""
    for size in (1, 3, 1000):
        outcome = taken(read_json(in_steps(document, size), "f", LIMIT))
        assert (len(outcome[0]), *outcome[1:]) == (records, rejected, broken)


json_texts = st.sampled_from([text for text in GOOD.values() if len(text) < 200])
spaces = st.sampled_from([b"", b" ", b"\t", b"\n", b"\r\n  "])


@given(st.lists(st.tuples(json_texts, spaces), max_size=5), st.integers(1, 50))
def test_awkward_values_arrive_however_they_are_cut(
    parts: list[tuple[bytes, bytes]], size: int
) -> None:
    """Good values, spaced oddly, arrive byte for byte wherever the byte strings are cut."""
    texts = [
        b"{" + space + b'"v"' + space + b":" + space + text + b"," + space + b'"n":%d}' % number
        for number, (text, space) in enumerate(parts)
    ]
    spaced = [space + text + space for text, (_, space) in zip(texts, parts, strict=True)]
    array = b"[" + b",".join(spaced) + b"]"
    for document in (array, b"".join(spaced)):
        assert taken(read_json(in_steps(document, size), "f", LIMIT)) == (texts, 0, False)


@given(st.binary(max_size=60), st.integers(1, 50))
def test_any_bytes_are_read_the_same_however_they_are_cut(noise: bytes, size: int) -> None:
    """What becomes of bytes of any kind does not depend on where they are cut."""
    for data in (noise, b'[{"a":1},' + noise, b'{"a":"' + noise + b'"}{"b":[]}'):
        whole = taken(read_json(iter([data]), "f", LIMIT))
        assert taken(read_json(in_steps(data, size), "f", LIMIT)) == whole
        lines = taken(read_ndjson(iter([data]), "f", LIMIT))
        assert taken(read_ndjson(in_steps(data, size), "f", LIMIT)) == lines


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b'{"a":1,"a":2}', "a"),
        (b'{"a":1,"\\u0061":2}', "a"),
        (b'{"":1,"":1}', ""),
        (b'{"a":{"x":1},"b":":","a":1}', "a"),
        (b'{"a":1e400,"b":2,"a":3}', "a"),
        (b'{"d":' + b"[" * 300 + b"]" * 300 + b',"a":":","a":1}', "a"),
        (b'{"a":"\\u003a","b:":1,"b:":2}', "b:"),
        (b"{" + b",".join(b'"%d":0' % (n % 30_000) for n in range(30_001)) + b"}", "0"),
    ],
)
def test_duplicate_name_is_refused(text: bytes, name: str) -> None:
    """An object that has a name twice is refused, as one value would be lost; the name is shown."""
    with pytest.raises(MalformedJsonError, match=f"'{name}' occurs twice"):
        parse_object(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"d":' + b"[" * 300 + b"]" * 300 + b',"t":"12:30"}',
        b'{"a":{"x":1,"x":2},"t":"12:30","b":[{"x":1,"x":1}]}',
        b'{"a":"\\u003a\\u003A::"}',
        b"{" + b",".join(b'"%d":":"' % n for n in range(30_000)) + b"}",
    ],
)
def test_colons_do_not_pass_for_duplicate_names(text: bytes) -> None:
    """Names that all differ are accepted, whatever colons and nesting there are in the values."""
    assert parse_object(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"a": NaN}', "NaN is not JSON at column 7"),
        (b'{\n  "a": 1,\n  "b": None\n}', "None is not JSON at line 3 of the record, column 8"),
        (b'{"name": Smith}', "unexpected character, expected a JSON value at column 10"),
        (b'{\n "a": 1e400,\n "b" 2}', "line 3 of the record, column 6"),
        (b'{"a": "\xc3\xa9\xff"}', "byte 0xff at offset 9"),
    ],
)
def test_fault_has_its_place(text: bytes, place: str) -> None:
    """The reason has line, column or offset within the record, and nothing of its contents."""
    with pytest.raises(MalformedJsonError) as refusal:
        parse_object(text)
    assert place in refusal.value.reason


def test_long_name_is_shortened() -> None:
    """A reason shows at most 40 characters of a name."""
    name = "n" * 100_000
    with pytest.raises(MalformedJsonError) as refusal:
        parse_object(f'{{"{name}":1,"{name}":2}}'.encode())
    assert refusal.value.reason == f"the name '{'n' * 39}…' occurs twice"


def test_spaces_after_an_object_cost_no_more_than_others() -> None:
    """A good object with an escape and 20 MB of spaces after it is parsed and cut at once."""
    text = rb'{"a":"\u003a"}' + b" " * 20_000_000
    assert parse_object(text) == {"a": ":"}
    assert members(text) == {"a": rb'"\u003a"'}


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_texts))
def test_object_is_cut_into_exact_members(texts: dict[str, bytes]) -> None:
    """An object that is cut into its members has the exact text of each value."""
    object_ = (
        b"{" + b" ,".join(json.dumps(n).encode() + b" : " + t for n, t in texts.items()) + b"}"
    )
    assert members(object_) == {name: text.strip() for name, text in texts.items()}
    array = b"[" + b" , ".join(texts.values()) + b"]"
    assert split(array) == [text.strip() for text in texts.values()]
