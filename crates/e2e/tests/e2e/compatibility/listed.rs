//! What is known of the suite's files: which are eligible, which fail and why, and which pieces print something else
//! than they should for a reason that is no fault.
//!
//! The lists are in `crates/e2e/tests/compatibility`. They name pieces and what those print by digests, so that nothing
//! of the suite is in the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// Reasons that `known.txt` may name, in the words of `docs/compatibility.md`.
const REASONS: [&str; 7] = [
    "pick",
    "place",
    "catalog",
    "tablesample",
    "planned",
    "counters",
    "after",
];

/// A piece that prints something else.
pub struct Listed {
    /// Digest of what it prints; a star where that changes from run to run.
    pub printed: String,
    pub reason: String,
}

/// All lists.
pub struct Lists {
    /// Files in which tables become cold.
    pub eligible: BTreeSet<String>,
    /// Files that fail, with the reason.
    pub failing: BTreeMap<String, String>,
    /// By file and digest of the piece.
    known: BTreeMap<(String, String), Listed>,
}

impl Lists {
    pub fn read() -> Lists {
        let words = |line: String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let failing = lines("failing.txt").into_iter().map(|line| {
            let (name, reason) = line.split_once(": ").expect("a name, a colon and a reason");
            (name.to_owned(), reason.to_owned())
        });
        // The line of the suite's file is for people alone.
        let known = lines("known.txt").into_iter().map(words).map(|words| {
            let [name, _line, id, printed, reason] = &words[..] else {
                panic!("known.txt has a line {words:?}");
            };
            assert!(REASONS.contains(&reason.as_str()), "known.txt names {reason}");
            let (printed, reason) = (printed.clone(), reason.clone());
            ((name.clone(), id.clone()), Listed { printed, reason })
        });
        Lists {
            eligible: lines("eligible.txt").into_iter().flat_map(words).collect(),
            failing: failing.collect(),
            known: known.collect(),
        }
    }

    /// What is listed for a piece that prints this.
    pub fn of(&self, name: &str, id: &str, digest: &str) -> Option<&Listed> {
        let listed = self.known.get(&(name.to_owned(), id.to_owned()));
        listed.filter(|listed| listed.printed == "*" || listed.printed == digest)
    }
}

/// The lines of a list without its comments.
fn lines(name: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/compatibility")
        .join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
    let is_entry = |line: &&str| !line.is_empty() && !line.starts_with('#');
    text.lines().filter(is_entry).map(str::to_owned).collect()
}
