//! Imports are found however they are written, and nothing else is taken for one.

use super::*;

fn module(path: &str) -> Vec<String> {
    path.split("::").filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

/// Absolute paths of `use` declarations (`path as name`) and of paths in the code.
fn found(text: &str, here: &str) -> Vec<String> {
    let source = read(text, &module(here));
    let uses = source.uses.iter().filter_map(|u| {
        let path = absolute(&u.here, &u.path)?.join("::");
        Some(format!("{}: {path} as {}", u.line, u.name))
    });
    let paths = source.paths.iter().filter_map(|p| {
        let path = absolute(&p.here, &p.path)?.join("::");
        Some(format!("{}: {path}", p.line))
    });
    uses.chain(paths).collect()
}

#[test]
fn use_trees_are_dissolved() {
    let text = "use crate::{\n    a::{self, B, c::*},\n    d as e,\n};\npub(crate) use super::super::f::G as _;\nuse \
        std::fmt;";
    let expected = ["2: a as a", "2: a::B as B", "2: a::c as *", "3: d as e", "5: f::G as _"];
    assert_eq!(found(text, "x::y"), expected);
}

#[test]
fn paths_in_code_are_found() {
    let text = "fn f() { crate::a::b(1); self::c::d!(); super::e::F::<u8>::g(); x.map(super::h) }";
    assert_eq!(
        found(text, "x::y"),
        ["1: a::b", "1: x::y::c::d", "1: x::e::F", "1: x::h"]
    );
}

#[test]
fn comments_strings_and_visibility_are_no_imports() {
    let text =
        "// use crate::a;\n/* crate::b::c */ const S: &str = \"crate::d::e\";\npub(in crate::f) fn g() {}\n::h::i();";
    assert_eq!(found(text, "x"), Vec::<String>::new());
}

#[test]
fn inline_modules_are_modules() {
    let text = "mod inner { use super::a::B; mod deep { fn f() { super::super::c::d() } } }\nuse super::e;";
    assert_eq!(found(text, "x"), ["1: x::a::B as B", "2: e as e", "1: x::c::d"]);
}

#[test]
fn definitions_and_children_are_noted() {
    let text = "mod a;\nmod b { }\nconst fn f() {}\nstatic mut S: u8 = 0;\nconst C: \
        u8 = 1;\nstruct D;\nmacro_rules! m { () => {} }";
    let source = read(text, &module("x"));
    assert_eq!(source.children, [module("x::a"), module("x::b")]);
    for name in ["f", "S", "C", "D", "m"] {
        assert!(source.defines.contains(name), "{name}");
    }
}
