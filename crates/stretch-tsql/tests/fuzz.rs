//! Random batches: the parser never panics and never loops, and every position lies in the text.
//!
//! The seed is printed first; `STRETCH_SEED` replays it. `STRETCH_FUZZ_SECONDS` sets how long the loop runs (2).

use std::time::{Duration, Instant};
use stretch_tsql::{Body, Position, Variables, parse};

/// Valid batches, to be mutated.
const BATCHES: &[&str] = &[
    include_str!("../testdata/restore-runbook.sql"),
    "CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'a''b'; CREATE DATABASE SCOPED CREDENTIAL [c] WITH IDENTITY = ‘i’, \
     SECRET = 's'",
    "ALTER DATABASE d SET REMOTE_DATA_ARCHIVE = ON (SERVER = 'https://x', CREDENTIAL = c) /* a /* b */ */ -- c\n",
    "ALTER TABLE dbo.t SET (REMOTE_DATA_ARCHIVE = ON (FILTER_PREDICATE = dbo.f(a, [b]), MIGRATION_STATE = OUTBOUND))",
    "ALTER TABLE t SET (REMOTE_DATA_ARCHIVE = OFF_WITHOUT_DATA_RECOVERY (MIGRATION_STATE = PAUSED))",
    "CREATE FUNCTION dbo.f (@d datetime, @i int, @s nvarchar(9)) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 \
     AS is_eligible WHERE @d < CONVERT(datetime, '1/1/2016', 101) AND (@i < -100 OR @i NOT BETWEEN 1 AND 2.5 * 3) AND \
     @s IN (N'a', 'b')",
    "CREATE FUNCTION f (@d date, @f float) RETURNS TABLE WITH SCHEMABINDING AS RETURN (SELECT 1 AS e WHERE \
     @d !< DATEADD(month, -1, '2016-02-29') AND @f < SQRT(400) / POWER(2, 3) % 1e3)",
    "DECLARE @a nvarchar(128) = N'x' + 'y', @b bit = 1, @h int; SET @a = NULL; PRINT @a; \
     EXEC @h = sys.sp_rda_get_rpo_duration @durationinhours = @h OUTPUT",
    "EXEC sp_rda_reauthorize_db @credential = N'c', @with_copy = DEFAULT EXEC sp_rda_set_query_mode LOCAL_ONLY, 1",
];

/// Pieces that are likely to matter.
const PIECES: &[&str] = &[
    "'",
    "’",
    "‘",
    "“",
    "\"",
    "[",
    "]",
    "(",
    ")",
    ",",
    ";",
    "=",
    ".",
    "/*",
    "*/",
    "--",
    "\n",
    "\r",
    "\t",
    "@",
    "@a",
    "@@x",
    "#",
    "N'",
    "n’",
    "0",
    "1e",
    "9999999999999999999",
    "1.5",
    ".",
    "-",
    "+",
    "*",
    "/",
    "%",
    "<",
    "!<",
    "AND",
    "OR",
    "NOT",
    "IN",
    "NULL",
    "SELECT",
    "CAST(",
    "CONVERT(int,",
    "DATEADD(day,",
    "EXEC",
    "SET",
    "DECLARE",
    "PRINT",
    "\0",
    "é",
    "😀",
    "\u{feff}",
    "\u{a0}",
    "varchar(max)",
    "((((((((((((((((((((",
    "DEFAULT",
    "OUTPUT",
];

/// A small generator, so that a seed means the same for ever (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn seed() -> u64 {
    let seed = match std::env::var("STRETCH_SEED") {
        Ok(text) => text.parse().expect("STRETCH_SEED is a number"),
        Err(_) => std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), "seed"),
    };
    println!("STRETCH_SEED={seed}");
    seed
}

/// A place in `text` between two characters.
fn border(random: &mut Random, text: &str) -> usize {
    let mut place = random.below(text.len() + 1);
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    place
}

fn batch(random: &mut Random) -> String {
    let mut text = match random.below(8) {
        0 => String::new(),
        1 => format!("{}\n{}", random.pick(BATCHES), random.pick(BATCHES)),
        _ => random.pick(BATCHES).to_string(),
    };
    for _ in 0..random.below(6) {
        let place = border(random, &text);
        match random.below(4) {
            0 => text.insert_str(place, random.pick(PIECES)),
            1 => {
                for _ in 0..random.below(12) {
                    if place < text.len() {
                        text.remove(place);
                    }
                }
            }
            2 => {
                let other = random.pick(BATCHES);
                let from = border(random, other);
                text.insert_str(place, &other[from..]);
            }
            _ => text.truncate(place),
        }
    }
    text
}

fn check_position(text: &str, at: Position) {
    assert!(
        at.offset <= text.len() && text.is_char_boundary(at.offset),
        "{at:?} in {text:?}"
    );
    let before = &text[..at.offset];
    assert_eq!(at.line as usize, 1 + before.matches('\n').count(), "{text:?}");
    let line = before.rsplit('\n').next().unwrap_or_default();
    assert_eq!(at.column as usize, 1 + line.chars().count(), "{text:?}");
}

/// Parses and runs one batch; true when it was accepted.
fn one(text: &str) -> bool {
    let statements = match parse(text) {
        Ok(statements) => statements,
        Err(error) => {
            check_position(text, error.at);
            assert!(!error.message.is_empty() && error.number > 0);
            return false;
        }
    };
    assert!(statements.len() <= text.len(), "more statements than text");
    let mut variables = Variables::new();
    for statement in &statements {
        check_position(text, statement.at);
        if let Body::CreateFunction { function, source } = &statement.body {
            let names = vec!["c"; function.arity()];
            let first = function
                .bind(&names, statement.at)
                .expect("as many columns as parameters");
            let again = parse(source).expect("the source of a function can be parsed");
            let Some(Body::CreateFunction { function, .. }) = again.into_iter().map(|s| s.body).next() else {
                panic!("the source of a function is a function: {source:?}")
            };
            assert_eq!(function.bind(&names, statement.at).expect("binds"), first);
        }
        if let Err(error) = variables.step(&statement.body) {
            check_position(text, error.at);
            break;
        }
    }
    true
}

fn survives(mut random: Random, mut go_on: impl FnMut(u64) -> bool) {
    let (mut cases, mut accepted) = (0, 0);
    while go_on(cases) {
        let text = batch(&mut random);
        cases += 1;
        accepted += u64::from(one(&text));
    }
    println!("{cases} batches, {accepted} accepted");
    assert!(accepted > 0 && accepted < cases, "both outcomes must happen");
}

#[test]
fn mutated_batches() {
    survives(Random(seed()), |cases| cases < 5_000);
}

/// Here the clock says only when to stop.
#[test]
#[allow(clippy::disallowed_methods)]
fn mutated_batches_for_a_while() {
    let seconds = std::env::var("STRETCH_FUZZ_SECONDS").map_or(2, |text| text.parse().expect("seconds"));
    let started = Instant::now();
    survives(Random(seed()), |cases| {
        cases < 1_000 || started.elapsed() < Duration::from_secs(seconds)
    });
}
