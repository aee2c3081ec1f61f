//! One file of the suite: its pieces run one after the other while tables become cold between them, and what each
//! printed against what it should have.

use super::mover::{Mover, words};
use std::collections::BTreeSet;
use testkit::psql::Psql;
use testkit::psql_script::{Piece, pieces};
use testkit::regress::Regress;
use testkit::transcript::{self, Likeness};

/// What is known of a piece that did not print what it should.
pub struct Difference {
    pub line: usize,
    pub statement: String,
    /// Digest of the piece, with its number where the file has several that are the same.
    pub id: String,
    pub printed: String,
    pub expected: String,
    pub kind: Kind,
}

/// Kinds of differences; those that are no business of a list are told by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The same lines in another order, and no ORDER BY asked for one.
    Order,
    /// EXPLAIN shows another plan.
    Plan,
    /// A message of ours on top of what is expected.
    Words,
    /// The transaction had failed, by a difference before.
    After,
    /// To be listed.
    Other,
}

/// What came out of a file.
pub struct Report {
    pub name: String,
    pub pieces: usize,
    /// Tables that got cold rows while it ran.
    pub cold: BTreeSet<String>,
    pub rows: i64,
    /// Tables that were cold before and that it names.
    pub met: BTreeSet<String>,
    /// The error says what cannot be told apart.
    pub differences: Result<Vec<Difference>, String>,
    /// What was refused, and done once the table was brought back: the reason.
    pub repeated: Vec<String>,
}

/// How often a file may begin again at a refusal.
const MOST_REPEATED: usize = 200;

/// Runs a file. Without a mover nothing becomes cold.
pub fn run(suite: &Regress, mut psql: Psql, mut mover: Option<&mut Mover>, name: &str) -> Report {
    let script = suite.script(name);
    let pieces = pieces(&script);
    let before = mover.as_ref().map(|mover| mover.stretched()).unwrap_or_default();
    let met = words(&script)
        .filter(|word| before.contains(*word))
        .map(str::to_owned)
        .collect();
    let mut outputs = Vec::new();
    let mut repeated = Vec::new();
    let mut changed = String::new();
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        let printed = match psql.run(&piece.text) {
            Ok(printed) => printed,
            Err(rest) => {
                outputs.push(rest);
                break;
            }
        };
        if let Some(mover) = mover.as_deref_mut() {
            if let Some((table, reason)) = refusal(&printed)
                && repeated.len() < MOST_REPEATED
                && let Some(begin) = repeatable(&pieces, at, mover)
            {
                if begin < at {
                    // The transaction has come to nothing.
                    psql.run("ROLLBACK;").expect("it goes on");
                }
                if mover.bring_back(&table) {
                    repeated.push(reason);
                    changed.push_str(&table);
                    outputs.truncate(begin);
                    at = begin;
                    continue;
                }
            }
            if may_fill(piece) {
                changed.push_str(&piece.text);
            }
            let goes_on = pieces.get(at + 1).is_some_and(only_fills);
            if !changed.is_empty() && !goes_on && mover.idle() {
                mover.follow(&changed);
                changed.clear();
            }
        }
        outputs.push(printed);
        at += 1;
    }
    let rest = psql.end();
    if let Some(last) = outputs.last_mut() {
        last.push_str(&rest);
    }
    let (cold, rows) = mover.map(Mover::take_cold).unwrap_or_default();
    Report {
        name: name.to_owned(),
        pieces: outputs.len(),
        cold,
        rows,
        met,
        differences: judge(&pieces, &outputs, &suite.expected(name)),
        repeated,
    }
}

/// The piece from which to begin again when the one at that place was refused: itself, or the beginning of the
/// transaction that the refusal has ended.
fn repeatable(pieces: &[Piece], at: usize, mover: &Mover) -> Option<usize> {
    if mover.idle() {
        return (pieces[at].statements.len() == 1).then_some(at);
    }
    let begins = |piece: &Piece| {
        let first = piece.statements.first().map(|statement| statement.to_lowercase());
        first.is_some_and(|text| text.starts_with("begin") || text.starts_with("start transaction"))
    };
    (0..=at).rev().find(|at| begins(&pieces[*at]))
}

/// The differences to the variant that is nearest.
fn judge(pieces: &[Piece], outputs: &[String], variants: &[String]) -> Result<Vec<Difference>, String> {
    let judged = variants.iter().map(|variant| -> Result<Vec<Difference>, String> {
        let expected = transcript::cut(variant, pieces)?;
        Ok((0..outputs.len().max(expected.len()))
            .filter_map(|at| difference(pieces, at, outputs.get(at), expected.get(at)))
            .collect())
    });
    let (right, wrong): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
    let nearest = right.into_iter().flatten().min_by_key(Vec::len);
    nearest.ok_or_else(|| wrong.into_iter().filter_map(Result::err).collect::<Vec<_>>().join("; "))
}

fn difference(pieces: &[Piece], at: usize, printed: Option<&String>, expected: Option<&String>) -> Option<Difference> {
    let [printed, expected] = [printed, expected].map(|text| text.cloned().unwrap_or_default());
    let likeness = transcript::compare(&expected, &printed);
    if likeness == Likeness::Same {
        return None;
    }
    let piece = &pieces[at];
    let earlier = pieces[..at].iter().filter(|other| other.text == piece.text).count();
    let number = if earlier == 0 {
        String::new()
    } else {
        format!(".{earlier}")
    };
    let statement = piece.statements.join(" ");
    let lower = statement.to_lowercase();
    let errors = |text: &str| text.lines().filter(|line| line.starts_with("ERROR:")).count();
    let kind = match likeness {
        _ if lower.contains("explain") && errors(&printed) == errors(&expected) => Kind::Plan,
        Likeness::Reordered if transcript::obeys_order(&statement, &expected, &printed) => Kind::Order,
        _ if without(&printed, &OURS) == without(&expected, &OURS) => Kind::Words,
        _ if printed.contains("\nERROR:  current transaction is aborted") => Kind::After,
        _ => Kind::Other,
    };
    Some(Difference {
        line: piece.line,
        statement,
        id: transcript::digest(&piece.text) + &number,
        printed,
        expected,
        kind,
    })
}

/// How messages begin that the extension has for statements which do what they should.
const OURS: [&str; 3] = [
    "HINT:  Use another key, or change the cold row instead.",
    "DETAIL:  A cold row of table ",
    "NOTICE:  the owner of the database may not read all rows of this table",
];

fn without<'a>(text: &'a str, beginnings: &[&str]) -> Vec<&'a str> {
    let is_kept = |line: &&str| !beginnings.iter().any(|beginning| line.starts_with(beginning));
    text.lines().filter(is_kept).collect()
}

/// The table and the reason of a refusal in what was printed.
fn refusal(printed: &str) -> Option<(String, String)> {
    let mut lines = printed.lines();
    let table = lines.find_map(|line| {
        let error = line.strip_prefix("ERROR:  ")?;
        let table = error.strip_prefix("this command is refused on stretched table ");
        table.or_else(|| {
            error
                .strip_prefix("stretched table ")?
                .strip_suffix(" cannot get an exclusion constraint")
        });
        table.or_else(|| {
            error
                .strip_prefix("the command makes all rows of stretched table ")?
                .strip_suffix(" anew")
        })
    })?;
    let reason = lines
        .next()
        .and_then(|line| line.strip_prefix("DETAIL:  "))
        .unwrap_or_default();
    // The way out is to leave the table out.
    let is_way_back = !reason.starts_with("A publication");
    is_way_back.then(|| (table.to_owned(), reason.to_owned()))
}

/// Whether a piece may leave rows in a table that were not there, or end a transaction that did.
fn may_fill(piece: &Piece) -> bool {
    const WORDS: [&str; 14] = [
        "insert", "copy", "table", "into", "merge", "execute", "do", "call", "commit", "end", "release", "gexec",
        "prepared", "prepare",
    ];
    let lower = piece.text.to_lowercase();
    words(&lower).any(|word| WORDS.contains(&word))
}

/// Whether all that a piece does is to add rows, so that the table is not full yet.
fn only_fills(piece: &Piece) -> bool {
    let adds = |statement: &String| {
        let lower = statement.to_lowercase();
        let first = words(&lower).next();
        first == Some("copy") && lower.contains("from") || first == Some("insert") && !lower.contains("returning")
    };
    !piece.statements.is_empty() && piece.statements.iter().all(adds)
}
