//! What a server pays that loads the library and has no stretched table: pgbench with and without it, in turn, and on a
//! third server like the second, which tells how much two equal servers differ.

use crate::measure::median;
use testkit::{Cluster, os};

/// Runs of each kind on each server, and how long each goes on.
const ROUNDS: usize = 13;
const SECONDS: &str = "3";

/// What pgbench runs.
const KINDS: [(&str, &[&str]); 3] = [
    ("SELECT by key (-S)", &["-S"]),
    ("SELECT by key, prepared (-S -M prepared)", &["-S", "-M", "prepared"]),
    ("TPC-B", &[]),
];

/// Transactions per second of a server that loads the library, as a share of those of one that does not.
pub fn run() {
    let servers = [("with", "pg_stretch"), ("without", ""), ("again", "")].map(|(name, libraries)| {
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
        let (mut with, mut again) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let mut speeds = [0.0; 3];
            // None is always the one that follows the same other.
            let mut order = [0, 1, 2];
            if round % 2 == 1 {
                order.reverse();
            }
            order.rotate_left(round % 3);
            for side in order {
                speeds[side] = speed(&servers[side], arguments);
            }
            with.push(speeds[0] / speeds[1]);
            again.push(speeds[2] / speeds[1]);
        }
        println!(
            "{what}: the library loaded, nothing stretched: {} of the transactions per second without it; \
             a second server without it: {}",
            shown(with),
            shown(again)
        );
    }
}

/// The median, and where the middle half lies.
fn shown(mut ratios: Vec<f64>) -> String {
    ratios.sort_by(f64::total_cmp);
    let quarter = ratios.len() / 4;
    let (low, high) = (ratios[quarter], ratios[ratios.len() - 1 - quarter]);
    format!("{:.3} (middle half {low:.3} to {high:.3})", median(ratios))
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
