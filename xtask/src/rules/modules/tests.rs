//! A name leads to the file that defines it, also through re-exports.

use super::*;

fn parts(path: &str) -> Vec<String> {
    path.split("::").map(str::to_owned).collect()
}

#[test]
fn names_lead_to_their_files() {
    let tree = Tree::of(&[
        ("crates/a/src/lib.rs", "mod room; mod other;"),
        (
            "crates/a/src/room/mod.rs",
            "mod one; mod two; pub use one::Made; pub use two::*; pub use self::one::Made as Known; \
             pub fn own() {} use std::fmt;",
        ),
        ("crates/a/src/room/one.rs", "pub struct Made;"),
        ("crates/a/src/room/two.rs", "pub fn starred() {}"),
        ("crates/a/src/other.rs", "use crate::room;"),
    ]);
    let modules = Modules::read(&tree, "crates/a/src");
    let name = |path: &str| match modules.resolve(&parts(path)) {
        Some(Target::Name(file, name)) => format!("{file} {name}"),
        other => format!("{other:?}"),
    };
    assert_eq!(name("room::Made"), "crates/a/src/room/one.rs Made");
    assert_eq!(name("room::Known"), "crates/a/src/room/one.rs Made");
    assert_eq!(name("room::starred"), "crates/a/src/room/two.rs starred");
    assert_eq!(name("room::own"), "crates/a/src/room/mod.rs own");
    assert_eq!(name("room::one::Made"), "crates/a/src/room/one.rs Made");
    assert_eq!(name("room::fmt"), "None");
    assert_eq!(
        modules.resolve(&parts("room")),
        Some(Target::Module("crates/a/src/room/mod.rs"))
    );
    // An imported module stands for its path.
    let written = modules.absolute("crates/a/src/other.rs", &parts("other"), &parts("room::own"));
    assert_eq!(written, Some(parts("room::own")));
}

#[test]
fn crates_are_found_by_their_roots() {
    let tree = Tree::of(&[
        ("crates/a/src/lib.rs", ""),
        ("crates/a/src/room/lib.rs", ""),
        ("crates/a/src/bin/one/main.rs", ""),
        ("crates/a/src/bin/one/part.rs", ""),
        ("crates/a/src/bin/two.rs", ""),
        ("crates/a/tests/main.rs", ""),
        ("x/src/main.rs", ""),
    ]);
    let found: Vec<&str> = crates(&tree).into_iter().collect();
    assert_eq!(found, ["crates/a/src", "crates/a/src/bin/one", "x/src"]);
    let files = |folder| Modules::read(&tree, folder).files.into_keys().collect::<Vec<_>>();
    assert_eq!(
        files("crates/a/src"),
        ["crates/a/src/lib.rs", "crates/a/src/room/lib.rs"]
    );
    assert_eq!(
        files("crates/a/src/bin/one"),
        ["crates/a/src/bin/one/main.rs", "crates/a/src/bin/one/part.rs"]
    );
}
