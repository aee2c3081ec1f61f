//! Comments and strings hide what is in them, and lines stay right.

use super::*;

fn words(text: &str) -> Vec<&str> {
    let tokens = tokens(text).into_iter();
    tokens
        .filter(|token| token.kind == Kind::Word)
        .map(|t| t.text)
        .collect()
}

#[test]
fn comments_and_strings_are_no_words() {
    let text = "a /* b /* c */ d */ e // f\n\"g \\\" h\" i r#\"j \" k\"# l b\"m\" br\"n\\\" o c\"p\" r\"q\" r";
    assert_eq!(words(text), ["a", "e", "i", "l", "o", "r"]);
}

#[test]
fn lifetimes_characters_and_numbers_are_marks() {
    let text = "fn f<'a>(x: &'a u8) { b'\"'; '\"'; '\\''; 'é'; 0xF1; r#type; x.1 }";
    assert_eq!(words(text), ["fn", "f", "x", "u8", "type", "x"]);
}

#[test]
fn lines_are_counted_through_everything() {
    let text = "/*\n*/ a \"\n\n\" b\n::c";
    let found: Vec<_> = tokens(text).into_iter().map(|t| (t.text, t.line)).collect();
    assert_eq!(found, [("a", 2), ("\n\n", 2), ("b", 4), ("::", 5), ("c", 5)]);
}
