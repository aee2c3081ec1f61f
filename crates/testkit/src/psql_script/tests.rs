//! Where pieces end, and that nothing of a script is lost.

use super::{Piece, pieces};

/// The texts of the pieces, which together are the script.
fn cut(script: &str) -> Vec<String> {
    let found = pieces(script);
    let mut line = 1;
    for Piece { line: at, text, .. } in &found {
        assert_eq!(*at, line);
        line += text.lines().count();
    }
    found.into_iter().map(|piece| piece.text).collect()
}

/// One piece, whatever is in it.
#[track_caller]
fn whole(script: &str) {
    assert_eq!(cut(script), [script]);
}

#[test]
fn statements_end_at_the_end_of_a_line() {
    assert_eq!(
        cut("SELECT 1;\n-- why\n\nSELECT 2; SELECT\n 3;\n"),
        ["SELECT 1;\n", "-- why\n\nSELECT 2; SELECT\n 3;\n"]
    );
    let found = pieces("\n-- a; b\nSELECT 2; SELECT /* no; */\n 3;\n");
    assert_eq!(found[0].statements, ["SELECT 2;", "SELECT \n 3;"]);
    assert_eq!(found[0].heading, "-- a; b\nSELECT 2; SELECT /* no; */\n");
    assert_eq!(pieces("SELECT '\n\n',\n\n 1;\n")[0].heading, "SELECT '\n\n',\n 1;\n");
    assert_eq!(cut("SELECT 1;\n\n-- the end\n").len(), 2);
}

#[test]
fn quotes_hide_semicolons() {
    whole("SELECT 'it''s;\n', E'\\';\n', \"a;\n\", $$;\n$$, $a$ $b$;\n $a$;\n");
    whole("SELECT U&'\\0441;\n', $1, a$1;\n");
    whole("SELECT '\\', 1\n;\n");
    whole("SELECT /* ; /* nested */ ;\n */ 1;\n");
    assert_eq!(cut("SELECT a$b$;\nSELECT c$b$;\n").len(), 2);
    assert_eq!(cut("SELECT '\\';\nSELECT 1;\n").len(), 2);
}

#[test]
fn backslashes_escape_where_a_setting_says_so() {
    let script = "set standard_conforming_strings = off;\nSELECT 'a\\'b;\n';\nreset standard_conforming_strings;\n\
                  SELECT '\\';\n";
    assert_eq!(cut(script).len(), 4);
    assert_eq!(
        cut("set standard_conforming_strings = off;\nSELECT U&' \\';\nSELECT 1;\n").len(),
        3
    );
}

#[test]
fn rules_and_bodies_hide_semicolons() {
    whole("CREATE RULE r AS ON INSERT TO t DO (SELECT 1;\nSELECT 2);\n");
    whole("CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC\nSELECT CASE WHEN true THEN 1 END;\nEND;\n");
    assert_eq!(cut("BEGIN;\nSELECT 1;\nEND;\n").len(), 3);
}

#[test]
fn commands_end_pieces_and_send_statements() {
    assert_eq!(
        cut("\\set a 1\n\\echo ';' \"\nSELECT 1\n\\g\nSELECT 2 \\gset\n").len(),
        4
    );
    assert_eq!(
        pieces("SELECT 1 \\gset a \\\\ SELECT 2;\n")[0].statements,
        ["SELECT 1", "SELECT 2;"]
    );
    assert_eq!(pieces("SELECT 1\\; SELECT 2;\n")[0].statements, ["SELECT 1; SELECT 2;"]);
    assert_eq!(cut("SELECT 'a\n\\r\n';\n\\! echo ' \\x ;\nSELECT 2;\n").len(), 3);
    assert_eq!(pieces("SELECT 1 + \\r\nSELECT 2;\n")[0].statements, ["SELECT 2;"]);
}

#[test]
fn what_runs_only_sometimes_or_unseen_is_one_piece() {
    whole("\\if :skip\n\\quit\n\\else\nSELECT 1;\n\\endif\n");
    whole("\\set ECHO none\nSELECT 1;\n\\set ECHO all\n");
}

#[test]
fn data_belongs_to_its_copy() {
    assert_eq!(
        cut("COPY t (a) FROM stdin;\n'\t1\n\\.\n\\copy t from stdin (format csv)\n\"\n\\.\nSELECT 1;\n").len(),
        3
    );
    // The first fails and has no data.
    assert_eq!(cut("COPY t (b) FROM stdin;\nCOPY t FROM stdin;\n1\n\\.\n").len(), 2);
    assert_eq!(cut("copy (select 1) from stdin;\nSELECT 1;\n\\.\n").len(), 3);
    // Two of one sending.
    whole("select 0\\; copy t from stdin\\; copy t from stdin; -- why\n1\n\\.\n2\n\\.\n");
    assert_eq!(cut("COPY t TO stdout;\nSELECT 1;\n").len(), 2);
}
