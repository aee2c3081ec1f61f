//! A circle of files is found, and a folder that only lists its files is none.

use super::*;

/// A circle of two files.
const CIRCLE: [(&str, &str); 2] = [
    ("a.rs", "use crate::b::B;\npub struct A;"),
    ("b.rs", "use crate::a::A;\npub struct B;"),
];

fn found(files: &[(&str, &str)]) -> Vec<String> {
    found_in("crates/some/src", "lib.rs", files)
}

/// Of a crate with these files besides its root.
fn found_in(folder: &str, root: &str, files: &[(&str, &str)]) -> Vec<String> {
    let root = (root, "//! The root.");
    let files: Vec<_> = [&root].into_iter().chain(files).collect();
    let paths: Vec<String> = files.iter().map(|(path, _)| format!("{folder}/{path}")).collect();
    let files: Vec<(&str, &str)> = paths.iter().zip(files).map(|(p, (_, t))| (p.as_str(), *t)).collect();
    check(&Tree::of(&files))
}

#[test]
fn a_circle_is_described() {
    let circles = found(&[
        ("a.rs", "use crate::b::B;\npub struct A;"),
        ("b.rs", "use crate::c;\npub struct B; fn f() { c::run() }"),
        ("c.rs", "pub fn run() { crate::a::A; }"),
        ("d.rs", "use crate::a::A;"),
    ]);
    assert_eq!(
        circles,
        ["crates/some/src: circle of 3 files\n      a.rs -> b.rs (B) -> c.rs (run) -> a.rs (A)"]
    );
}

#[test]
fn a_list_of_files_is_no_circle() {
    let circles = found(&[
        ("room/mod.rs", "mod one;\nmod two;\npub use one::One;\npub use two::*;"),
        ("room/one.rs", "use super::Two;\npub struct One;"),
        ("room/two.rs", "pub struct Two;\n#[cfg(test)]\nmod tests;"),
        ("room/two/tests.rs", "use super::*;\nuse crate::room::One;"),
    ]);
    assert_eq!(circles, Vec::<String>::new());
}

#[test]
fn a_parent_that_uses_its_child_and_serves_it_is_one() {
    let files = [
        ("room/mod.rs", "mod one;\npub fn run() { one::go() }\npub struct Own;"),
        ("room/one.rs", "use super::Own;\npub fn go() {}"),
    ];
    let expected = usize::from(CHILDREN_STAND_ON_PARENTS);
    assert_eq!(found(&files).len(), expected);
}

#[test]
fn a_name_that_is_passed_on_and_used_counts() {
    let files = [
        ("room/mod.rs", "mod one;\npub use one::One;\npub fn own(one: One) {}"),
        ("room/one.rs", "pub struct One;\nfn f() { super::own(One) }"),
    ];
    assert_eq!(found(&files).len(), usize::from(CHILDREN_STAND_ON_PARENTS));
}

#[test]
fn every_crate_is_looked_at_and_named() {
    for (folder, root) in [
        ("crates/pg_stretch/src", "lib.rs"),
        ("crates/other/src", "lib.rs"),
        ("crates/other/src/bin/program", "main.rs"),
        ("xtask/src", "main.rs"),
    ] {
        let expected = format!("{folder}: circle of 2 files\n      a.rs -> b.rs (B) -> a.rs (A)");
        assert_eq!(found_in(folder, root, &CIRCLE), [expected]);
    }
    // Without a root it is no crate.
    assert_eq!(
        found_in("crates/other/src/folder", "lib.rs", &CIRCLE),
        Vec::<String>::new()
    );
}
