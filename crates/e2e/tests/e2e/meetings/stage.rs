//! One database in which pairs of sessions meet: on plain tables, and on stretched ones whose rows move meanwhile.

use super::course::{Course, Mover};
use super::pairs::{Act, Level, MEETING, Pair, Script, Who, allowed, partner};
use super::session::{Session, Told, settle};
use crate::lock_matrix::TABLES;
use stretch_core::steps::Step;
use testkit::setup::{drain, enable_database, enable_table};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

/// The advisory lock for which the worker waits where it pauses.
const KEY: u32 = 4711;
const HELD: &str = "SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// What two sessions were told, the first one's answers first, and what was there in the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    pub told: [Vec<Told>; 2],
    pub content: Vec<String>,
}

/// What happened besides.
#[derive(Default)]
pub struct Happened {
    /// Sessions that waited while he who moves was held open.
    pub waited: usize,
    /// Segments that left.
    pub left: i64,
}

pub struct Stage<'a> {
    cluster: &'a Cluster,
    database: String,
    control: Client,
    mover: Session,
    /// The two of each pair.
    sessions: Vec<[Session; 2]>,
}

impl<'a> Stage<'a> {
    /// Makes the database, whose worker pauses there, and the sessions of so many pairs.
    pub fn new(cluster: &'a Cluster, endpoint: &Endpoint, pause: Step, pairs: usize) -> Self {
        let database = pause.name().to_lowercase();
        cluster.create_database(&database);
        cluster.connect("postgres").sql(&format!(
            "ALTER DATABASE {database} SET stretch_test.pause_at = '{}'",
            pause.name()
        ));
        let control = cluster.connect(&database);
        enable_database(&control, &endpoint.url());
        control.sql("SET client_min_messages = warning");
        let session = || Session::new(cluster, &database);
        Self {
            mover: session(),
            sessions: (0..pairs).map(|_| [session(), session()]).collect(),
            control,
            cluster,
            database,
        }
    }

    /// The tables anew in a schema, with the rows of the pairs.
    fn make(&self, schema: &str, pairs: &[Pair]) {
        let rows: Vec<String> = pairs.iter().map(|pair| pair.row.to_string()).collect();
        let rows = rows.join(",");
        let fill = |offset: u32| {
            self.control.sql(&format!(
                "INSERT INTO t SELECT g + {offset}, g + {offset} FROM unnest('{{{rows}}}'::int[]) g;
                 INSERT INTO child SELECT g + {offset}, g + {offset} FROM unnest('{{{rows}}}'::int[]) g"
            ));
        };
        self.control.sql(&format!(
            "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path = {schema}; {TABLES}"
        ));
        let stretched = schema == "cold";
        if stretched {
            enable_table(&self.control, "t", "old");
            enable_table(&self.control, "child", "id > 0");
        }
        for offset in [0, partner(0)] {
            fill(offset);
            // A row that dies makes the segment one that compaction writes anew.
            let dies = 900_000 + offset;
            self.control.sql(&format!(
                "INSERT INTO t VALUES ({dies}, {dies}); INSERT INTO child VALUES ({dies}, {dies})"
            ));
            if stretched {
                drain(&self.control, "t");
                drain(&self.control, "child");
            }
            self.control.sql(&format!(
                "DELETE FROM child WHERE id = {dies}; DELETE FROM t WHERE id = {dies}"
            ));
        }
    }

    /// The outcomes of each script that a plain table may have run, for each pair.
    pub fn plain(&self, pairs: &[Pair], level: Level) -> Vec<(&'static Script, Vec<Outcome>)> {
        // One after the other, a kept snapshot is enough; at SERIALIZABLE one pair would meet another on the pages of
        // an index.
        let run_at = level.min(Level::RepeatableRead);
        let play = |script: &'static Script| {
            self.make("plain", pairs);
            self.enter("plain", pairs);
            for act in script {
                self.act(pairs, *act, run_at);
                self.rest(pairs, &[]);
            }
            (script, self.outcomes(pairs))
        };
        allowed(level).into_iter().map(play).collect()
    }

    /// The outcome for each pair where rows of `table` move.
    pub fn moving(&self, pairs: &[Pair], level: Level, table: &str, course: Course) -> (Vec<Outcome>, Happened) {
        self.make("cold", pairs);
        self.enter("cold", pairs);
        let mut happened = Happened::default();
        let before = self.live(table);
        let mut is_held = false;
        for at in 0..=MEETING.len() {
            if course.starts == at {
                is_held = self.start(table, course);
            }
            if course.paused_until == Some(at) && is_held {
                happened.waited = self.rest(pairs, &[]);
                if course.undone {
                    self.kill();
                }
                self.control.sql(&format!("SELECT pg_advisory_unlock({KEY})"));
                is_held = false;
            }
            if let Some(act) = MEETING.get(at) {
                self.act(pairs, *act, level);
                let busy = if is_held { Vec::new() } else { vec![self.worker()] };
                let waiting = self.rest(pairs, &busy);
                assert!(act.1 != Act::Look || waiting == 0, "a reader waits, {course:?}");
            }
        }
        let outcomes = self.outcomes(pairs);
        let answer = self.mover.told();
        if course.undone {
            // A homecoming goes on by itself.
            wait_until("the end of what was begun anew", PATIENCE, || {
                course.mover == Mover::Compaction || self.live(table) == 0
            });
        } else {
            assert!(answer.iter().all(Result::is_ok), "{course:?}: {answer:?}");
        }
        happened.left = before - self.live(table);
        let contents = pairs.iter().map(|pair| self.control.lines(&pair.content()));
        for ((pair, outcome), content) in pairs.iter().zip(&outcomes).zip(contents) {
            assert_eq!(outcome.content, content, "{pair}, {course:?}: after the move");
        }
        (outcomes, happened)
    }

    /// Has rows moved. Whether they are held in the midst of it.
    fn start(&self, table: &str, course: Course) -> bool {
        let wants_pause = course.paused_until.is_some();
        if wants_pause {
            self.control.sql(&format!("SELECT pg_advisory_lock({KEY})"));
        }
        self.mover.ask(match course.mover {
            Mover::Home => format!("SELECT stretch.disable_table('cold.{table}', leave_remote_data => false)"),
            Mover::Compaction => format!("SELECT stretch.compact('cold.{table}')"),
        });
        if wants_pause {
            wait_until("the pause", PATIENCE, || self.control.int(HELD) > 0);
        } else if course.starts < 5 {
            // Nobody is in his way. Snapshots may keep the table from being an ordinary one.
            wait_until("the move", PATIENCE, || {
                self.mover.is_idle() || course.mover == Mover::Home && self.live(table) == 0
            });
        }
        wants_pause
    }

    /// Live segments.
    fn live(&self, table: &str) -> i64 {
        self.control.int(&format!(
            "SELECT count(*) FROM stretch.segments WHERE relation = 'cold.{table}'::regclass AND state <> 'retired'"
        ))
    }

    /// The process that moves rows, or 0.
    fn worker(&self) -> i32 {
        let pid = self.control.try_text("SELECT worker_pid FROM stretch.status");
        pid.ok().flatten().and_then(|pid| pid.parse().ok()).unwrap_or_default()
    }

    fn kill(&self) {
        let pid = self.worker();
        self.control.sql(&format!("SELECT pg_terminate_backend({pid})"));
        wait_until("the end of the worker", PATIENCE, || {
            self.control
                .int(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"))
                == 0
        });
    }

    fn enter(&self, schema: &str, pairs: &[Pair]) {
        for session in self.sessions[..pairs.len()].iter().flatten() {
            session.ask(format!("SET search_path = {schema}"));
        }
    }

    fn act(&self, pairs: &[Pair], (who, act): (Who, Act), level: Level) {
        for (pair, sessions) in pairs.iter().zip(&self.sessions) {
            sessions[who as usize].ask(pair.sql(who, act, level));
        }
    }

    fn rest(&self, pairs: &[Pair], busy: &[i32]) -> usize {
        let sessions: Vec<&Session> = self.sessions[..pairs.len()].iter().flatten().collect();
        settle(&self.control, &sessions, busy)
    }

    fn outcomes(&self, pairs: &[Pair]) -> Vec<Outcome> {
        let of = |(pair, [first, second]): (&Pair, &[Session; 2])| Outcome {
            told: [first.told(), second.told()],
            content: self.control.lines(&pair.content()),
        };
        pairs.iter().zip(&self.sessions).map(of).collect()
    }

    /// What to call it in a report.
    pub fn name(&self) -> String {
        format!("{} of {:?}", self.database, self.cluster.data())
    }
}
