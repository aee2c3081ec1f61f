//! What a server pays that loads the library and has no stretched table: pgbench with and without it, in turn.

use crate::median;
use testkit::{Cluster, os};

/// Pairs of runs of each kind, and how long each run goes on.
const PAIRS: usize = 15;
const SECONDS: &str = "4";

/// What pgbench runs.
const KINDS: [(&str, &[&str]); 3] = [
    ("SELECT by key (-S)", &["-S"]),
    ("SELECT by key, prepared (-S -M prepared)", &["-S", "-M", "prepared"]),
    ("TPC-B", &[]),
];

/// Transactions per second of a server that loads the library, as a share of those of one that does not.
pub fn run() {
    let servers = [("with", "pg_stretch"), ("without", "")].map(|(name, libraries)| {
        let cluster = Cluster::builder(&format!("bench-{name}"))
            .conf("shared_preload_libraries", libraries)
            .conf("autovacuum", "off")
            .conf("synchronous_commit", "off")
            .conf("checkpoint_timeout", "1h")
            .conf("max_wal_size", "16GB")
            .start();
        os::run_ok(cluster.command("pgbench").args(["-i", "-q", "-s", "10"]));
        cluster
    });
    for (what, arguments) in KINDS {
        let mut ratios = Vec::new();
        for pair in 0..PAIRS {
            let mut speeds = [0.0; 2];
            // None is always the one that comes first.
            for side in [pair % 2, 1 - pair % 2] {
                speeds[side] = speed(&servers[side], arguments);
            }
            ratios.push(speeds[0] / speeds[1]);
        }
        ratios.sort_by(f64::total_cmp);
        let (low, high) = (ratios[PAIRS / 4], ratios[PAIRS - 1 - PAIRS / 4]);
        println!(
            "the library loaded, nothing stretched: {what}: {:.3} of the transactions per second without it (half of {PAIRS} pairs within {low:.3} to {high:.3})",
            median(ratios)
        );
    }
}

fn speed(cluster: &Cluster, arguments: &[&str]) -> f64 {
    let mut command = cluster.command("pgbench");
    command.args(["-n", "-c", "1", "-T", SECONDS]).args(arguments);
    let report = os::run_ok(&mut command);
    let tps = report.lines().find_map(|line| line.strip_prefix("tps = "));
    let number = tps.and_then(|rest| rest.split(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .expect("pgbench reports tps")
}
