//! A run at one isolation level: a server, rounds of statements on new tables, and what they came to.

use super::counts::Counts;
use super::draw::Draw;
use super::pair::{Level, Pair};
use super::round::Round;
use super::{keeper, tables};
use crate::seed::seed;
use testkit::setup::enable_database;
use testkit::{Cluster, Endpoint};

/// Statements after which the tables are made anew.
const ROUND: u64 = 600;

pub fn run(level: Level) {
    let seed = seed();
    let statements = std::env::var("STRETCH_STATEMENTS").map_or(400, |text| text.parse().expect("a number"));
    let cluster = Cluster::builder("differential")
        .conf("stretch.naptime", "100ms")
        .conf("stretch.batch_rows", "40")
        .conf("stretch.max_batch_age", "0")
        .conf("stretch.copy_to", "all")
        .conf("deadlock_timeout", "100ms")
        .start();
    let endpoint = Endpoint::new();
    let monitor = cluster.connect("postgres");
    enable_database(&monitor, &endpoint.url());
    monitor.sql(keeper::PREPARE);
    let mut draw = Draw::new(seed);
    let mut counts = Counts::default();
    while counts.statements < statements {
        tables::make(&cluster, "postgres");
        let until = statements.min(counts.statements + ROUND);
        let pairs = [false, true].map(|generic| Pair::new(&cluster, "postgres", generic));
        let mut round = Round {
            seed,
            level,
            draw,
            counts,
            monitor: &monitor,
            pairs,
            open: [None, None],
            sequels: [Vec::new(), Vec::new()],
            log: Vec::new(),
        };
        round.run(until);
        (draw, counts) = (round.draw, round.counts);
        tables::remove(&monitor);
    }
    counts.print(level);
    let log = cluster.log();
    let leak = log.lines().find(|line| line.contains("leak"));
    assert!(leak.is_none(), "{leak:?}");
    counts.demand();
}
