//! What may differ between a plain table and cold rows, each with its reason. What is not listed must be the same.

use super::cases::{Case, Family};
use super::deeds::{Does, Policy};
use super::spec::Outcome;
use std::collections::BTreeSet;

/// In what two outcomes of one case differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Aspect {
    /// Whether the second waits.
    Waits,
    /// What the first is told.
    First,
    /// What the second is told.
    Second,
    /// What others can lock before the end.
    Lockable,
    /// What is in the tables in the end.
    Content,
    /// Whether batches, folds and TRUNCATE work.
    Others,
}

/// A difference that is meant.
pub struct Difference {
    pub reason: &'static str,
    pub of: fn(&Case) -> bool,
    pub aspects: &'static [Aspect],
}

use Aspect::{Content, First, Lockable, Second, Waits};
use Does::{Changes, Doubles, KeyShare, Passes, Share, Update};
use Family::{Beside, Between, Held, LongTruncated, Many, Moving, Overlap, Truncating, Upgraded};

/// All of them.
pub static LISTED: [Difference; 13] = [
    Difference {
        reason: "an UPDATE of a cold row takes the strongest lock: it waits for who has the row FOR KEY SHARE",
        of: |case| case.family == Overlap && case.first_does(&[KeyShare]) && case.second_changes(),
        aspects: &[Waits],
    },
    Difference {
        reason: "so whoever wants it FOR KEY SHARE waits for the UPDATE, and is shown the new version",
        of: |case| {
            matches!(case.family, Overlap | Many)
                && case.first_changes()
                && case.second_does(&[KeyShare])
                && !case.keeps_snapshot
        },
        aspects: &[Waits, Second, Lockable],
    },
    Difference {
        reason: "from REPEATABLE READ on that is 40001",
        of: |case| {
            matches!(case.family, Overlap | Family::Late)
                && case.first_changes()
                && case.second_does(&[KeyShare])
                && case.keeps_snapshot
        },
        aspects: &[Waits, Second, Lockable, Content],
    },
    Difference {
        reason: "and nobody gets the row FOR KEY SHARE while a cold row's UPDATE is under way",
        of: |case| {
            let is_cold = !matches!(case.family, Between | Held);
            is_cold && (case.second_does(&[Changes]) || case.second.is_none() && case.first_does(&[Changes]))
        },
        aspects: &[Lockable],
    },
    Difference {
        reason: "two who have a cold row FOR KEY SHARE and update it are a deadlock",
        of: |case| case.family == Upgraded && case.first_does(&[KeyShare]),
        aspects: &[First, Second, Lockable, Content],
    },
    Difference {
        reason: "who changes many rows of a segment has locked all of it",
        of: |case| case.family == Beside,
        aspects: &[Waits, Second, Lockable],
    },
    Difference {
        reason: "a deadlock over one cold row ends who came last, and at once",
        of: |case| case.family == Upgraded && case.first_does(&[Share]),
        aspects: &[First, Second],
    },
    Difference {
        reason: "NOWAIT and SKIP LOCKED meet the batch that moves the row",
        of: |case| case.family == Moving && case.second.as_ref().is_some_and(|deed| deed.policy != Policy::Wait),
        aspects: &[Second, Lockable],
    },
    Difference {
        reason: "ON CONFLICT DO NOTHING brings a row home that becomes cold meanwhile",
        of: |case| case.family == Moving && case.second_does(&[Passes]),
        aspects: &[Lockable],
    },
    Difference {
        reason: "a new row with the key of a cold one waits for who has that FOR UPDATE, who may be deleting it",
        of: |case| case.family == Overlap && case.first_does(&[Update]) && case.second_does(&[Doubles]),
        aspects: &[Waits],
    },
    Difference {
        reason: "a new row with the key of a row that becomes cold meanwhile is 40001",
        of: may_fail_at_read_committed,
        aspects: &[Second],
    },
    Difference {
        reason: "from REPEATABLE READ on whoever waited for a row that became cold gets 40001",
        of: |case| case.family == Moving && case.keeps_snapshot,
        aspects: &[Second, Lockable, Content],
    },
    Difference {
        reason: "a snapshot from before a TRUNCATE that should see cold rows gets 40001, and no empty table",
        of: |case| matches!(case.family, Truncating | LongTruncated) && case.keeps_snapshot && !case.undone,
        aspects: &[Second, Lockable, Content],
    },
];

/// 40001 at READ COMMITTED is the exception, which docs/consistency.md names.
pub fn may_fail_at_read_committed(case: &Case) -> bool {
    case.family == Moving && case.second_does(&[Doubles]) && !case.undone
}

/// In what a plain table's outcome and that of cold rows differ.
pub fn between(case: &Case, plain: &Outcome, cold: &Outcome) -> BTreeSet<Aspect> {
    let mut found = BTreeSet::new();
    let second = format!("b{}", case.row);
    if !case.family.moves() && plain.waited.contains(&second) != cold.waited.contains(&second) {
        found.insert(Waits);
    }
    for step in &case.steps {
        let (plain, cold) = (plain.of(&step.name), cold.of(&step.name));
        let is_own = step.name.ends_with(|last: char| last.is_ascii_digit());
        let aspect = match step.name.chars().next() {
            Some('a') => First,
            Some('b') => Second,
            Some('p') => Lockable,
            Some('l') => Content,
            _ => Aspect::Others,
        };
        let differs = match is_own && aspect != Aspect::Others {
            true => plain != cold,
            false => errors(plain) != errors(cold),
        };
        if differs {
            found.insert(aspect);
        }
    }
    found
}

fn errors(printed: &[String]) -> Vec<&String> {
    printed.iter().filter(|line| line.starts_with("ERROR")).collect()
}
