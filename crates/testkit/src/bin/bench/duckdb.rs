//! DuckDB over the Parquet files of a folder, in one thread: what another reader takes for the same bytes.

use std::path::Path;
use std::process::{Command, Stdio};
use testkit::tree;

/// Runs a query once, then so many times, and prints the median in milliseconds.
const PROGRAM: &str = "
import sys, time, duckdb
files, query, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = duckdb.connect()
db.execute('SET threads = 1')
db.execute(f\"CREATE VIEW lineitem AS SELECT * FROM read_parquet('{files}')\")
times = []
for _ in range(rounds + 1):
    began = time.perf_counter()
    db.execute(query).fetchall()
    times.append((time.perf_counter() - began) * 1000)
print(sorted(times[1:])[rounds // 2])
";

/// DuckDB with a folder.
pub struct DuckDb {
    files: String,
}

impl DuckDb {
    /// Over all segments of a folder.
    pub fn over(folder: &Path) -> Self {
        Self {
            files: format!("{}/**/*.parquet", folder.display()),
        }
    }

    /// The median time of a query about `{t}`; `None` when DuckDB cannot answer it or is not there.
    pub fn milliseconds(&self, query: &str, rounds: usize) -> Option<f64> {
        let python = tree::build_dir().with_file_name("venv-bench").join("bin/python");
        let output = Command::new(python)
            .args(["-c", PROGRAM, &self.files, &query.replace("{t}", "lineitem")])
            .arg(rounds.to_string())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    }
}
