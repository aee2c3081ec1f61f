//! Two sessions that meet over one row, and the orders in which they may do so on a plain table.

pub use crate::history::check::Level;
use crate::lock_matrix::deeds::{self, Deed, Does, Policy, Touches};
use rand::Rng;
use rand::rngs::StdRng;
use std::fmt;

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    First,
    Second,
}

/// What one of them does next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    Begin,
    /// Reads the row, and so takes a snapshot.
    Look,
    Deed,
    /// Looks again, under the snapshot of the first look where that is kept.
    Again,
    End,
}

use Act::{Again, Begin, Deed as Do, End, Look};
use Who::{First, Second};

/// Steps in order.
pub type Script = [(Who, Act)];

/// How they meet where rows move.
pub const MEETING: [(Who, Act); 10] = [
    (First, Begin),
    (First, Look),
    (Second, Begin),
    (Second, Look),
    (First, Do),
    (Second, Do),
    (First, Again),
    (Second, Again),
    (First, End),
    (Second, End),
];

/// The second is faster.
const OVERTAKEN: [(Who, Act); 10] = [
    (First, Begin),
    (First, Look),
    (Second, Begin),
    (Second, Look),
    (Second, Do),
    (First, Do),
    (Second, Again),
    (First, Again),
    (Second, End),
    (First, End),
];

/// The second comes when the first has ended.
const LATE: [(Who, Act); 10] = [
    (First, Begin),
    (First, Look),
    (Second, Begin),
    (Second, Look),
    (First, Do),
    (First, Again),
    (First, End),
    (Second, Do),
    (Second, Again),
    (Second, End),
];

/// The first comes when the second has ended.
const LATE_FIRST: [(Who, Act); 10] = [
    (First, Begin),
    (First, Look),
    (Second, Begin),
    (Second, Look),
    (Second, Do),
    (Second, Again),
    (Second, End),
    (First, Do),
    (First, Again),
    (First, End),
];

/// One after the other.
const SERIAL: [(Who, Act); 10] = [
    (First, Begin),
    (First, Look),
    (First, Do),
    (First, Again),
    (First, End),
    (Second, Begin),
    (Second, Look),
    (Second, Do),
    (Second, Again),
    (Second, End),
];

const SERIAL_BACKWARD: [(Who, Act); 10] = [
    (Second, Begin),
    (Second, Look),
    (Second, Do),
    (Second, Again),
    (Second, End),
    (First, Begin),
    (First, Look),
    (First, Do),
    (First, Again),
    (First, End),
];

/// Only one of them is there, or nobody.
const FIRST_ALONE: [(Who, Act); 5] = [(First, Begin), (First, Look), (First, Do), (First, Again), (First, End)];
const SECOND_ALONE: [(Who, Act); 5] = [
    (Second, Begin),
    (Second, Look),
    (Second, Do),
    (Second, Again),
    (Second, End),
];

/// Those of a plain table whose outcomes are right, each with who takes part. Waits aside, each order is one.
pub fn allowed(level: Level) -> Vec<&'static Script> {
    let mut all: Vec<&Script> = match level {
        // What is serializable is what one after the other gives.
        Level::Serializable => vec![&SERIAL, &SERIAL_BACKWARD],
        _ => vec![&MEETING, &OVERTAKEN, &LATE, &LATE_FIRST],
    };
    all.extend([&FIRST_ALONE as &Script, &SECOND_ALONE, &[]]);
    all
}

/// Whether somebody takes part in a script.
pub fn takes_part(script: &Script, who: Who) -> bool {
    script.iter().any(|(one, _)| *one == who)
}

/// Two sessions and their row.
#[derive(Clone, Debug)]
pub struct Pair {
    pub first: Deed,
    pub second: Deed,
    pub row: u32,
}

impl Pair {
    /// Draws two deeds that can get in each other's way; those of the first row are the same each time.
    pub fn draw(rng: &mut StdRng, row: u32) -> Self {
        if row == 1 {
            let (first, second) = (skew(), skew());
            return Self { first, second, row };
        }
        let deeds = deeds::all();
        loop {
            let mut any = || deeds[rng.random_range(0..deeds.len())].clone();
            let (first, second) = (any(), any());
            let both_lock = first.does.locks() && second.does.locks();
            if first.touches.meets(second.touches) && !(both_lock && rng.random_bool(0.8)) {
                return Self { first, second, row };
            }
        }
    }

    /// Whether each of the two reads what the other one writes.
    pub fn is_skew(&self) -> bool {
        [&self.first, &self.second].iter().all(|deed| deed.name == SKEW)
    }

    pub fn deed(&self, who: Who) -> &Deed {
        match who {
            First => &self.first,
            Second => &self.second,
        }
    }

    /// The statement of an act.
    pub fn sql(&self, who: Who, act: Act, level: Level) -> String {
        let (own, other) = match who {
            First => (self.row, partner(self.row)),
            Second => (partner(self.row), self.row),
        };
        match act {
            Begin => format!("BEGIN ISOLATION LEVEL {}", level.sql()),
            // What is seen then at READ COMMITTED is a question of time.
            Again if level == Level::ReadCommitted => "SELECT".into(),
            Look | Again => format!("SELECT id, v FROM t WHERE id IN ({own}, {other}) ORDER BY id, v"),
            Do => {
                let sql = self.deed(who).on(self.row, who as u32 + 1);
                sql.replace("{own}", &own.to_string())
                    .replace("{other}", &other.to_string())
            }
            End => "COMMIT".into(),
        }
    }

    /// What is there in the end, as a query.
    pub fn content(&self) -> String {
        let (row, partner) = (self.row, partner(self.row));
        format!(
            "SELECT 'row', id, key, v::text FROM t WHERE id IN ({row}, {row} + 100000, {partner})
             UNION ALL SELECT 'child', id, of, note FROM child WHERE id IN ({row}, {row} + 100000, {row} + 200000)
             ORDER BY 1, 2"
        )
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, then {}, of row {}", self.first.name, self.second.name, self.row)
    }
}

/// The other row of a pair, for those who read one and write the other. It lies in another segment.
pub fn partner(row: u32) -> u32 {
    row + 400_000
}

const SKEW: &str = "update while the other's is untouched";

/// Each may change its own row while the other's is untouched: not both of them, one after the other.
fn skew() -> Deed {
    Deed {
        name: SKEW.into(),
        sql: "UPDATE t SET v = v + 1 WHERE id = {own}
              AND (SELECT v FROM t WHERE id = {other}) = 0 RETURNING id, v"
            .into(),
        touches: Touches::Row,
        does: Does::Changes,
        policy: Policy::Wait,
    }
}
