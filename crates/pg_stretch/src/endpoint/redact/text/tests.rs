//! Texts that hold secrets, and messages that quote them.

use super::{is_secret, quotes};

#[test]
fn calls_with_secrets_are_known_in_any_case_and_place() {
    for text in [
        "SELECT stretch.create_master_key('x')",
        "select STRETCH.\"open_master_key\"($1)",
        "/* a */ SELECT Stretch.Rotate_Master_Key('x')",
        "SELECT stretch.create_credential('c', 'i', 's')",
        "PERFORM stretch.alter_credential('c', 'i', 's')",
        "DO LANGUAGE tsql $$ CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'x' $$",
        "DO $$ … $$ LANGUAGE 'TSQL'",
        r#"SELECT stretch.U&"cr\0065ate_credential"('c', 'i', 's')"#,
        r#"SELECT stretch.u&"cr!0065ate!+00005Fcredential" UESCAPE '!' ('c', 'i', 's')"#,
    ] {
        assert!(is_secret(text.as_bytes()), "{text}");
    }
    for text in [
        "SELECT 1",
        "SELECT master_key FROM t",
        "SELECT stretch.enable_table('t')",
        "_master_ke",
        r#"SELECT U&"d\0061ta" FROM t"#,
        "SELECT a u&",
        "",
    ] {
        assert!(!is_secret(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_message_that_repeats_a_word_of_the_statement_is_seen() {
    let statement = "SELECT stretch.create_master_key(TopSecret)";
    assert!(quotes("column \"topsecret\" does not exist", statement));
    assert!(quotes(
        "syntax error at or near \"it's\"",
        "SELECT stretch.create_master_key('it's')"
    ));
    assert!(!quotes("permission denied for schema stretch", statement));
    assert!(!quotes("canceling statement due to user request", statement));
}
