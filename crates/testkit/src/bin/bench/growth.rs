//! How reauthorize, reconcile and collection grow with the number of segments, and whether their bytes matter.
//!
//! Ten tables have one real segment each. The others are their likes: rows of the catalog, and files of the wanted size
//! without bytes, because nothing that is measured here reads one.

use crate::report::{Table, digits};
use std::fs::File;
use std::path::Path;
use std::time::Instant;
use testkit::cluster::Stop;
use testkit::setup::{CREDENTIAL, create_secrets, drain, enable_database, enable_table, purge};
use testkit::wait::{PATIENCE, wait_until};
use testkit::{Client, Cluster, Endpoint};

const SEGMENTS: [usize; 3] = [1_000, 10_000, 100_000];
const TABLES: usize = 10;
const SIZES: [(&str, u64); 2] = [("1 KB", 1_000), ("1 MB", 1_000_000)];

/// Seconds of each call, at each number of segments, or at the given one.
pub fn run(only: Option<usize>, is_written: bool) {
    let head = [
        "segments",
        "of",
        "`collect()`",
        "`collect(false)`",
        "`reauthorize`",
        "`reconcile`",
        "memory of the worker at most",
    ];
    let mut table = Table::new("growth", &head);
    for segments in only.map_or(SEGMENTS.to_vec(), |one| vec![one]) {
        for (size, bytes) in SIZES {
            let mut row = vec![segments.to_string(), size.to_owned()];
            row.extend(measure(segments, bytes));
            table.rows.push(row);
        }
    }
    table.show(is_written);
}

/// A database, which collects its own branch, and a copy of it, which is reauthorized.
fn measure(segments: usize, bytes: u64) -> Vec<String> {
    let original = Cluster::builder("bench-growth")
        .conf("stretch.naptime", "1h")
        .conf("stretch.compact", "off")
        .conf("stretch.collect", "off")
        .conf("autovacuum", "off")
        .conf("max_wal_size", "16GB")
        .start();
    let endpoint = Endpoint::new();
    let db = original.connect("postgres");
    enable_database(&db, &endpoint.url());
    for number in 1..=TABLES {
        let table = format!("t{number}");
        db.sql(&format!(
            "CREATE TABLE {table} (id int); INSERT INTO {table} VALUES (1)"
        ));
        enable_table(&db, &table, "id > 0");
        drain(&db, &table);
        purge(&db, &table);
    }
    multiply(&db, endpoint.path(), segments / TABLES, bytes);
    db.sql("ANALYZE stretch.segment; CHECKPOINT");
    let mut cells = Vec::new();
    for call in [
        "SELECT count(*) FROM stretch.collect()",
        "SELECT * FROM stretch.collect(false)",
    ] {
        cells.push(timed(&db, call));
    }
    let collector = peak(&db);
    drop(db);
    original.stop(Stop::Fast);
    let copy = original.copy_stopped("bench-growth-copy");
    copy.start();
    let db = copy.connect("postgres");
    wait_until("the copy to be disconnected", PATIENCE, || {
        db.text("SELECT state FROM stretch.status") == "disconnected"
    });
    create_secrets(&db, "testkit", "unused by a folder");
    cells.push(timed(
        &db,
        &format!("SELECT * FROM stretch.reauthorize('{CREDENTIAL}')"),
    ));
    cells.push(timed(&db, "SELECT * FROM stretch.reconcile()"));
    let served = db.int("SELECT count(*) FROM stretch.segment WHERE NOT retired AND NOT lost");
    assert_eq!(served as usize, segments / TABLES * TABLES, "every segment is served");
    cells.push(format!("{} MB", peak(&db).max(collector) / 1_000));
    cells
}

/// Seconds of a call.
fn timed(db: &Client, call: &str) -> String {
    let began = Instant::now();
    db.lines(call);
    format!("{} s", digits(began.elapsed().as_secs_f64()))
}

/// Makes so many segments in each table of one.
fn multiply(db: &Client, endpoint: &Path, of_each: usize, bytes: u64) {
    let columns = db.text(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
          WHERE attrelid = 'stretch.segment'::regclass AND attnum > 0 AND NOT attisdropped
            AND attname NOT IN ('segment_id', 'number', 'byte_size', 'object_key')",
    );
    db.sql(&format!(
        "CREATE TEMP TABLE new AS
           SELECT s.segment_id AS of, gen_random_uuid() AS id, n
             FROM stretch.segment s, generate_series(1, {of_each} - 1) n;
         INSERT INTO stretch.segment (segment_id, number, byte_size, object_key, {columns})
           SELECT new.id, new.n, {bytes}, replace(object_key, of::text, new.id::text), {columns}
             FROM new JOIN stretch.segment ON segment_id = of;
         INSERT INTO stretch.segment_detail (segment_id, detail, key_filters)
           SELECT new.id, detail, key_filters FROM new JOIN stretch.segment_detail ON segment_id = of;
         UPDATE stretch.manifest SET segments = {of_each}, row_total = {of_each}, next_segment_number = {of_each}"
    ));
    for key in db.lines("SELECT object_key FROM stretch.segment JOIN new ON segment_id = new.id") {
        let file = File::create(endpoint.join(key)).expect("an object");
        file.set_len(bytes).expect("a size");
    }
}

/// Kilobytes of memory that the worker has had at most.
fn peak(db: &Client) -> u64 {
    let worker = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_stretch worker'";
    let status = std::fs::read_to_string(format!("/proc/{}/status", db.int(worker))).expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("a peak")
}
