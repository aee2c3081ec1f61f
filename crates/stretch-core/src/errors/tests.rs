//! The table of errors is consistent, and its page of documentation is up to date.

use super::*;
use std::collections::HashSet;

#[test]
fn codes_and_names_are_unique_and_well_formed() {
    let codes: HashSet<_> = ALL.iter().map(|def| def.sqlstate).collect();
    let names: HashSet<_> = ALL.iter().map(|def| def.name).collect();
    assert_eq!(codes.len(), ALL.len());
    assert_eq!(names.len(), ALL.len());
    for def in ALL {
        assert_eq!(def.sqlstate.len(), 5, "{}", def.name);
        assert!(
            def.sqlstate
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        );
        assert_eq!(def.sqlstate_bytes(), def.sqlstate.as_bytes());
        assert!(!def.message.contains(['\n', '|']) && !def.hint.contains(['\n', '|']));
        assert!(def.message.starts_with(|c: char| !c.is_uppercase()), "{}", def.name);
        assert!(!def.hint.is_empty());
    }
}

#[test]
fn class_st_has_no_gaps() {
    let ours: Vec<_> = ALL
        .iter()
        .map(|def| def.sqlstate)
        .filter(|code| code.starts_with("ST"))
        .collect();
    let expected: Vec<_> = (1..=20).map(|n| format!("ST{n:03}")).collect();
    assert_eq!(ours, expected);
    assert_eq!(by_sqlstate("ST001"), Some(&DISCONNECTED));
    assert_eq!(by_sqlstate("ST020"), Some(&QUERY_MODE_DISABLED));
    assert_eq!(by_sqlstate("ZZZZZ"), None);
}

/// `cargo xtask docs` sets `STRETCH_WRITE_DOCS`, which writes the page instead of comparing it.
#[test]
fn documentation_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    if std::env::var_os("STRETCH_WRITE_DOCS").is_some() {
        std::fs::write(path, markdown()).expect("write docs/errors.md");
    }
    let file = std::fs::read_to_string(path).expect("read docs/errors.md");
    assert!(file == markdown(), "docs/errors.md is stale: run cargo xtask docs");
}

#[test]
fn classes_hold_what_begins_with_them() {
    assert!(DATA_CLASS.holds("22012") && DATA_CLASS.holds(BAD_ARGUMENT.sqlstate));
    assert!(STATEMENT_CLASS.holds(NOT_FOUND.sqlstate) && NOT_SUPPORTED_CLASS.holds(UNSUPPORTED.sqlstate));
    assert!(!DATA_CLASS.holds(LOCKED.sqlstate) && !STATEMENT_CLASS.holds("04200"));
}
