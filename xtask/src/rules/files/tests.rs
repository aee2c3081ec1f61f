//! Each rule about a source file is broken once, and once kept.

use super::*;

fn breaches(path: &str, text: &str) -> Vec<String> {
    check(&Tree::of(&[(path, text)]))
}

#[test]
fn a_good_file_breaks_nothing() {
    let text = "//! Says what it is for.\nfn f() { assert!(matches!(1, 1)); }\n";
    assert_eq!(breaches("crates/a/src/lib.rs", text), Vec::<String>::new());
}

#[test]
fn each_rule_is_noticed() {
    let bindings = concat!("//! A.\nuse pg", "_sys::Oid;\n");
    let bare = concat!("//! A.\nfn f() {\n    matches", "!(1, 2);\n}\n");
    let long = format!("//! A.\n{}", "\n".repeat(MAX_LINES));
    let call = concat!("//! A.\nfn f() { OidSendFunction", "Call(1, 2) }\n");
    for (text, what) in [
        ("fn f() {}", "open"),
        (call, "settings"),
        (bindings, "names"),
        (bare, "nothing"),
        (&long, "lines"),
    ] {
        let found = breaches("crates/a/src/lib.rs", text);
        assert!(found.len() == 1 && found[0].contains(what), "{what}: {found:?}");
    }
    assert!(breaches("crates/pg_stretch/src/lib.rs", bindings).is_empty());
}
