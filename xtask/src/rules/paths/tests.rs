//! Paths are found in backticks and looked for as they are meant.

use super::*;

fn found(text: &str) -> Vec<String> {
    check(&Tree::of(&[
        ("docs/page.md", text),
        ("docs/decisions/0015-conflicts.md", ""),
        ("crates/a/src/b.rs", ""),
        ("crates/a/tests/f29-one.patch", ""),
        ("crates/a/data.bin", "\0"),
        ("crates/pg_stretch/src/cold/reader.rs", ""),
    ]))
}

#[test]
fn paths_that_are_there() {
    for path in [
        "crates/a/src/b.rs",
        "crates/a/src/b.rs:12",
        "crates/a/src/b.rs::f",
        "crates/a/src/",
        "crates/a/src",
        "crates/a/{src,tests}",
        "crates/a/tests/f29-*",
        "crates/a/tests/*.patch",
        "crates/a/tests/f29-…",
        "crates/a/data.bin",
        "docs/decisions/0015",
        "cold/reader.rs",
        "cold/",
        "pg/…",
        "/etc/crates/x",
        "other/x",
    ] {
        assert_eq!(found(&format!("See `{path}`, please.")), Vec::<String>::new());
    }
    assert_eq!(found("crates/none is not quoted"), Vec::<String>::new());
}

#[test]
fn paths_that_are_not() {
    for path in [
        "crates/a/src/c.rs",
        "crates/a/sr",
        "cold/none.rs",
        "crates/a/{src,none}",
        "crates/a/tests/f30-*",
        "docs/decisions/0016",
        "docs/decisions/0015-other.md",
        "xtask/src",
    ] {
        assert_eq!(found(&format!("One `b` and `{path}`.")).len(), 1, "{path}");
    }
}
