//! A day of an application: its units in a random order, batches and maintenance between its statements, and now and
//! then a comparison of all content.

use super::app::{App, Unit};
use super::sides::{Side, Sides, Who};
use super::tally::Tally;
use super::{Draw, Statement};
use crate::differential::pair::{Level, is_conflict, show};
use crate::differential::{keeper, others};
use crate::seed::seed;
use testkit::setup::enable_database;
use testkit::{Client, Cluster, Endpoint};

/// Units between two comparisons of the whole content.
const COMPARE: usize = 16;
/// Statements that are shown before a difference.
const SHOWN: usize = 40;

struct Day<'a> {
    app: &'a App,
    seed: u64,
    draw: Draw,
    sides: Sides,
    monitor: Client,
    tally: Tally,
    log: Vec<String>,
    minute: u64,
}

/// How a transaction goes on after a statement.
#[derive(PartialEq)]
enum Next {
    On,
    /// A statement failed, on both sides in the same way.
    Failed,
    /// The stretched side has to begin anew, and the plain one gives up with it.
    Conflict,
}

pub fn run(app: &App) {
    let seed = seed();
    let statements = std::env::var("STRETCH_STATEMENTS").map_or(300, |text| text.parse().expect("a number"));
    let cluster = Cluster::builder(app.name)
        .conf("stretch.naptime", "1h")
        .conf("stretch.batch_rows", "50")
        .conf("stretch.max_batch_age", "0")
        .conf("stretch.copy_to", "all")
        .conf("autovacuum", "off")
        .start();
    let endpoint = Endpoint::new();
    let monitor = cluster.connect("postgres");
    enable_database(&monitor, &endpoint.url());
    monitor.sql(keeper::PREPARE);
    let sides = Sides::make(&cluster, app);
    // From here on batches run between statements alone, when they are asked for: the worker begins none of its own.
    cluster.set_conf(&[("stretch.batch_rows", "100000"), ("stretch.max_batch_age", "1d")]);
    cluster.reload();
    let mut day = Day {
        app,
        seed,
        draw: Draw::new(seed),
        sides,
        monitor,
        tally: Tally::default(),
        log: Vec::new(),
        minute: 0,
    };
    day.go(statements);
    day.tally.print(app.name);
    let log = cluster.log();
    let leak = log.lines().find(|line| line.contains("leak"));
    assert!(leak.is_none(), "{leak:?}");
    day.tally.demand();
}

impl Day<'_> {
    fn go(&mut self, statements: u64) {
        self.tally.segments(&self.monitor);
        let mut deck: Vec<fn(&mut Draw) -> Unit> = Vec::new();
        for number in 1.. {
            if deck.is_empty() {
                if self.tally.statements >= statements {
                    break;
                }
                deck = self.app.units.to_vec();
            }
            let next = self.draw.below(deck.len() as u32) as usize;
            let unit = deck.swap_remove(next)(&mut self.draw);
            self.minute += 1 + u64::from(self.draw.below(9));
            self.sides.set_clock(self.minute);
            self.unit(&unit);
            self.tally.tombstones(&self.monitor);
            self.keep(35);
            if number % COMPARE == 0 {
                self.compare();
            }
        }
        self.compare();
        self.tally.segments(&self.monitor);
    }

    /// Runs a unit, and what the other session does beside it.
    fn unit(&mut self, unit: &Unit) {
        let beside = !unit.before.is_empty();
        if beside {
            self.begin(Who::Other, Level::ReadCommitted);
        }
        let held = beside && self.all(Who::Other, &unit.before) == Next::On;
        self.transaction(&unit.statements);
        if held && self.all(Who::Other, &unit.after) == Next::On {
            self.commit(Who::Other);
        }
        if beside {
            self.sides.must(Who::Other, ["ROLLBACK"; 2]);
        }
    }

    /// One statement may stand alone; several are a transaction.
    fn transaction(&mut self, statements: &[Statement]) {
        if let [statement] = statements
            && self.draw.percent(60)
        {
            self.statement(Who::Unit, statement);
            return;
        }
        let level = self.draw.pick(&[
            Level::ReadCommitted,
            Level::ReadCommitted,
            Level::ReadCommitted,
            Level::RepeatableRead,
            Level::Serializable,
        ]);
        self.begin(Who::Unit, level);
        if self.draw.percent(25) {
            // Other plans.
            let setting = others::setting(&mut self.draw);
            self.statement(Who::Unit, &setting);
        }
        if self.all(Who::Unit, statements) == Next::On {
            if self.draw.percent(92) {
                self.commit(Who::Unit);
            } else {
                self.log.push("ROLLBACK".into());
            }
        }
        self.sides.must(Who::Unit, ["ROLLBACK"; 2]);
    }

    fn begin(&mut self, who: Who, level: Level) {
        self.log.push(format!("{}{level:?}", label(who)));
        self.sides.must(who, level.begin());
    }

    fn commit(&mut self, who: Who) {
        self.statement(who, &Statement::new("COMMIT", "COMMIT"));
    }

    fn all(&mut self, who: Who, statements: &[Statement]) -> Next {
        for (at, statement) in statements.iter().enumerate() {
            if at > 0 {
                self.keep(60);
            }
            let next = self.statement(who, statement);
            if next != Next::On {
                return next;
            }
        }
        Next::On
    }

    /// Runs a statement on both sides; a difference ends the test.
    fn statement(&mut self, who: Who, statement: &Statement) -> Next {
        let cold = self.sides.one(Side::Cold, who, statement);
        let told = cold
            .as_ref()
            .map_or_else(|error| error.code.clone(), |done| format!("{} rows", done.count));
        self.log.push(format!("{}{}  -- {told}", label(who), statement.text));
        self.tally.answer(statement.kind, &cold);
        if is_conflict(&cold) {
            self.tally.conflicts += 1;
            self.sides.must(who, ["ROLLBACK"; 2]);
            self.sides.level_sequences();
            return Next::Conflict;
        }
        let plain = self.sides.one(Side::Plain, who, statement);
        let alike = match (&cold, &plain) {
            (Ok(one), Ok(other)) => one == other,
            (Err(one), Err(other)) => one.code == other.code,
            _ => false,
        };
        if !alike {
            self.differ(&format!(
                "{}\n--- stretched: {}\n--- plain: {}",
                statement.text,
                show(&cold, &plain),
                show(&plain, &cold)
            ));
        }
        if cold.is_err() {
            self.sides.level_sequences();
            return Next::Failed;
        }
        Next::On
    }

    /// Now and then something is done to the stretched tables.
    fn keep(&mut self, percent: u32) {
        if !self.draw.percent(percent) {
            return;
        }
        let done = keeper::act(&mut self.draw, &self.monitor, self.app.stretched, &[self.app.looser]);
        self.log.push(format!("{done} by the keeper"));
        self.tally.kept(done);
    }

    fn compare(&mut self) {
        let differences = self.sides.differences(&self.monitor);
        if !differences.is_empty() {
            self.differ(&differences.join("\n"));
        }
        self.tally.compared(&self.monitor, self.app.stretched);
    }

    /// Shows what led to a difference, and ends the test.
    fn differ(&self, what: &str) -> ! {
        let from = self.log.len().saturating_sub(SHOWN);
        println!("{}", self.log[from..].join("\n"));
        panic!("STRETCH_SEED={} {}: {what}", self.seed, self.app.name);
    }
}

fn label(who: Who) -> &'static str {
    match who {
        Who::Unit => "",
        Who::Other => "other: ",
    }
}
