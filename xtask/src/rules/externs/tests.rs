//! Blocks are told from functions, and names are read through `link_name`.

use super::*;

#[test]
fn a_block_outside_of_pg_is_a_breach() {
    let block =
        "//! A.\nunsafe extern \"C-unwind\" {\n    fn one(f: extern \"C\" fn(i32));\n    static mut TWO: i32;\n}\n";
    let inside = Tree::of(&[("crates/pg_stretch/src/pg/raw.rs", block)]);
    assert_eq!(check(&inside), Vec::<String>::new());
    let outside = Tree::of(&[("crates/pg_stretch/src/cold/fetch.rs", block)]);
    let found = check(&outside);
    assert!(
        found.len() == 1 && found[0].contains("cold/fetch.rs:2: an extern block"),
        "{found:?}"
    );
}

#[test]
fn functions_and_types_are_no_blocks() {
    let text = "unsafe extern \"C-unwind\" fn f() { }\ntype F = unsafe extern \"C\" fn(u8);\n// extern \"C\" {\n";
    assert_eq!(
        check(&Tree::of(&[("crates/pg_stretch/src/cold/fetch.rs", text)])),
        Vec::<String>::new()
    );
}

#[test]
fn a_second_declaration_is_a_breach() {
    let tree = Tree::of(&[
        (
            "crates/pg_stretch/src/pg/a.rs",
            "extern \"C\" { fn lc(x: u32) -> bool; }",
        ),
        (
            "crates/pg_stretch/src/pg/b.rs",
            "extern \"C\" {\n#[link_name = \"lc\"]\nfn other(x: u32) -> bool;\nfn lc2(); }",
        ),
    ]);
    let found = check(&tree);
    assert_eq!(
        found,
        ["lc is declared 2 times: crates/pg_stretch/src/pg/a.rs:1, crates/pg_stretch/src/pg/b.rs:3"]
    );
}
