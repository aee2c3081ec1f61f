//! Cutting and comparing, on made-up printings.

use super::{Likeness, compare, cut, difference, digest, obeys_order};
use crate::psql_script::pieces;

#[test]
fn what_was_printed_is_found_by_the_lines_of_the_script() {
    let script = "-- first\nSELECT 1;\n\nSELECT 2,\n 3;\nCOPY t FROM stdin;\n1\n\\.\nSELECT 4;\n";
    let printed = [
        "-- first\nSELECT 1;\n 1\n\n",
        "SELECT 2,\n 3;\n 2|3\n\n",
        "COPY t FROM stdin;\n",
        "SELECT 4;\n 4\n",
    ];
    assert_eq!(cut(&printed.concat(), &pieces(script)).expect("all there"), printed);
    let error = cut(&printed[..3].concat(), &pieces(script)).expect_err("the end is missing");
    assert!(error.contains("line 9"), "{error}");
}

#[test]
fn a_line_may_have_no_end() {
    let printed = ["\\echo -n one\none", "\\echo two\ntwo\n"];
    let script = "\\echo -n one\n\\echo two";
    assert_eq!(cut(&printed.concat(), &pieces(script)).expect("all there"), printed);
}

#[test]
fn a_script_may_end_early() {
    let script = "\\if :skip\n\\quit\n\\endif\nSELECT 1;\n";
    assert_eq!(
        cut("\\if :skip\n\\quit\n", &pieces(script)).expect("all there").len(),
        1
    );
}

#[test]
fn order_and_content_are_told_apart() {
    assert_eq!(compare("a\nb\nb\n", "a\nb\nb\n"), Likeness::Same);
    assert_eq!(compare("a\nb\nb\n", "b\na\nb\n"), Likeness::Reordered);
    assert_eq!(compare("a\nb\nb\n", "a\na\nb\n"), Likeness::Different);
    assert_eq!(difference("a\nb\nb\n", "a\nb\nc\n", 5), "- b\n+ c\n");
    assert_eq!(difference("a\nb\nc\n", "", 1), "- a\n- … 2 more\n");
    assert_ne!(digest("a"), digest("b"));
}

#[test]
fn equal_keys_may_come_in_any_order() {
    let printed = |rows: [&str; 3]| format!(" a | b \n---+---\n {}\n(3 rows)\n\n", rows.join("\n "));
    let (one, other) = (
        printed(["1 | x", "1 | y", "2 | z"]),
        printed(["1 | y", "1 | x", "2 | z"]),
    );
    let wrong = printed(["2 | z", "1 | x", "1 | y"]);
    for (statement, obeys) in [
        ("SELECT a, b FROM t", true),
        ("SELECT a, (SELECT 1 ORDER BY b) AS b FROM t;", true),
        ("SELECT a, b FROM t ORDER BY t.a DESC NULLS LAST LIMIT 3;", true),
        ("SELECT a, b FROM t ORDER BY 1;", true),
        ("SELECT a, b FROM t ORDER BY a, b;", false),
        ("SELECT a, b FROM t ORDER BY a, c;", false),
    ] {
        assert_eq!(obeys_order(statement, &one, &other), obeys, "{statement}");
        assert!(!statement.contains("ORDER BY t.a") || !obeys_order(statement, &one, &wrong));
    }
    let notices = ["NOTICE:  1\nNOTICE:  2\n", "NOTICE:  2\nNOTICE:  1\n"].map(|told| told.to_owned() + &one);
    assert!(obeys_order("SELECT a FROM t ORDER BY f(a)", &notices[0], &notices[1]));
}
