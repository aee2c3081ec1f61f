//! Patterns against a matcher that tries everything, and their ranges against what matches.

use super::*;
use crate::seeded::runner;
use proptest::prelude::*;

/// As SQL says it: `%` is any text.
fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        ['\\', next, rest @ ..] | [next, rest @ ..] => text.first() == Some(next) && matches(rest, &text[1..]),
    }
}

#[test]
fn shapes_are_those_of_sql() {
    let counts = std::cell::Cell::new((0, 0));
    runner(3_000)
        .run(&("([ab%é]|\\\\[%_ab]){0,6}", "[abé%_]{0,7}"), |(pattern, text)| {
            let like = Like::parse(pattern.as_bytes()).expect("a pattern without _");
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            let expected = matches(&chars(&pattern), &chars(&text));
            prop_assert_eq!(like.matches(text.as_bytes()), expected, "{} {}", pattern, text);
            if expected {
                let (least, beyond) = like.range();
                let value = Bound::Bytes(text.into_bytes());
                prop_assert!(
                    least <= value && beyond.is_none_or(|beyond| value < beyond),
                    "{pattern} {value:?}"
                );
            }
            let (yes, no) = counts.get();
            counts.set((yes + usize::from(expected), no + usize::from(!expected)));
            Ok(())
        })
        .unwrap();
    let (yes, no) = counts.get();
    assert!(yes > 100 && no > 100, "{yes} {no}");
}

#[test]
fn what_bytes_do_not_tell_is_no_shape() {
    for pattern in ["a_b", "_", "a\\", "%\\"] {
        assert_eq!(Like::parse(pattern.as_bytes()), None, "{pattern}");
    }
    assert!(Like::parse(b"a\\_b").is_some_and(|like| like.matches(b"a_b") && !like.matches(b"axb")));
    let of_everything = Like::parse(b"\xFF%").expect("a shape");
    assert_eq!(of_everything.range(), (Bound::Bytes(vec![0xFF]), None));
}
