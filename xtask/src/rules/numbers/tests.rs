//! Citations are told from words that look like them. Numbers are put together here, so that these are no citations
//! themselves.

use super::*;

const F: &str = "F";

fn found(path: &str, text: &str) -> Vec<String> {
    let pages = [
        (RULES, format!("### {F}13: exact\n### {}-5: checksums\n", "I")),
        (DESIGN, "# Design\n## 9. Names\n".to_owned()),
    ];
    check(&Tree::of(&[(RULES, &pages[0].1), (DESIGN, &pages[1].1), (path, text)]))
}

#[test]
fn an_undefined_number_is_a_breach() {
    let text = format!("// {F}13, {}-5 and design §9.2 are known\n", "I");
    assert_eq!(found("crates/a/src/lib.rs", &text), Vec::<String>::new());
    for (text, entry) in [
        (format!("// see {F}99.\n"), format!("{F}99")),
        (format!("// ({}-7)\n", "C"), format!("{}-7", "C")),
        (format!("/// {}-12/{}-5\n", "D", "I"), format!("{}-12", "D")),
        (format!("// {SECTION}31.4\n"), "31".to_owned()),
    ] {
        let breaches = found("crates/a/src/lib.rs", &text);
        assert!(
            breaches.len() == 1 && breaches[0].contains(&format!("no entry {entry}, cited in crates/a/src/lib.rs:1")),
            "{breaches:?}"
        );
    }
    // The same text where nobody looks.
    assert_eq!(found("LICENSE", &format!("{F}99")), Vec::<String>::new());
}

#[test]
fn other_words_are_no_numbers() {
    let text = format!(
        "// {F}1-score 0x{F}99 {F}0000 a{F}7 UT{c}-3 {F}99a 1{F}99 ab-{F}99 {F}9-11e\nlet {F}64 = 1;\n",
        c = "C"
    );
    assert_eq!(found("crates/a/src/lib.rs", &text), Vec::<String>::new());
}

#[test]
fn a_missing_page_is_one_breach() {
    let text = format!("{F}1 {F}2");
    let breaches = check(&Tree::of(&[(DESIGN, ""), ("README.md", &text)]));
    assert_eq!(breaches, [format!("{RULES} is missing; 2 numbers of it are cited")]);
}

#[test]
fn two_entries_are_a_breach() {
    let page = format!("### {F}1: a\n### {F}1: b\n");
    let breaches = check(&Tree::of(&[(DESIGN, ""), (RULES, &page)]));
    assert_eq!(breaches, [format!("{RULES} has two entries {F}1")]);
}
