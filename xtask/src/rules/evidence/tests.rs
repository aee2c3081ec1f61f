//! Tests are found in their modules, and nowhere else.

use super::*;

fn found(invariants: &str, restores: &str) -> Vec<String> {
    check(&Tree::of(&[
        (INVARIANTS.0, invariants),
        (TABLES[0], restores),
        ("crates/e2e/tests/e2e/pitr.rs", "fn moments_come_back() {}"),
        ("crates/e2e/tests/e2e/pitr/load.rs", "fn under_load() {}"),
        ("crates/a/src/plan/tests.rs", "fn a_plan_is_made() {}"),
        ("crates/a/src/inline.rs", "mod tests { fn a_test_inside() {} }"),
    ]))
}

#[test]
fn tests_that_are_there() {
    for test in [
        "pitr::moments_come_back",
        "pitr::load::under_load",
        "pitr::load",
        "plan::tests::a_plan_is_made",
        "plan::tests",
        "inline::tests::a_test_inside",
        "pitr::moments_…",
        "i07-some.patch",
    ] {
        assert_eq!(
            found(&format!("* Test: `{test}` (a)\n"), ""),
            Vec::<String>::new(),
            "{test}"
        );
        assert_eq!(
            found("", &format!("| rule | `{test}` |\n")),
            Vec::<String>::new(),
            "{test}"
        );
    }
}

#[test]
fn tests_that_are_missing() {
    for test in [
        "pitr::under_load",
        "pitr::moments_come",
        "load::moments_come_back",
        "gone::at_all",
    ] {
        let said = format!("there is no test {test}");
        assert_eq!(
            found(&format!("* Test: `pitr::load`,\n  `{test}`\n"), ""),
            [format!("docs/invariants.md:2: {said}")]
        );
        assert_eq!(
            found("", &format!("| rule | `{test}` |\n")),
            [format!("docs/backup-and-restore.md:1: {said}")]
        );
    }
}

#[test]
fn other_items_name_other_things() {
    assert_eq!(
        found("* Owner: `some_crate::module`\n* Test: none\n", "`not::a_row`\n"),
        Vec::<String>::new()
    );
}
