//! The matrix itself: who meets whom, in which order, at which level, and how it ends; each case as the steps of a
//! permutation, on a row of its own.

use super::deeds::{self, Deed, Does, Policy, Touches};
use super::spec::{Step, step};

/// How those of a case meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    /// The second comes while the first has the cold row.
    Overlap,
    /// Both lock the cold row alike, and then both update it.
    Upgraded,
    /// The second has a snapshot from before the first, and comes when that has committed.
    Late,
    /// The second comes while a batch moves the row.
    Moving,
    /// The first has the hot row when a batch comes to move it.
    Held,
    /// The first has the hot row when a batch comes, and the second comes before the batch ends.
    Between,
    /// The row's segment is uploaded while the first has the cold row.
    Uploaded,
    /// Tombstones of the row's segment are folded while the first has the cold row.
    Folded,
    /// The second comes while they are folded.
    Folding,
    /// The second comes while the first has the cold row, and most of its segment.
    Many,
    /// The second comes for another row of the segment then.
    Beside,
    /// TRUNCATE comes while the first has the cold row.
    Truncated,
    /// The second comes while TRUNCATE is under way.
    Truncating,
    /// The second has a snapshot from before a TRUNCATE that has committed.
    LongTruncated,
}

impl Family {
    /// Whether somebody takes part who does nothing to a plain table: there is nobody to wait for there.
    pub fn moves(self) -> bool {
        self.place() == Place::Moved
    }

    /// Where its cases run.
    pub fn place(self) -> Place {
        use Family::*;
        match self {
            Overlap | Upgraded | Late => Place::Settled,
            Moving | Held | Between | Uploaded | Folded | Folding => Place::Moved,
            Many | Beside | Truncated | Truncating | LongTruncated => Place::Whole,
        }
    }
}

/// Databases of their own, of which all but the first serve one case at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// All rows are cold from the beginning.
    Settled,
    /// Batches, uploads and folds go on.
    Moved,
    /// Statements reach most of a segment, or the whole table.
    Whole,
}

impl Place {
    pub const ALL: [Self; 3] = [Self::Settled, Self::Moved, Self::Whole];
}

/// One permutation.
#[derive(Clone, Debug)]
pub struct Case {
    pub family: Family,
    pub first: Option<Deed>,
    pub second: Option<Deed>,
    /// The second runs at REPEATABLE READ, not at READ COMMITTED.
    pub keeps_snapshot: bool,
    /// Who came first rolls back.
    pub undone: bool,
    pub row: u32,
    pub steps: Vec<Step>,
}

impl Case {
    pub fn title(&self) -> String {
        let name = |deed: &Option<Deed>| deed.as_ref().map_or("nobody", |deed| &deed.name).to_owned();
        format!(
            "{:?}: {}, then {}{}{}",
            self.family,
            name(&self.first),
            name(&self.second),
            if self.keeps_snapshot { " at REPEATABLE READ" } else { "" },
            if self.undone { ", the former undone" } else { "" },
        )
    }

    /// Whether the first does one of these.
    pub fn first_does(&self, does: &[Does]) -> bool {
        self.first.as_ref().is_some_and(|deed| does.contains(&deed.does))
    }

    /// Whether the second does one of these.
    pub fn second_does(&self, does: &[Does]) -> bool {
        self.second.as_ref().is_some_and(|deed| does.contains(&deed.does))
    }

    /// Whether the first makes a new version with the same keys of what the second is about.
    pub fn first_changes(&self) -> bool {
        changes(&self.first, &self.second)
    }

    /// Whether the second does so of what the first is about.
    pub fn second_changes(&self) -> bool {
        changes(&self.second, &self.first)
    }

    /// The second's row, which is the first's but where they are beside each other.
    fn row_of_second(&self) -> u32 {
        match self.family {
            Family::Beside => 10_000_180 + 300_000 * self.row,
            _ => self.row,
        }
    }

    /// Puts the steps together, from a template in which `#` stands for the number of the row.
    fn with_steps(mut self) -> Self {
        use Family::*;
        let [first_ends, batch_ends, truncate_ends] = match self.undone {
            true => ["aundo", "mundo", "tundo"],
            false => ["acommit", "mcommit", "tcommit"],
        };
        let begin = if self.keeps_snapshot { "brr" } else { "bbegin" };
        let script = match self.family {
            Overlap => format!("abegin a# {begin} b# {first_ends} p# bend l#"),
            Upgraded => "abegin a# bbegin b# au# bu# acommit bend l#".into(),
            Late => "bsnapshot abegin a# acommit b# p# bend l#".into(),
            Moving => format!("s# mbegin mmove {begin} b# {batch_ends} p# bend l#"),
            Held => format!("s# abegin a# mbegin mmove mcommit p# {first_ends} l#"),
            Between => format!("s# abegin a# mbegin mmove {begin} b# mcommit {first_ends} p# bend l#"),
            Uploaded => format!("s# mbegin mmove hhold mcommit abegin a# hrelease udrain uupload p# {first_ends} l#"),
            Folded => format!("s# mbegin mmove mcommit d# abegin a# ffold fcommit p# {first_ends} l#"),
            Folding => format!("s# mbegin mmove mcommit d# ffold {begin} b# fcommit p# bend l#"),
            Many | Beside => format!("s# mbegin mmove mcommit abegin a# {begin} b# {first_ends} p# bend l#"),
            Truncated => format!("s# mbegin mmove mcommit abegin a# ttruncate {first_ends} l#"),
            Truncating => {
                format!("s# mbegin mmove mcommit tbegin ttruncate {begin} b# {truncate_ends} p# bend l#")
            }
            LongTruncated => "s# mbegin mmove mcommit bsnapshot ttruncate b# bend l#".into(),
        };
        self.steps = script.split(' ').map(|name| self.step(name)).collect();
        self
    }

    fn step(&self, name: &str) -> Step {
        let n = self.row;
        let theirs = self.row_of_second();
        let session = name.chars().next().expect("a name");
        let sql = match &name[1..] {
            "begin" if session == 'm' => {
                "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE t IN ROW EXCLUSIVE MODE".into()
            }
            "begin" => "BEGIN".into(),
            "rr" => "BEGIN ISOLATION LEVEL REPEATABLE READ".into(),
            "snapshot" => "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 AS snapshot".into(),
            "commit" | "end" => "COMMIT".into(),
            "undo" => "ROLLBACK".into(),
            "move" => "SELECT batch('t') > 0 AS moved".into(),
            // The upload cannot be recorded before the lock is released.
            "hold" => "BEGIN; LOCK TABLE stretch.segment IN SHARE MODE".into(),
            "release" => "COMMIT".into(),
            "drain" => "SELECT stretch.drain('t') >= 0 AS drained".into(),
            "upload" => "SELECT wait_for_upload()".into(),
            "fold" => "BEGIN; SELECT fold() > 0 AS folded".into(),
            "truncate" => "TRUNCATE t, child".into(),
            "u#" => format!("UPDATE t SET v = v + 1 WHERE id = {n} RETURNING v"),
            _ => match session {
                'a' => self.first.as_ref().expect("the first").on(n, 1),
                'b' => self.second.as_ref().expect("the second").on(theirs, 2),
                's' if matches!(self.family, Family::Many | Family::Beside) => format!(
                    "INSERT INTO t SELECT g, g FROM \
                        generate_series(10000000 + 300000 * {n}, 10000198 + 300000 * {n}) g; \
                     INSERT INTO t SELECT {n}, {n}; INSERT INTO child VALUES ({n}, {n})"
                ),
                's' => format!(
                    "INSERT INTO t SELECT g, g, 0, true FROM generate_series({n}, {n} + 2) g; \
                     INSERT INTO child VALUES ({n}, {n})"
                ),
                'd' => format!("DELETE FROM t WHERE id = {n} + 1"),
                // What others can get of the row now: so the locks of those who are not through yet show.
                'p' => format!(
                    "SELECT id AS share FROM t WHERE id = {theirs} FOR KEY SHARE SKIP LOCKED; \
                     SELECT id AS update FROM t WHERE id = {theirs} FOR UPDATE SKIP LOCKED; \
                     SELECT id AS child FROM child WHERE id = {n} FOR UPDATE SKIP LOCKED"
                ),
                'l' => format!(
                    "SELECT id, key, v FROM t WHERE id IN ({theirs}, {theirs} + 100000) ORDER BY id; \
                     SELECT id, of, note FROM child WHERE id IN ({n}, {n} + 100000, {n} + 200000) ORDER BY id"
                ),
                _ => panic!("no step {name}"),
            },
        };
        step(session, name[1..].replace('#', &n.to_string()), sql)
    }
}

/// A cascade changes a column of the child that is no key of it.
fn changes(deed: &Option<Deed>, other: &Option<Deed>) -> bool {
    let (Some(deed), Some(other)) = (deed, other) else {
        return false;
    };
    let cascades = deed.does == Does::Rekeys && deed.touches == Touches::Both;
    deed.does == Does::Changes || cascades && other.touches == Touches::Child
}

/// All cases, each with a number of its own from `first_row` on. Rows are three apart.
pub fn all(first_row: u32) -> Vec<Case> {
    let deeds = deeds::all();
    let mut cases = Vec::new();
    let mut add = |family, first: Option<&Deed>, second: Option<&Deed>, keeps_snapshot, undone| {
        let case = Case {
            family,
            first: first.cloned(),
            second: second.cloned(),
            keeps_snapshot,
            undone,
            row: first_row + 3 * cases.len() as u32,
            steps: Vec::new(),
        };
        cases.push(case.with_steps());
    };
    let firsts: Vec<&Deed> = deeds.iter().filter(|deed| deed.comes_first()).collect();
    for first in &firsts {
        for second in deeds.iter().filter(|second| first.touches.meets(second.touches)) {
            let (first, second) = (Some(*first), Some(second));
            add(Family::Overlap, first, second, false, false);
            // Who does not wait does not see the end, and a kept snapshot matters when there is something new.
            if second.is_some_and(|deed| deed.policy == Policy::Wait) {
                add(Family::Overlap, first, second, false, true);
            }
            if first.is_some_and(|deed| !deed.does.locks() && deed.does != Does::Passes) {
                add(Family::Overlap, first, second, true, false);
                add(Family::Late, first, second, true, false);
            }
        }
    }
    for first in firsts
        .iter()
        .filter(|deed| matches!(deed.does, Does::KeyShare | Does::Share))
    {
        if first.touches == Touches::Row {
            add(Family::Upgraded, Some(*first), Some(*first), false, false);
        }
    }
    let of_row = |deed: &&Deed| deed.touches != Touches::Child;
    for second in deeds.iter().filter(of_row) {
        for (keeps_snapshot, undone) in [(false, false), (false, true), (true, false)] {
            add(Family::Moving, None, Some(second), keeps_snapshot, undone);
        }
        add(Family::Folding, None, Some(second), false, false);
    }
    for first in firsts.iter().copied().filter(of_row) {
        for (family, undone) in [
            (Family::Held, false),
            (Family::Held, true),
            (Family::Uploaded, false),
            (Family::Folded, false),
            (Family::Truncated, false),
            (Family::Truncated, true),
        ] {
            add(family, Some(first), None, false, undone);
        }
        let holds = |_: &&Deed| first.does != Does::Passes;
        for second in deeds
            .iter()
            .filter(of_row)
            .filter(|deed| deed.policy == Policy::Wait)
            .filter(holds)
        {
            add(Family::Between, Some(first), Some(second), false, false);
        }
    }
    for first in &deeds::of_many() {
        for second in deeds.iter().filter(of_row) {
            add(Family::Many, Some(first), Some(second), false, false);
            add(Family::Many, Some(first), Some(second), false, true);
            add(Family::Beside, Some(first), Some(second), false, false);
        }
    }
    for second in deeds.iter().filter(of_row).filter(|deed| deed.policy == Policy::Wait) {
        add(Family::Truncating, None, Some(second), false, false);
        add(Family::Truncating, None, Some(second), false, true);
        add(Family::Truncating, None, Some(second), true, false);
        add(Family::LongTruncated, None, Some(second), true, false);
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::{Family, all};
    use std::collections::BTreeSet;

    #[test]
    fn lock_matrix_has_each_case_once_on_a_row_of_its_own() {
        let cases = all(1);
        let titles: BTreeSet<String> = cases.iter().map(super::Case::title).collect();
        let rows: BTreeSet<u32> = cases.iter().map(|case| case.row).collect();
        assert_eq!((titles.len(), rows.len()), (cases.len(), cases.len()));
        assert!(rows.iter().all(|row| *row < 100_000));
    }

    #[test]
    fn lock_matrix_lets_every_lock_meet_everybody_in_both_orders() {
        let cases = all(1);
        for lock in ["FOR KEY SHARE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR UPDATE"] {
            for other in [
                "update",
                "update of a key",
                "delete that cascades",
                "insert of a child",
                "upsert",
                "merge",
            ] {
                for (first, second) in [(lock, other), (other, lock)] {
                    let found = cases.iter().any(|case| {
                        let is = |deed: &Option<super::Deed>, name| deed.as_ref().is_some_and(|deed| deed.name == name);
                        case.family == Family::Overlap && is(&case.first, first) && is(&case.second, second)
                    });
                    assert!(found, "{first}, then {second}");
                }
            }
        }
    }

    #[test]
    fn lock_matrix_cases_are_whole_permutations() {
        for case in all(1) {
            let names: Vec<&str> = case.steps.iter().map(|step| step.name.as_str()).collect();
            assert!(names.iter().all(|name| !name.contains('#')), "{names:?}");
            let row = |letter: char| names.contains(&format!("{letter}{}", case.row).as_str());
            assert_eq!((row('a'), row('b')), (case.first.is_some(), case.second.is_some()));
            assert_eq!(*names.last().expect("steps"), format!("l{}", case.row), "{names:?}");
        }
    }
}
