//! Imports that point upward are found, however they are written.

use super::*;

fn breaches(path: &str, text: &str) -> Vec<String> {
    check(&Tree::of(&[(&format!("{EXTENSION}/{path}"), text)]))
}

#[test]
fn downward_and_sideways_is_right() {
    let text = "use crate::{pg::spi, catalog::Row};\nuse super::other;\nfn f() { crate::endpoint::open() }\n";
    assert_eq!(breaches("cold/choose.rs", text), Vec::<String>::new());
    assert_eq!(breaches("lib.rs", "mod start;\nmod pg;\n"), Vec::<String>::new());
}

#[test]
fn upward_is_a_breach() {
    for text in [
        "\nuse crate::cold::choose;",
        "\nuse crate::{pg::spi, cold::{choose, lost}};",
        "\nuse super::super::cold::choose;",
        "\nuse super::super::cold as ground;",
        "\nfn f() { crate::cold::choose::all() }",
        "\nfn f() { super::super::cold::choose() }",
    ] {
        let found = breaches("catalog/rows.rs", text);
        assert!(!found.is_empty(), "{text}");
        assert!(
            found[0].contains("catalog/rows.rs:2: catalog imports crate::cold"),
            "{found:?}"
        );
    }
    // In `mod.rs` one `super` is the crate already.
    assert_eq!(breaches("catalog/mod.rs", "use super::cold::choose;").len(), 1);
    assert_eq!(breaches("start.rs", "use crate::worker;"), Vec::<String>::new());
    assert_eq!(breaches("api/mod.rs", "use crate::start;").len(), 1);
}

#[test]
fn what_is_in_no_room_is_named() {
    assert_eq!(breaches("attic/a.rs", ""), [format!("{EXTENSION}/attic is no room")]);
    assert_eq!(breaches("pg/a.rs", "use crate::attic::A;").len(), 1);
    assert_eq!(breaches("lib.rs", "mod pg;\npub fn f() {}").len(), 1);
    assert_eq!(breaches("lib.rs", "mod pg;\npub use pg::spi;").len(), 1);
}
