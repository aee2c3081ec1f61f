//! Long lines are found, and only those that can be broken.

use super::*;

fn found(path: &str, text: &str) -> Vec<String> {
    check(&Tree::of(&[(path, text)]))
}

#[test]
fn long_lines_are_breaches() {
    let line = |columns: usize| format!("//! {}\n", "é".repeat(columns - 4));
    assert_eq!(found("xtask/src/a.rs", &line(MAX_RUST)), Vec::<String>::new());
    assert_eq!(found("xtask/src/a.rs", &line(MAX_RUST + 1)).len(), 1);
    assert_eq!(found("docs/a.md", &line(MAX_MARKDOWN)), Vec::<String>::new());
    assert_eq!(found("docs/a.md", &line(MAX_MARKDOWN + 1)).len(), 1);
    assert_eq!(found("crates/a/data.csv", &line(999)), Vec::<String>::new());
}

#[test]
fn what_cannot_be_broken_is_left_alone() {
    let long = "x".repeat(MAX_MARKDOWN);
    let text = format!("| {long} |\n```\n a {long}\n```\nsee [here]({long}).\n");
    assert_eq!(found("docs/a.md", &text), Vec::<String>::new());
    assert_eq!(found("docs/a.md", &format!("see [{long}](here).\n")).len(), 1);
}
