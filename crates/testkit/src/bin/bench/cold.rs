//! How fast rows go cold and are read then: queries over `lineitem` of TPC-H in turns on a heap, on cold rows that are
//! still staged, on the same rows in a folder and in a store of S3 on the loopback, with and without what the segment
//! cache has of them, and on a child that is a foreign table of another database; and by DuckDB on the files of the
//! folder.

use crate::duckdb::DuckDb;
use crate::measure::median;
use crate::report::{Table, digits};
use crate::sides::{self, Side};
use std::time::Instant;
use testkit::setup::{drain, enable_database, enable_table, purge};
use testkit::{Client, Cluster, Endpoint, S3Server, data};

const ROUNDS: usize = 5;

/// What is asked; `{t}` is the table.
const QUERIES: [(&str, &str); 10] = [
    ("`count(*)`", "SELECT count(*) FROM {t}"),
    (
        "`min(l_shipdate), max(l_shipdate)`",
        "SELECT min(l_shipdate), max(l_shipdate) FROM {t}",
    ),
    (
        "TPC-H query 6",
        "SELECT sum(l_extendedprice * l_discount) FROM {t}
         WHERE l_shipdate >= '1994-01-01' AND l_shipdate < '1995-01-01' AND l_discount BETWEEN 0.05 AND 0.07
            AND l_quantity < 24",
    ),
    (
        "TPC-H query 1",
        "SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice),
            sum(l_extendedprice * (1 - l_discount)), sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)),
            avg(l_quantity), avg(l_extendedprice), avg(l_discount), count(*)
         FROM {t} WHERE l_shipdate <= '1998-09-02' GROUP BY 1, 2 ORDER BY 1, 2",
    ),
    (
        "`max(length(l_comment)), count(*)`",
        "SELECT max(length(l_comment)), count(*) FROM {t}",
    ),
    (
        "every column of every row",
        "SELECT count(*) FROM (SELECT * FROM {t} OFFSET 0) x WHERE x IS DISTINCT FROM NULL",
    ),
    (
        "one row by key, `SELECT *`",
        "SELECT * FROM {t} WHERE l_orderkey = 1000001 AND l_linenumber = 1",
    ),
    (
        "last ten by key",
        "SELECT l_orderkey, l_linenumber FROM {t} ORDER BY l_orderkey DESC, l_linenumber DESC LIMIT 10",
    ),
    (
        "join of 50 keys",
        "SELECT sum(l_quantity) FROM fifty JOIN {t} ON l_orderkey = key AND l_linenumber = 1",
    ),
    (
        "one month",
        "SELECT count(*), sum(l_tax) FROM {t} WHERE l_shipdate >= '1995-03-01' AND l_shipdate < '1995-04-01'",
    ),
];

/// Milliseconds of each query at a scale of TPC-H, one process, no parallel workers.
pub fn run(scale: f64, is_written: bool) {
    let cluster = Cluster::builder("bench-cold")
        .conf("shared_buffers", "4GB")
        .conf("work_mem", "256MB")
        .conf("stretch.naptime", "1h")
        .conf("stretch.page_rows", "4096")
        .conf("stretch.cache_size", "4GB")
        .conf("autovacuum", "off")
        .conf("jit", "off")
        .conf("max_parallel_workers_per_gather", "0")
        .conf("checkpoint_timeout", "1h")
        .conf("max_wal_size", "16GB")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    let rows = data::load_lineitem(&db, scale);
    db.sql("ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber)");
    db.sql("VACUUM (ANALYZE, FREEZE) lineitem");
    db.sql(
        "CREATE TABLE fifty AS
         SELECT l_orderkey AS key FROM lineitem WHERE l_linenumber = 1 ORDER BY md5(l_orderkey::text) LIMIT 50",
    );
    let heap = db.int("SELECT pg_total_relation_size('lineitem')");
    println!("lineitem: {rows} rows, {} MB of heap and index", heap / 1_000_000);
    let mut moved = Vec::new();
    for table in ["staged", "folder"] {
        copy(&db, table);
        enable_table(&db, table, "l_shipdate <= '2100-01-01'");
        let began = Instant::now();
        drain(&db, table);
        moved.push(began.elapsed().as_secs_f64());
    }
    copy(&db, "by_hand");
    let began = Instant::now();
    db.sql("COPY by_hand TO PROGRAM 'cat > /dev/null' (FORMAT csv); DELETE FROM by_hand");
    let by_hand = began.elapsed().as_secs_f64();
    db.sql("DROP TABLE by_hand");
    let (rows, moved) = (rows as f64, median(moved));
    println!(
        "rows moved: {:.0} a second, {:.0} by COPY and DELETE ({:.2} x)",
        rows / moved,
        rows / by_hand,
        by_hand / moved
    );
    purge(&db, "folder");
    // Only now no snapshot sees the last of the moved rows, so that the heap gets as small as autovacuum makes it.
    db.sql("VACUUM staged");
    db.sql("VACUUM folder");
    db.sql("ANALYZE staged, folder, fifty");
    println!("{} MB in the folder", endpoint.size() / 1_000_000);
    let duckdb = DuckDb::over(endpoint.path());
    let store = S3Server::start_orderly();
    sides::move_to_store(&cluster, &db, &store);
    sides::refer_from_afar(&cluster, &db);
    let version = db.text("SELECT version()");
    println!("{version}; scale {scale}, {ROUNDS} rounds; milliseconds, medians (least to greatest)");
    let mut table = Table::new(
        "cold",
        &[
            "query",
            "heap",
            "staged",
            "folder",
            "folder / heap",
            "S3, empty cache",
            "S3, cached",
            "foreign child",
            "DuckDB",
        ],
    );
    for (what, query) in QUERIES {
        table.rows.push(measure(&cluster, &duckdb, what, query));
    }
    table.show(is_written);
}

fn copy(db: &Client, table: &str) {
    db.sql(&format!(
        "CREATE TABLE {table} (LIKE lineitem INCLUDING ALL); INSERT INTO {table} SELECT * FROM lineitem"
    ));
}

/// One line of the table.
fn measure(cluster: &Cluster, duckdb: &DuckDb, what: &str, query: &str) -> Vec<String> {
    let sides = Side::all(cluster);
    let mut times = vec![Vec::new(); sides.len()];
    let mut answers = vec![Vec::new(); sides.len()];
    // The first round fills caches and is not counted.
    for round in 0..=ROUNDS {
        for turn in 0..sides.len() {
            let at = (turn + round) % sides.len();
            let side = &sides[at];
            let db = side.ready(cluster);
            let began = Instant::now();
            answers[at] = db.lines(&query.replace("{t}", side.table()));
            if round > 0 {
                times[at].push(began.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{what}: {answers:?}"
    );
    let spread = |times: &Vec<f64>| {
        let (least, most) = times.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), time| {
            (least.min(*time), most.max(*time))
        });
        format!("{} to {}", digits(least), digits(most))
    };
    println!("{what}: {}", times.iter().map(spread).collect::<Vec<_>>().join(", "));
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    let mut line = vec![what.to_owned()];
    line.extend(medians.iter().map(|time| digits(*time)));
    line.insert(4, format!("{:.3}", medians[2] / medians[0]));
    line.push(match duckdb.milliseconds(query, ROUNDS) {
        Some(time) => digits(time),
        None => "–".into(),
    });
    line
}
