//! Random queries with aggregates over a table `{t}`.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const KEYS: [&str; 28] = [
    "small",
    "n",
    "price",
    "rate",
    "wide",
    "d",
    "f",
    "name",
    "code",
    "ch",
    "flag",
    "u",
    "date_trunc('month', ts)",
    "date_trunc('week', ts)",
    "extract(month FROM d)",
    "extract(hour FROM ts)",
    "ts::date",
    "n % 10",
    "n / 100",
    "n + small",
    "price - rate",
    "small * 2::bigint",
    "n > 100",
    "n % 2 = 0 AND NOT flag",
    "coalesce(small, 0)",
    "coalesce(name, 'né')",
    "CASE WHEN n > 0 THEN 'up' WHEN small = 2 THEN 'two' ELSE name END",
    "CASE WHEN flag THEN d WHEN n < 0 THEN date '2020-02-02' END",
];
/// Some are computed on stored values, some are not.
const AGGREGATES: [&str; 42] = [
    "count(*)",
    "count(name)",
    "count(price)",
    "count(n + small)",
    "sum(small)",
    "sum(n)",
    "sum(b)",
    "sum(price)",
    "sum(rate)",
    "sum(price * rate)",
    "sum(price * (1 - rate) * (1 + rate))",
    "sum(n * small - 3)",
    "sum(b + n)",
    "sum(small * small)",
    "avg(small)",
    "avg(n)",
    "avg(b)",
    "avg(price)",
    "avg(price - rate)",
    "min(n)",
    "max(b)",
    "min(price)",
    "max(rate * 2.50)",
    "min(d)",
    "max(ts)",
    "min(tz)",
    "min(code)",
    "max(code)",
    "max(length(name))",
    "bool_and(flag)",
    "sum(CASE WHEN n > 100 THEN price ELSE 0 END)",
    "sum(CASE WHEN flag THEN price * (1 - rate) WHEN small = 2 THEN rate END)",
    "avg(CASE WHEN d < '2020-03-01' THEN n END)",
    "count(CASE WHEN name = 'name 4' THEN 1 END)",
    "sum(coalesce(small, n))",
    "avg(coalesce(price, rate, 0))",
    "max(CASE WHEN n > 0 THEN b ELSE 0 END)",
    "bool_or(flag)",
    "sum(f)",
    "max(name)",
    "count(DISTINCT small)",
    "min(coalesce(price, 1.5))",
];
/// So many of the last are never computed on stored values.
const LEFT: usize = 4;
const CONDITIONS: [&str; 23] = [
    "n > 100",
    "n BETWEEN -50 AND 60",
    "small IN (1, 2, NULL)",
    "small IS NULL",
    "name IS NOT NULL",
    "name = 'name 4'",
    "d < '2020-03-01'",
    "price >= 62.5",
    "rate < 0",
    "flag",
    "NOT flag",
    "code > 'c1'",
    "tz < '2020-01-01 10:00+00'",
    "id < 1000",
    "b IS NOT NULL",
    "n % 3 = 1",
    "n + small > 17",
    "price * 2 <> rate + 125",
    "ts::date = '2020-01-20'",
    "date_trunc('month', ts) >= '2020-02-01'",
    "extract(month FROM d) < 3 OR 3 < small + 1",
    "length(name) = 2",
    "abs(n) % 3 = 1",
];
/// Small tables are worth several processes.
pub const SEVERAL_PROCESSES: &str = "SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0;
    SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers = 4";
const SETTINGS: [&str; 10] = [
    "RESET enable_hashagg",
    "SET enable_hashagg = off",
    "SET work_mem = '64kB'",
    "RESET work_mem",
    "SET parallel_leader_participation = off",
    "RESET parallel_leader_participation",
    "SET enable_partitionwise_aggregate = on",
    "RESET enable_partitionwise_aggregate",
    "SET enable_partition_pruning = off",
    "RESET enable_partition_pruning",
];

/// Draws queries.
pub struct Draw {
    rng: StdRng,
}

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
        }
    }

    fn some(&mut self, of: &[&'static str], most: usize) -> Vec<&'static str> {
        let count = self.rng.random_range(0..=most);
        of.choose_multiple(&mut self.rng, count).copied().collect()
    }

    /// A setting of the planner.
    pub fn setting(&mut self) -> &'static str {
        SETTINGS.choose(&mut self.rng).copied().unwrap_or_default()
    }

    fn aggregate(&mut self) -> String {
        // What is never computed on stored values comes seldom.
        let of = if self.rng.random_bool(0.1) {
            &AGGREGATES[..]
        } else {
            &AGGREGATES[..AGGREGATES.len() - LEFT]
        };
        let aggregate = of.choose(&mut self.rng).copied().unwrap_or_default();
        match self.rng.random_bool(0.2) {
            true => format!(
                "{aggregate} FILTER (WHERE {})",
                self.conditions(2, CONDITIONS.len() - 1)
            ),
            false => aggregate.to_owned(),
        }
    }

    fn conditions(&mut self, most: usize, of: usize) -> String {
        let mut conditions = self.some(&CONDITIONS[..of], most);
        if conditions.is_empty() {
            conditions.push("n > 0");
        }
        conditions.join(" AND ")
    }

    /// A query whose rows come in an order.
    pub fn query(&mut self) -> String {
        let keys = match self.rng.random_bool(0.6) {
            true => self.some(&KEYS, 3),
            false => Vec::new(),
        };
        let aggregates: Vec<String> = (0..self.rng.random_range(1..=4)).map(|_| self.aggregate()).collect();
        let mut query = format!(
            "SELECT {} FROM {{t}}",
            keys.iter()
                .map(|key| (*key).to_owned())
                .chain(aggregates.clone())
                .collect::<Vec<_>>()
                .join(", ")
        );
        if self.rng.random_bool(0.6) {
            let of = if self.rng.random_bool(0.1) {
                CONDITIONS.len()
            } else {
                CONDITIONS.len() - 1
            };
            query += &format!(" WHERE {}", self.conditions(2, of));
        }
        if !keys.is_empty() {
            let places: Vec<String> = (1..=keys.len()).map(|place| place.to_string()).collect();
            query += &format!(" GROUP BY {}", places.join(", "));
            if self.rng.random_bool(0.3) {
                query += " HAVING count(*) > 2";
            }
            query += &format!(" ORDER BY {}", places.join(", "));
        }
        query
    }
}
