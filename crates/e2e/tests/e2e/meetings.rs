//! Two sessions meet over rows that come home or are written into another segment meanwhile: the outcomes are those of
//! a plain table, waits aside. Each is looked for among those that a plain twin gives in the orders in which the two
//! may come (`meetings/pairs.rs`); none is written by hand.
//!
//! Who is told to run again (40001), from REPEATABLE READ on, has done nothing: the outcome is that of a plain table
//! without him. `STRETCH_MEETINGS` says how often each course is taken.

#[path = "meetings/course.rs"]
mod course;
#[path = "meetings/pairs.rs"]
mod pairs;
#[path = "meetings/session.rs"]
mod session;
#[path = "meetings/stage.rs"]
mod stage;

use crate::lock_matrix::deeds::Policy;
use crate::seed::seed;
use course::{Course, PAUSES};
use pairs::{Level, Pair, Script, Who, takes_part};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use stage::{Outcome, Stage};
use std::collections::BTreeMap;
use testkit::{Cluster, Endpoint};

/// Pairs that meet at a time, each over rows of its own.
const PAIRS: u32 = 8;

/// What was seen.
#[derive(Default)]
struct Seen {
    counts: BTreeMap<String, usize>,
    unlike: Vec<String>,
}

impl Seen {
    fn count(&mut self, what: &str, times: usize) {
        *self.counts.entry(what.into()).or_default() += times;
    }

    fn judge(&mut self, pair: &Pair, level: Level, title: &str, moving: &Outcome, plain: &[(&Script, &Outcome)]) {
        self.count("pairs", 1);
        let excused = [Who::First, Who::Second].map(|who| excuse(pair, level, who, moving));
        let is_right = |(script, outcome): &(&Script, &Outcome)| {
            let same = [Who::First, Who::Second].into_iter().all(|who| {
                let at = who as usize;
                match takes_part(script, who) {
                    true => outcome.told[at] == moving.told[at],
                    false => excused[at].is_some(),
                }
            });
            same && outcome.content == moving.content
        };
        if pair.is_skew() && level == Level::Serializable {
            self.count(
                "write skews that were found",
                usize::from(excused.iter().any(Option::is_some)),
            );
        }
        for excuse in excused.into_iter().flatten() {
            self.count(&format!("{excuse} at {level:?}"), 1);
        }
        match plain.iter().any(is_right) {
            true => self.count("pairs as on a plain table", 1),
            false => {
                let plain: Vec<String> = plain.iter().map(|(_, outcome)| format!("{outcome:?}")).collect();
                self.unlike.push(format!(
                    "{title}: {pair}\n  moving {moving:?}\n  plain  {}",
                    plain.join("\n         ")
                ));
            }
        }
    }

    fn add(&mut self, other: Self) {
        for (what, times) in other.counts {
            *self.counts.entry(what).or_default() += times;
        }
        self.unlike.extend(other.unlike);
    }
}

/// Why somebody has done nothing, if he has not: documented in `docs/consistency.md`.
fn excuse(pair: &Pair, level: Level, who: Who, outcome: &Outcome) -> Option<&'static str> {
    let told = &outcome.told[who as usize];
    let failed = |code: &str| {
        told.iter()
            .any(|told| told.as_ref().is_err_and(|failed| failed == code))
    };
    let policy = pair.deed(who).policy;
    if failed("40001") && level != Level::ReadCommitted {
        return Some("told to run again");
    }
    if failed("55P03") && policy == Policy::NoWait {
        return Some("did not wait");
    }
    // What he looked at stays.
    let skipped = policy == Policy::Skip && told.len() == 6 && told[3].as_ref().is_ok_and(Vec::is_empty);
    skipped.then_some("skipped the row")
}

fn play(stage: &Stage<'_>, rng: &mut StdRng, courses: &[Course], times: u32) -> Seen {
    let mut seen = Seen::default();
    for level in (0..times).flat_map(|_| Level::ALL) {
        let pairs: Vec<Pair> = (1..=PAIRS).map(|row| Pair::draw(rng, row)).collect();
        let plain = stage.plain(&pairs, level);
        for course in courses {
            let table = if rng.random_bool(0.8) { "t" } else { "child" };
            let title = format!("{}: {course:?} of {table} at {level:?}", stage.name());
            let (moving, happened) = stage.moving(&pairs, level, table, *course);
            for (at, (pair, moving)) in pairs.iter().zip(&moving).enumerate() {
                let plain: Vec<_> = plain.iter().map(|(script, all)| (*script, &all[at])).collect();
                seen.judge(pair, level, &title, moving, &plain);
            }
            seen.count(&format!("{:?}", course.mover), 1);
            seen.count("moves undone", usize::from(course.undone));
            seen.count("sessions that waited for one who moves", happened.waited);
            seen.count("moves by which segments left", usize::from(happened.left > 0));
        }
    }
    seen
}

#[test]
fn meetings_over_moving_rows_end_as_on_a_plain_table() {
    let seed = seed();
    let times = std::env::var("STRETCH_MEETINGS").map_or(1, |text| text.parse().expect("a number"));
    let cluster = Cluster::builder("meetings")
        .conf("autovacuum", "off")
        .conf("max_connections", "150")
        .conf("stretch.naptime", "1h")
        .conf("stretch_test.moves_when_asked_only", "on")
        .start();
    let endpoint = Endpoint::new();
    let mut seen = Seen::default();
    std::thread::scope(|scope| {
        let (cluster, endpoint) = (&cluster, &endpoint);
        let runs: Vec<_> = (0u64..)
            .zip(PAUSES)
            .map(|(number, (pause, mover))| {
                scope.spawn(move || {
                    let mut rng = StdRng::seed_from_u64(seed.wrapping_add(number));
                    let stage = Stage::new(cluster, endpoint, pause, PAIRS as usize);
                    play(&stage, &mut rng, &course::all(pause, mover), times)
                })
            })
            .collect();
        for run in runs {
            seen.add(run.join().expect("no panic"));
        }
    });
    println!("meetings: {:#?}", seen.counts);
    assert!(
        seen.unlike.is_empty(),
        "{} outcomes that no plain table gives:\n{}",
        seen.unlike.len(),
        seen.unlike.join("\n")
    );
    for (what, least) in [
        ("Home", 60),
        ("Compaction", 60),
        ("moves undone", 20),
        ("moves by which segments left", 120),
        ("sessions that waited for one who moves", 200),
        ("told to run again at RepeatableRead", 100),
        ("told to run again at Serializable", 100),
        ("did not wait at ReadCommitted", 5),
        ("skipped the row at ReadCommitted", 5),
        ("write skews that were found", 10),
    ] {
        let met = seen.counts.get(what).copied().unwrap_or_default();
        assert!(met >= least, "{what}: {met} times, too few");
    }
}
