//! Filter predicates: what SQL Server accepts and refuses, and which may replace which.

use super::only;
use stretch_tsql::{Body, Kind, parse};

/// A filter function around a predicate over `@d datetime, @s nvarchar(20), @i int, @a int, @b int, @f float`.
const HEAD: &str = "CREATE FUNCTION dbo.f (@d datetime, @s nvarchar(20), @i int, @a int, @b int, @f float) \
    RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS is_eligible WHERE ";

fn filter(predicate: &str) -> Result<String, stretch_tsql::Error> {
    let statements = parse(&format!("{HEAD}{predicate}; PRINT 'next'"))?;
    let first = statements.first().expect("a function");
    let Body::CreateFunction { function, source } = &first.body else {
        panic!("a function")
    };
    assert_eq!(source, &format!("{HEAD}{predicate}"));
    assert_eq!(parse(source)?.len(), 1, "the source can be parsed again");
    function.bind(&["d", "s", "i", "a", "b", "f"], first.at)
}

#[test]
fn filters_that_sql_server_accepts() {
    let vectors = [
        ("@d < CONVERT(datetime,'1/1/2016',101)", r#""d" < '2016-01-01'"#),
        (
            "@s IN (N'Completed',N'Returned',N'Cancelled')",
            r#""s" IN ('Completed', 'Returned', 'Cancelled')"#,
        ),
        (
            "@d < N'20150101' AND @s IN (N'it''s', '\\')",
            r#""d" < '2015-01-01' AND "s" IN ('it''s', E'\\')"#,
        ),
        (
            "@d < CONVERT(datetime, '12/31/2015', 101) AND (@i < -100 OR @i > 100 OR @i IS NULL) AND @s IN (N'x')",
            r#""d" < '2015-12-31' AND ("i" < -100 OR "i" > 100 OR "i" IS NULL) AND "s" IN ('x')"#,
        ),
        ("@f < SQRT(400) + 10", r#""f" < '30'::double precision"#),
        (
            "@a BETWEEN 0 AND 100 AND (@b NOT BETWEEN 200 AND 300 OR @a = 50)",
            r#""a" >= 0 AND "a" <= 100 AND ("b" < 200 OR "b" > 300 OR "a" = 50)"#,
        ),
        ("@a = 123 + 456", r#""a" = 579"#),
        ("@a !< 7 / 2 OR @a !> -(2 * 3)", r#""a" >= 3 OR "a" <= -6"#),
        (
            "((@a <> 1)) AND @b != 2 AND @s IS NOT NULL",
            r#""a" <> 1 AND "b" <> 2 AND "s" IS NOT NULL"#,
        ),
        ("@f > 1.50 + 0.250", r#""f" > 1.750"#),
        (
            "@d >= '2016-02-29T13:05:07.25'",
            r#""d" >= timestamp '2016-02-29 13:05:07.250000'"#,
        ),
        (
            "@d < DATEADD(month, -1, DATEFROMPARTS(2016, 3, 31))",
            r#""d" < '2016-02-29'"#,
        ),
        (
            "@d < DATEADD(day, 366, CONVERT(date, '31.12.2015', 104))",
            r#""d" < '2016-12-31'"#,
        ),
        ("@f < CAST(2.345 AS decimal(9, 2))", r#""f" < 2.35"#),
    ];
    for (predicate, expected) in vectors {
        match filter(predicate) {
            Ok(text) => assert_eq!(text, expected, "{predicate}"),
            Err(error) => panic!("{predicate}: {error}"),
        }
    }
    let quoted = parse(&format!("{HEAD}@s = 'x'")).expect("parses");
    let first = quoted.first().expect("one");
    let Body::CreateFunction { function, .. } = &first.body else {
        panic!("a function")
    };
    let columns = ["d", "a \"b", "i", "a", "b", "f"];
    assert_eq!(function.bind(&columns, first.at).expect("binds"), r#""a ""b" = 'x'"#);
    assert_eq!(function.bind(&["d"], first.at).expect_err("too few").number, 14839);
}

#[test]
fn filters_that_sql_server_refuses() {
    for (predicate, reason) in [
        ("@d < CONVERT(datetime,'1/1/2016')", "deterministic"),
        ("@d < CAST('1/1/2016' AS datetime)", "deterministic"),
        ("@d < CONVERT(datetime,'1/1/2016',100)", "deterministic"),
        ("@d < DATEADD(day,-60,GETDATE())", "deterministic"),
        ("@f < RAND()", "deterministic"),
        ("@i IN (SELECT 1)", "subquery"),
        ("@i = (SELECT 1)", "subquery"),
        ("@i % 2 = 0", "column"),
        ("SQRT(@i) = 30", "column"),
        ("@i > @a", "column"),
        ("@i < ABS(@a)", "column"),
        ("(@a BETWEEN 1 AND 200 OR @a = 300) AND @b > 1000", "AND inside an OR"),
        ("@a = 1 OR @a = 2 AND @b = 3", "AND inside an OR"),
        ("100 > @i", "left side"),
        ("NOT @i = 1", "NOT"),
        ("@i NOT IN (1, 2)", "BETWEEN"),
        ("@s LIKE 'x%'", "LIKE"),
        ("@i = NULL", "NULL"),
    ] {
        let error = filter(predicate).expect_err(predicate);
        assert_eq!(
            (error.kind, error.number),
            (Kind::Filter, 14853),
            "{predicate}: {error}"
        );
        assert!(error.message.contains(reason), "{predicate}: {error}");
    }
    for (predicate, number) in [
        ("@i = 'x'", 206),
        ("@s = 5", 206),
        ("@d < '1/1/2016'", 241),
        ("@d < '20160230'", 242),
        ("@i = 1 / 0", 8134),
        ("@i = 9223372036854775807 + 1", 8115),
        ("@x = 1", 137),
    ] {
        assert_eq!(filter(predicate).expect_err(predicate).number, number, "{predicate}");
    }
    let deep = format!("{}@i = 1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(filter(&deep).expect_err("too deep").number, 191);
    let deep = format!("@i = {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(filter(&deep).expect_err("too deep").number, 191);
}

#[test]
fn a_filter_is_replaced_by_a_looser_one_only() {
    let function = |predicate: &str| {
        let batch = format!(
            "CREATE FUNCTION f (@d date, @i int) RETURNS TABLE WITH SCHEMABINDING AS RETURN (SELECT 1 AS e \
             WHERE {predicate})"
        );
        match only(&batch) {
            Body::CreateFunction { function, .. } => function,
            other => panic!("{other:?}"),
        }
    };
    let old = function("@d < '2016-01-01' AND (@i < -100 OR @i > 100)");
    let at = stretch_tsql::Position::START;
    for (predicate, fits) in [
        ("@d < '2016-02-01' AND (@i < -50 OR @i > 50)", true),
        ("@d < '20160101' AND (@i < -100 OR @i > 100)", true),
        ("@d < '2015-01-01' AND (@i < -100 OR @i > 100)", false),
        ("@d < '2016-01-01' AND (@i < -50)", false),
        ("@d < '2016-01-01' AND (@i < -100 OR @i > 100) AND (@i <> 0)", false),
        ("@d < '2016-01-01' AND (@i > 100 OR @i < -100)", false),
        ("@d <= '2016-01-01' AND (@i < -100 OR @i > 100)", false),
    ] {
        let verdict = stretch_tsql::may_replace(&old, &["d", "i"], &function(predicate), &["d", "i"], at);
        assert_eq!(verdict.is_ok(), fits, "{predicate}");
        if let Err(error) = verdict {
            assert_eq!((error.kind, error.number), (Kind::Replacement, 14841));
        }
    }
    let swapped = stretch_tsql::may_replace(&old, &["d", "i"], &old, &["e", "i"], at);
    assert!(swapped.is_err(), "another column");
    let list = function("@i IN (1, 2)");
    let longer = function("@i IN (1, 2, 3)");
    assert!(stretch_tsql::may_replace(&list, &["d", "i"], &longer, &["d", "i"], at).is_err());
    assert!(stretch_tsql::may_replace(&list, &["d", "i"], &list, &["d", "i"], at).is_ok());
}
