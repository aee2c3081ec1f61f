//! A moment in the midst of schedules to which the server is restored: each stretched table is what its twin was then.

use super::schedule::{Counts, STEPS, Schedule};
use super::twin::content;
use rand::Rng;
use rand::rngs::StdRng;
use std::fs;
use testkit::setup::reauthorize;
use testkit::{BaseBackup, Client, Cluster, Target};

/// A drawn moment, and what there was.
pub struct Moment {
    backup: BaseBackup,
    /// The first step that may have it, and the number of the schedule.
    from: (usize, usize),
    /// How far into the statement it is.
    fraction: f64,
    /// When it has come, with what each plain twin held.
    met: Option<(Target, Vec<Vec<String>>)>,
}

impl Moment {
    /// Draws one, and takes a backup from before.
    pub fn draw(cluster: &Cluster, rng: &mut StdRng, schedules: usize) -> Self {
        Self {
            backup: cluster.basebackup(),
            from: (rng.random_range(0..STEPS), rng.random_range(0..schedules)),
            fraction: rng.random(),
            met: None,
        }
    }

    /// Called after each step: notes what there is when the moment has come. That is in the midst of the next statement
    /// that moves rows, by which no twin changes, or else at the end.
    pub fn look(&mut self, schedules: &[Schedule<'_>], step: usize, at: usize, counts: &mut Counts) {
        if self.met.is_some() || self.from > (step, at) {
            return;
        }
        let db = &schedules[at].twin.db;
        let target = match &schedules[at].moved {
            Some((before, after)) => {
                *counts.entry("moments in the midst of a move").or_default() += 1;
                let far = format!("floor((pg_lsn '{after}' - pg_lsn '{before}') * {})", self.fraction);
                Target::Lsn(db.text(&format!("SELECT pg_lsn '{before}' + {far}")))
            }
            None if (step, at) == (STEPS - 1, schedules.len() - 1) => {
                let name = self.backup.path.display().to_string();
                db.sql(&format!("SELECT pg_create_restore_point('{name}')"));
                Target::Name(name)
            }
            None => return,
        };
        let contents = schedules.iter().map(|schedule| {
            schedule.enter();
            content(db, "plain")
        });
        self.met = Some((target, contents.collect()));
        schedules[at].enter();
    }

    /// Restores a copy of the server to the moment.
    pub fn restore_and_compare(self, cluster: &Cluster, schedules: &[Schedule<'_>], counts: &mut Counts) {
        let (target, contents) = self.met.expect("the moment comes at the end at the latest");
        let restored = cluster.restore_to("restored", &self.backup, &target);
        let there = restored.connect("postgres");
        reauthorize(&there);
        for (schedule, plain) in schedules.iter().zip(&contents) {
            let said = format!("{target:?}, {}:\n{}", schedule.schema(), schedule.said());
            there.sql(&format!("SET search_path = {}", schedule.schema()));
            assert_eq!(content(&there, "plain"), *plain, "the moment is another one: {said}");
            assert_eq!(content(&there, "t"), *plain, "restored to {said}");
            live_on(&there);
            assert_eq!(content(&there, "t"), *plain, "after the restore to {said}");
            *counts.entry("schedules restored to a moment").or_default() += 1;
        }
        drop(restored);
        fs::remove_dir_all(&self.backup.path).expect("the backup is there");
    }
}

/// The rows move as they did before.
fn live_on(db: &Client) {
    let state = "SELECT migration_state FROM stretch.tables WHERE relation = 't'::regclass";
    match db.try_text(state).expect("a view").as_deref() {
        // The worker brings it home, or has just done so.
        None | Some("inbound") => {}
        Some(_) => {
            db.sql("SELECT stretch.migrate('t')");
            db.sql("SELECT stretch.compact('t')");
        }
    }
}
