//! Every statement form with its outcome, and the script of the documentation byte for byte; filters in a module.

#[path = "statements/filters.rs"]
mod filters;

use stretch_tsql::{
    Body, Call, FilterOption, Kind, MigrationState, Procedure, Step, TableChange, Value, Variables, parse,
};

fn accepted(text: &str) -> Vec<Body> {
    match parse(text) {
        Ok(statements) => statements.into_iter().map(|s| s.body).collect(),
        Err(error) => panic!("{text}\n{error}"),
    }
}

fn only(text: &str) -> Body {
    let mut bodies = accepted(text);
    assert_eq!(bodies.len(), 1, "{text}");
    bodies.remove(0)
}

/// Runs a batch and returns what it prints and calls.
fn run(text: &str) -> (Vec<String>, Vec<Call>) {
    let mut variables = Variables::new();
    let (mut printed, mut calls) = (Vec::new(), Vec::new());
    for body in accepted(text) {
        match variables.step(&body) {
            Ok(Step::Print(line)) => printed.push(line),
            Ok(Step::Call(call)) => calls.push(call),
            Ok(_) => {}
            Err(error) => panic!("{text}\n{error}"),
        }
    }
    (printed, calls)
}

#[test]
fn the_documented_script_runs_as_printed() {
    let script = include_str!("../testdata/restore-runbook.sql");
    let placeholder = "<database_scoped_credential_name_created_previously>";
    assert_eq!(script.matches(placeholder).count(), 1);
    assert!(script.contains("N’<"), "typographic quotes as published");
    let (_, calls) = run(&script.replace(placeholder, "cred"));
    let expected = Call {
        procedure: Procedure::Reauthorize,
        values: vec![Some(Value::Text("cred".into())), None, None, None],
        outputs: vec![None; 4],
        returns: None,
    };
    assert_eq!(calls, [expected]);
}

#[test]
fn secrets_are_read_and_never_shown() {
    let key = only("create master key encryption by password = 'it''s ’s'");
    assert!(!format!("{key:?}").contains("it"));
    let Body::CreateMasterKey { password } = key else {
        panic!("a master key")
    };
    assert_eq!(password.reveal(), "it's ’s");
    let Body::CreateCredential { name, identity, secret } = only(
        "CREATE DATABASE SCOPED CREDENTIAL [my ]]cred] WITH IDENTITY = ‘AKIA’, SECRET = N“x”"
            .replace("N“x”", "N’a’’b\"’")
            .as_str(),
    ) else {
        panic!("a credential")
    };
    assert_eq!(
        (name.as_str(), identity.as_str(), secret.reveal()),
        ("my ]cred", "AKIA", "a’b\"")
    );
    let shown = format!("{:?}", accepted("DECLARE @p nvarchar(20) = N'hidden'"));
    assert!(!shown.contains("hidden"));
}

#[test]
fn databases_and_tables() {
    let on = "ALTER DATABASE [Sales] SET REMOTE_DATA_ARCHIVE = ON (CREDENTIAL = cred, SERVER = N'https://x')";
    let Body::EnableDatabase {
        database,
        server,
        credential,
    } = only(on)
    else {
        panic!("enables")
    };
    assert_eq!(database.expect("named").text, "Sales");
    assert_eq!((server.as_str(), credential.as_str()), ("https://x", "cred"));
    only(&on.replace("ON (", "ON (FEDERATED_SERVICE_ACCOUNT = OFF, "));
    assert_eq!(
        only("alter database current set remote_data_archive = off"),
        Body::DisableDatabase { database: None }
    );
    let change = |text: &str| match only(&format!("ALTER TABLE db.dbo.t SET (REMOTE_DATA_ARCHIVE {text})")) {
        Body::AlterTable { table, change } => {
            assert_eq!(table.object.text, "t");
            change
        }
        other => panic!("{other:?}"),
    };
    let enabled = |state| TableChange::Enable {
        filter: FilterOption::Absent,
        state,
    };
    let changed = |filter, state| TableChange::Change { filter, state };
    assert_eq!(change("= ON"), enabled(MigrationState::Outbound));
    assert_eq!(
        change("= ON (MIGRATION_STATE = PAUSED)"),
        enabled(MigrationState::Paused)
    );
    for (word, state) in [
        ("OUTBOUND", MigrationState::Outbound),
        ("paused", MigrationState::Paused),
        ("Inbound", MigrationState::Inbound),
    ] {
        assert_eq!(
            change(&format!("(MIGRATION_STATE = {word})")),
            changed(FilterOption::Absent, state)
        );
    }
    assert_eq!(
        change("(MIGRATION_STATE = OUTBOUND, FILTER_PREDICATE = NULL)"),
        changed(FilterOption::Null, MigrationState::Outbound)
    );
    assert_eq!(
        change("= OFF_WITHOUT_DATA_RECOVERY (MIGRATION_STATE = PAUSED)"),
        TableChange::Abandon
    );
    let TableChange::Enable {
        filter: FilterOption::Function { function, columns },
        state: MigrationState::Paused,
    } = change("= ON (FILTER_PREDICATE = dbo.f([My col], “b”), MIGRATION_STATE = PAUSED)")
    else {
        panic!("a filter")
    };
    assert_eq!(function.schema.expect("schema").text, "dbo");
    assert_eq!(
        columns.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(),
        ["My col", "b"]
    );
}

#[test]
fn variables_follow_their_lengths() {
    let (printed, _) = run("/* a /* nested */ one */ -- and a line
        DECLARE @a varchar = 'xyz', @b AS nchar(4) = N'ab', @c bit = 'TRUE', @d int, @e sysname, @f char(2)
        DECLARE @g varchar(max); SET @a = @a + 'more' SET @g = N'😀' + @b + 'c'
        SET @d = -7; PRINT @a; PRINT @g PRINT @c PRINT @d PRINT NULL; SET @f = @d print @f + '|'");
    assert_eq!(printed, ["x", "😀ab  c", "1", "-7", " ", "-7|"]);
    let (printed, _) = run("DECLARE @n nvarchar(3) = N'a😀😀' PRINT @n");
    assert_eq!(printed, ["a😀"], "cut at a whole character, in UTF-16 units");
    let statements = accepted("DECLARE @n nvarchar(3) = N'abcd'");
    let step = Variables::new().step(statements.first().expect("one"));
    assert!(matches!(step, Ok(Step::Done(notices)) if notices.len() == 1));
}

#[test]
fn procedures_take_arguments_by_position_and_by_name() {
    let text = |s: &str| Some(Value::Text(s.into()));
    let values = |batch: &str| run(batch).1.remove(0).values;
    let copied = vec![text("c"), Some(Value::Bit(true)), None, None];
    for batch in [
        "EXEC sp_rda_reauthorize_db N'c', 1",
        "EXECUTE sys.sp_rda_reauthorize_db @with_copy = 1, @credential = N'c'",
        "exec [db]..[sp_rda_reauthorize_db] @CREDENTIAL = c, @With_Copy = 'true'",
        "EXEC db.sys.sp_rda_reauthorize_db c, @with_copy = 1, @azure_servername = DEFAULT",
        "DECLARE @c varchar(128) = 'c', @w bit = 5 EXEC sp_rda_reauthorize_db @c, @w",
    ] {
        assert_eq!(values(batch), copied, "{batch}");
    }
    assert_eq!(
        values("EXEC sp_rda_set_query_mode LOCAL_ONLY PRINT 'x'"),
        [text("LOCAL_ONLY"), None]
    );
    assert_eq!(
        values("EXEC sp_rda_set_query_mode @mode = N'LOCAL_AND_REMOTE', @force = 1"),
        [text("LOCAL_AND_REMOTE"), Some(Value::Bit(true))]
    );
    assert!(values("EXEC sp_rda_deauthorize_db EXEC sp_rda_deauthorize_db").is_empty());
    assert_eq!(
        values("EXEC sp_rda_set_rpo_duration @duration_hrs = 8"),
        [Some(Value::Int(8))]
    );
    assert_eq!(
        values("EXEC sp_rda_reconcile_batch @objname = N'dbo.T'"),
        [text("dbo.T")]
    );
    assert_eq!(values("EXEC sp_rda_test_connection").len(), 5);
    let (_, mut calls) =
        run("DECLARE @h int, @rc int; EXEC @rc = sp_rda_get_rpo_duration @durationinhours = @h OUTPUT");
    let call = calls.remove(0);
    assert_eq!(call.outputs, [Some("@h".to_string())]);
    assert_eq!(call.returns.as_deref(), Some("@rc"));
}

/// Batch, Microsoft's number, kind, and where the fault stands.
const REFUSED: &[(&str, u32, Kind, (u32, u32))] = &[
    ("SELECT 1", 343, Kind::Unsupported, (1, 1)),
    ("PRINT 'a'\nGO", 343, Kind::Unsupported, (2, 1)),
    ("  USE x", 343, Kind::Unsupported, (1, 3)),
    ("sp_rda_deauthorize_db", 102, Kind::Unsupported, (1, 1)),
    ("frobnicate", 102, Kind::Unsupported, (1, 1)),
    ("CREATE TABLE t (a int)", 343, Kind::Unsupported, (1, 1)),
    (
        "OPEN MASTER KEY DECRYPTION BY PASSWORD = 'x'",
        343,
        Kind::Unsupported,
        (1, 1),
    ),
    ("CREATE MASTER KEY", 102, Kind::Syntax, (1, 18)),
    (
        "CREATE MASTER KEY ENCRYPTION BY PASSWORD = hunter2",
        102,
        Kind::Syntax,
        (1, 44),
    ),
    (
        "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'open",
        105,
        Kind::Syntax,
        (1, 44),
    ),
    (
        "CREATE MASTER KEY ENCRYPTION BY PASSWORD = ‘mixed'",
        105,
        Kind::Syntax,
        (1, 50),
    ),
    (
        "CREATE DATABASE SCOPED CREDENTIAL #c WITH IDENTITY = 'a', SECRET = 'b'",
        102,
        Kind::Syntax,
        (1, 35),
    ),
    (
        "CREATE DATABASE SCOPED CREDENTIAL c WITH SECRET = 'b'",
        102,
        Kind::Syntax,
        (1, 42),
    ),
    ("ALTER DATABASE d SET RECOVERY SIMPLE", 102, Kind::Syntax, (1, 22)),
    (
        "ALTER DATABASE d SET REMOTE_DATA_ARCHIVE (SERVER = 'x')",
        102,
        Kind::Unsupported,
        (1, 42),
    ),
    (
        "ALTER DATABASE d SET REMOTE_DATA_ARCHIVE = ON (SERVER = 'x')",
        102,
        Kind::Syntax,
        (1, 44),
    ),
    (
        "ALTER DATABASE d SET REMOTE_DATA_ARCHIVE = ON (SERVER = 'x', SERVER = 'y')",
        14801,
        Kind::Syntax,
        (1, 62),
    ),
    (
        "ALTER DATABASE d SET REMOTE_DATA_ARCHIVE = ON (SERVER = 'x', FEDERATED_SERVICE_ACCOUNT = ON)",
        14867,
        Kind::Unsupported,
        (1, 62),
    ),
    ("ALTER TABLE t ADD c int", 102, Kind::Unsupported, (1, 15)),
    (
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = OFF)",
        14908,
        Kind::Unsupported,
        (1, 42),
    ),
    (
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = OFF_WITHOUT_DATA_RECOVERY)",
        102,
        Kind::Syntax,
        (1, 67),
    ),
    (
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = OFF_WITHOUT_DATA_RECOVERY (MIGRATION_STATE = OUTBOUND))",
        14808,
        Kind::Syntax,
        (1, 42),
    ),
    (
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = ON (FILTER_PREDICATE = f(a)))",
        102,
        Kind::Syntax,
        (1, 42),
    ),
    (
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE (FILTER_PREDICATE = NULL, MIGRATION_STATE = INBOUND))",
        14878,
        Kind::Value,
        (1, 41),
    ),
    (
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE (FILTER_PREDICATE = f(t.a), MIGRATION_STATE = PAUSED))",
        14839,
        Kind::Filter,
        (1, 62),
    ),
    (
        "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE (FILTER_PREDICATE = f('a'), MIGRATION_STATE = PAUSED))",
        14839,
        Kind::Filter,
        (1, 62),
    ),
    ("DECLARE @a varchar(0)", 1001, Kind::Type, (1, 20)),
    ("DECLARE @a nvarchar(4001)", 131, Kind::Type, (1, 21)),
    ("DECLARE @a char(max)", 102, Kind::Syntax, (1, 17)),
    ("DECLARE @a datetime", 2715, Kind::Type, (1, 12)),
    ("DECLARE @a bit, @A bit", 134, Kind::Name, (1, 17)),
    ("SET @a = 1", 137, Kind::Name, (1, 5)),
    ("SET NOCOUNT ON", 102, Kind::Unsupported, (1, 5)),
    ("DECLARE @a int SET @a += 1", 102, Kind::Syntax, (1, 23)),
    ("DECLARE @a int SET @a = 1 + 'x'", 206, Kind::Type, (1, 25)),
    ("PRINT GETDATE()", 102, Kind::Syntax, (1, 7)),
    ("PRINT @@VERSION", 102, Kind::Unsupported, (1, 7)),
    ("EXEC sp_who", 2812, Kind::Name, (1, 6)),
    ("EXEC other.sp_rda_deauthorize_db", 2812, Kind::Name, (1, 6)),
    ("EXEC sp_rda_reauthorize_db", 14860, Kind::Name, (1, 6)),
    ("EXEC sp_rda_set_rpo_duration", 201, Kind::Name, (1, 6)),
    ("EXEC sp_rda_deauthorize_db 1", 8144, Kind::Name, (1, 28)),
    ("EXEC sp_rda_reauthorize_db @nope = 1", 8145, Kind::Name, (1, 28)),
    (
        "EXEC sp_rda_reauthorize_db 'c', @credential = 'c'",
        8143,
        Kind::Name,
        (1, 33),
    ),
    (
        "EXEC sp_rda_reauthorize_db @credential = 'c', 1",
        119,
        Kind::Syntax,
        (1, 47),
    ),
    ("EXEC sp_rda_reauthorize_db 'c' OUTPUT", 8162, Kind::Type, (1, 28)),
    ("EXEC sp_rda_get_rpo_duration 8 OUTPUT", 102, Kind::Syntax, (1, 30)),
    (
        "DECLARE @c varchar(max) = 'c' EXEC sp_rda_reauthorize_db @c",
        206,
        Kind::Type,
        (1, 58),
    ),
    (
        "DECLARE @c nvarchar(max) = 'c' EXEC sp_rda_reauthorize_db @credential = @c",
        206,
        Kind::Type,
        (1, 73),
    ),
    ("/* /* */", 113, Kind::Syntax, (1, 1)),
    ("PRINT $1", 102, Kind::Syntax, (1, 7)),
    (
        "CREATE FUNCTION f (@a int) RETURNS int AS RETURN 1",
        102,
        Kind::Syntax,
        (1, 36),
    ),
    (
        "CREATE FUNCTION f (@a int) RETURNS TABLE AS RETURN SELECT 1",
        14853,
        Kind::Filter,
        (1, 42),
    ),
];

#[test]
fn everything_else_is_refused_with_its_place() {
    for (batch, number, kind, (line, column)) in REFUSED {
        let error = parse(batch).expect_err(batch);
        assert_eq!(
            (error.number, error.kind, error.at.line, error.at.column),
            (*number, *kind, *line, *column),
            "{batch}: {error}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn values_are_checked_when_they_are_known() {
    for (batch, number) in [
        ("EXEC sp_rda_set_rpo_duration 7", 14899),
        ("EXEC sp_rda_set_rpo_duration 'x'", 245),
        ("DECLARE @c sysname EXEC sp_rda_reauthorize_db @c", 14860),
        ("DECLARE @b bit = 'maybe'", 245),
        ("DECLARE @s varchar(1) = 12", 8115),
    ] {
        let mut variables = Variables::new();
        let error = accepted(batch).iter().find_map(|body| variables.step(body).err());
        assert_eq!(error.expect(batch).number, number, "{batch}");
    }
    let long = format!("EXEC sp_rda_reauthorize_db '{}'", "x".repeat(129));
    let error = Variables::new().step(&only(&long)).expect_err("too long");
    assert_eq!(error.number, 103);
}
