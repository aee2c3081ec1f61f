//! Random values, as text; each function likes the corners of its type.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use std::fmt::Write;

/// Length of the longest values, which are never stored in line.
pub const LONG: usize = 1 << 20;

fn pick(r: &mut StdRng, corners: &[&str]) -> String {
    (*corners.choose(r).expect("there are corners")).to_owned()
}

/// A corner now and then, else what `usual` makes.
fn mostly(r: &mut StdRng, corners: &[&str], usual: impl FnOnce(&mut StdRng) -> String) -> String {
    if r.random_bool(0.25) {
        pick(r, corners)
    } else {
        usual(r)
    }
}

fn join<const N: usize>(r: &mut StdRng, between: &str, mut one: impl FnMut(&mut StdRng) -> String) -> String {
    let count = r.random_range(0..=N);
    let parts: Vec<String> = (0..count).map(|_| one(r)).collect();
    parts.join(between)
}

pub fn boolean(r: &mut StdRng) -> String {
    pick(r, &["t", "f"])
}

pub fn int2(r: &mut StdRng) -> String {
    mostly(r, &["-32768", "32767", "0", "-1"], |r| r.random::<i16>().to_string())
}

pub fn int4(r: &mut StdRng) -> String {
    mostly(r, &["-2147483648", "2147483647", "0", "-1"], |r| {
        r.random_range(-1000..100_000).to_string()
    })
}

pub fn int8(r: &mut StdRng) -> String {
    mostly(r, &["-9223372036854775808", "9223372036854775807", "0"], |r| {
        r.random::<i64>().to_string()
    })
}

pub fn float4(r: &mut StdRng) -> String {
    let corners = ["NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4028235e38", "0.1"];
    mostly(r, &corners, |r| r.random_range(-1e6f32..1e6).to_string())
}

pub fn float8(r: &mut StdRng) -> String {
    let corners = [
        "NaN",
        "Infinity",
        "-Infinity",
        "-0",
        "5e-324",
        "1.7976931348623157e308",
        "0.1",
    ];
    mostly(r, &corners, |r| r.random_range(-1e9f64..1e9).to_string())
}

/// At most that many digits before and after the point.
pub fn decimal(r: &mut StdRng, before: usize, after: usize) -> String {
    let mut text = String::from(if r.random_bool(0.4) { "-" } else { "" });
    let corner = r.random_bool(0.1);
    let digit = |r: &mut StdRng| {
        if corner {
            '9'
        } else {
            char::from(r.random_range(b'0'..=b'9'))
        }
    };
    for _ in 0..r.random_range(1..=before.max(1)) {
        text.push(digit(r));
    }
    if after > 0 && r.random() {
        text.push('.');
        for _ in 0..after {
            text.push(digit(r));
        }
    }
    // A number whose precision is declared may be NaN but not infinite.
    if r.random_bool(0.05) { "NaN".to_owned() } else { text }
}

pub fn numeric(r: &mut StdRng) -> String {
    let corners = [
        "NaN",
        "Infinity",
        "-Infinity",
        "0.0000",
        "-0.10",
        "1e100",
        "1e-100",
        "9999.9999",
        "10000",
    ];
    mostly(r, &corners, |r| {
        let (before, after) = (r.random_range(1..60), r.random_range(0..60));
        decimal(r, before, after)
    })
}

const LETTERS: &[char] = &[
    'a', 'b', 'z', 'A', 'Z', '0', ' ', '\t', '\n', '\\', '\'', '"', ',', '{', '}', '|', 'é', 'ß', '€', '漢', '😀',
    '\u{7f}',
];

fn letters(r: &mut StdRng, length: usize) -> String {
    (0..length).map(|_| *LETTERS.choose(r).expect("letters")).collect()
}

/// Lengths around every border: short header, in line, compressed, outside, a megabyte.
fn length(r: &mut StdRng) -> usize {
    match r.random_range(0..1000) {
        0..=1 => LONG,
        2..=20 => r.random_range(9_000..40_000),
        21..=50 => r.random_range(1_900..2_200),
        51..=100 => r.random_range(120..132),
        101..=150 => 0,
        _ => r.random_range(1..40),
    }
}

pub fn text(r: &mut StdRng) -> String {
    let length = length(r);
    if length > 1_000 && r.random() {
        return "to be compressed ".repeat(length / 17 + 1);
    }
    letters(r, length)
}

pub fn short(r: &mut StdRng) -> String {
    let length = r.random_range(0..15);
    letters(r, length)
}

pub fn padded(r: &mut StdRng) -> String {
    pick(r, &["", "a", "é", "twelve chars", "  x  ", "x\ty"])
}

pub fn bytea(r: &mut StdRng) -> String {
    let mut text = String::from("\\x");
    for _ in 0..length(r) {
        write!(text, "{:02x}", r.random::<u8>()).expect("a string grows");
    }
    text
}

pub fn date(r: &mut StdRng) -> String {
    let corners = [
        "infinity",
        "-infinity",
        "4713-01-01 BC",
        "0001-12-31 BC",
        "0001-01-01",
        "5874897-12-31",
        "2000-01-01",
    ];
    mostly(r, &corners, |r| {
        format!(
            "{:04}-{:02}-{:02}",
            r.random_range(1..3000),
            r.random_range(1..13),
            r.random_range(1..29)
        )
    })
}

pub fn time(r: &mut StdRng) -> String {
    mostly(r, &["00:00", "24:00", "23:59:59.999999"], |r| {
        format!(
            "{:02}:{:02}:{:02}.{:06}",
            r.random_range(0..24),
            r.random_range(0..60),
            r.random_range(0..60),
            r.random_range(0..1_000_000)
        )
    })
}

pub fn timetz(r: &mut StdRng) -> String {
    let zone = r.random_range(-12..13);
    format!("{}{zone:+03}", time(r))
}

pub fn timestamp(r: &mut StdRng) -> String {
    let corners = [
        "infinity",
        "-infinity",
        "4713-01-01 00:00:00 BC",
        "0044-03-15 12:00 BC",
        "294276-12-31 23:59:59.999",
        "1999-12-31 23:59:59.999999",
        "2000-01-01 00:00",
    ];
    mostly(r, &corners, |r| {
        let day = format!(
            "{:04}-{:02}-{:02}",
            r.random_range(1800..2200),
            r.random_range(1..13),
            r.random_range(1..29)
        );
        format!(
            "{day} {:02}:{:02}:{:02}.{:06}",
            r.random_range(0..24),
            r.random_range(0..60),
            r.random_range(0..60),
            r.random_range(0..1_000_000)
        )
    })
}

pub fn timestamptz(r: &mut StdRng) -> String {
    let text = timestamp(r);
    if text.contains("infinity") || text.starts_with("294276") || text.ends_with("BC") {
        return text;
    }
    format!("{text}{:+03}", r.random_range(-11..12))
}

pub fn uuid(r: &mut StdRng) -> String {
    uuid::Uuid::from_u128(r.random()).to_string()
}

pub fn positive(r: &mut StdRng) -> String {
    r.random_range(1..1_000_000).to_string()
}

pub fn json(r: &mut StdRng) -> String {
    let corners = [
        "null",
        "{}",
        "[]",
        "\"\"",
        "1e5",
        "[1, [2, {\"a\": null}]]",
        "{\"b\": 1, \"a\": 2, \"a\": 3}",
        "\"\\u00e9\\n\"",
    ];
    mostly(r, &corners, |r| {
        let filler = "filler ".repeat(length(r) / 7);
        format!(
            "{{\"n\": {}, \"list\": [{}], \"filler\": \"{filler}\"}}",
            decimal_json(r),
            join::<5>(r, ", ", decimal_json)
        )
    })
}

fn decimal_json(r: &mut StdRng) -> String {
    format!("{}.{}", r.random_range(-99..99), r.random_range(0..1000))
}

fn number_or_null(r: &mut StdRng) -> String {
    if r.random_bool(0.2) {
        "NULL".to_owned()
    } else {
        r.random_range(-9..99).to_string()
    }
}

pub fn int_array(r: &mut StdRng) -> String {
    mostly(r, &["{}", "{{1,2},{3,NULL}}", "[-2:0]={7,8,9}", "{NULL}"], |r| {
        format!("{{{}}}", join::<30>(r, ",", number_or_null))
    })
}

pub fn numeric_array(r: &mut StdRng) -> String {
    format!("{{{}}}", join::<6>(r, ",", |r| decimal(r, 5, 3)))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub fn text_array(r: &mut StdRng) -> String {
    mostly(r, &["{}", "{NULL,\"NULL\"}", "{\"\"}"], |r| {
        format!("{{{}}}", join::<6>(r, ",", |r| quoted(&short(r))))
    })
}

pub fn interval(r: &mut StdRng) -> String {
    mostly(
        r,
        &["0", "-178000000 years", "1 mon -1 day 00:00:00.01", "-00:00:00.01"],
        |r| {
            format!(
                "{} mons {} days {}.{:02} secs",
                r.random_range(-50..50),
                r.random_range(-50..50),
                r.random_range(0..99_999),
                r.random_range(0..100)
            )
        },
    )
}

pub fn inet(r: &mut StdRng) -> String {
    mostly(r, &["::1", "2001:db8::1/64", "0.0.0.0/0", "10.1.2.3/8"], |r| {
        r.random::<[u8; 4]>().map(|b| b.to_string()).join(".")
    })
}

pub fn cidr(r: &mut StdRng) -> String {
    pick(r, &["10.0.0.0/8", "192.168.100.0/24", "2001:db8::/32", "::/0"])
}

pub fn macaddr(r: &mut StdRng) -> String {
    r.random::<[u8; 6]>().map(|b| format!("{b:02x}")).join(":")
}

pub fn money(r: &mut StdRng) -> String {
    format!("{}.{:02}", r.random_range(-9999..9999), r.random_range(0..100))
}

pub fn int_range(r: &mut StdRng) -> String {
    mostly(r, &["empty", "(,)", "[5,)", "(,5)"], |r| {
        let from = r.random_range(-100..100);
        format!("[{from},{}]", from + r.random_range(0..50))
    })
}

pub fn time_range(r: &mut StdRng) -> String {
    mostly(
        r,
        &[
            "empty",
            "(,)",
            "[\"2000-01-01 00:00+00\",infinity)",
            "(-infinity,\"0044-03-15 12:00+00 BC\"]",
        ],
        |r| {
            let year = r.random_range(1900..2000);
            format!(
                "[\"{year}-01-01 00:00+00\",\"{}-01-01 00:00+00\")",
                year + r.random_range(1..50)
            )
        },
    )
}

pub fn multirange(r: &mut StdRng) -> String {
    pick(
        r,
        &["{}", "{[1,5),[7,9]}", "{(,3),[10,)}", "{[-9223372036854775808,0)}"],
    )
}

pub fn text_range(r: &mut StdRng) -> String {
    pick(r, &["empty", "[a,b)", "(,z]", "[\"a, b\",\"c\\\"d\")"])
}

pub fn mood_range(r: &mut StdRng) -> String {
    pick(r, &["empty", "[sad,ok]", "(,\"very happy\")", "[ok,\"very happy\"]"])
}

pub fn tsvector(r: &mut StdRng) -> String {
    mostly(r, &["", "a:1A,2B b:3", "'it''s':1,16383"], |r| {
        join::<12>(r, " ", |r| {
            format!("word{}:{}", r.random_range(0..40), r.random_range(1..200))
        })
    })
}

pub fn tsquery(r: &mut StdRng) -> String {
    pick(r, &["", "a & !b", "(a | b) <-> c", "prefix:*", "w:AB"])
}

pub fn xml(r: &mut StdRng) -> String {
    pick(
        r,
        &["<a/>", "<a b=\"1\">text &amp; <c/></a>", "content only", "<é>ü</é>", ""],
    )
}

pub fn bits(r: &mut StdRng, length: usize) -> String {
    (0..length).map(|_| if r.random() { '1' } else { '0' }).collect()
}

pub fn varbit(r: &mut StdRng) -> String {
    let length = r.random_range(0..40);
    bits(r, length)
}

pub fn point(r: &mut StdRng) -> String {
    format!("({},{})", float8(r), float8(r))
}

pub fn a_box(r: &mut StdRng) -> String {
    format!(
        "({},{}),({},{})",
        r.random_range(-9..9),
        r.random_range(-9..9),
        r.random_range(-9..9),
        0.1
    )
}

pub fn path(r: &mut StdRng) -> String {
    pick(r, &["[(0,0),(1,1.5)]", "((0,0),(1,1),(2,-0.1))", "[(Infinity,0)]"])
}

pub fn lsn(r: &mut StdRng) -> String {
    format!("{:X}/{:X}", r.random::<u32>(), r.random::<u32>())
}

pub fn one_char(r: &mut StdRng) -> String {
    pick(r, &["a", "Z", " ", ""])
}

pub fn oid(r: &mut StdRng) -> String {
    r.random::<u32>().to_string()
}

pub fn mood(r: &mut StdRng) -> String {
    pick(r, &["sad", "ok", "very happy"])
}

pub fn mood_array(r: &mut StdRng) -> String {
    pick(r, &["{}", "{sad}", "{ok,NULL,\"very happy\"}", "{{sad,ok},{ok,sad}}"])
}

pub fn pair(r: &mut StdRng) -> String {
    mostly(r, &["(,,)", "(1,\"\",NaN)"], |r| {
        format!("({},{},{})", r.random_range(100..200), quoted(&short(r)), float8(r))
    })
}

pub fn nested(r: &mut StdRng) -> String {
    let pair = quoted(&pair(r));
    let moods = quoted(&mood_array(r));
    mostly(r, &["(,,,)"], |r| {
        format!("({},{pair},{moods},{})", quoted(&mood(r)), decimal(r, 4, 2))
    })
}

pub fn aclitem(r: &mut StdRng) -> String {
    pick(
        r,
        &["postgres=r/postgres", "=rw/postgres", "postgres=arwdDxt*/postgres"],
    )
}

pub fn regclass(r: &mut StdRng) -> String {
    pick(r, &["pg_class", "pg_catalog.pg_proc", "-"])
}

pub fn regtype(r: &mut StdRng) -> String {
    pick(r, &["int4", "text[]", "-"])
}
