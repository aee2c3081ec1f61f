//! A stretched gigabyte: how little of it is left in dumps and base backups.

use std::fs;
use std::time::Instant;
use testkit::{Client, Cluster, Endpoint, data, setup};

/// About 1.06 GB of heap.
const SCALE: f64 = 1.2;

/// Bytes of a base backup, which is removed again.
fn base(cluster: &Cluster) -> u64 {
    cluster.checkpoint();
    let backup = cluster.basebackup();
    let size = backup.size();
    fs::remove_dir_all(backup.path).ok();
    size
}

/// Bytes of a plain dump, which is removed again.
fn dump(cluster: &Cluster) -> u64 {
    let file = cluster.pg_dump("postgres", &["--no-sync"]);
    let size = file.metadata().expect("it was written").len();
    fs::remove_file(file).ok();
    size
}

/// The day before which 90 % of the lines were shipped.
fn border(db: &Client, rows: u64) -> String {
    let mut older = 0;
    for line in db.rows("SELECT l_shipdate, count(*) FROM lineitem GROUP BY 1 ORDER BY 1") {
        if older * 10 >= rows * 9 {
            return line[0].clone().expect("a date");
        }
        older += line[1].as_deref().and_then(|n| n.parse::<u64>().ok()).expect("a count");
    }
    panic!("the lines have too few dates");
}

/// The largest resident memory of the process in kB, as Linux knows it.
pub fn peak_memory_kb(pid: i64) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    number.and_then(|text| text.parse().ok()).expect("a number of kB")
}

#[test]
fn backups_of_a_stretched_gigabyte_are_small() {
    let began = Instant::now();
    let step = |what: &str| println!("{:6.1} s  {what}", began.elapsed().as_secs_f64());
    let cluster = Cluster::builder("sizes")
        .conf("shared_buffers", "512MB")
        .conf("max_wal_size", "16GB")
        .conf("checkpoint_timeout", "1h")
        .conf("full_page_writes", "off")
        .conf("autovacuum", "off")
        // As without a setting: what is measured is what a user has.
        .conf("stretch.page_rows", "4096")
        .start();
    let (empty_base, empty_dump) = (base(&cluster), dump(&cluster));
    let db = cluster.connect("postgres");
    let rows = data::load_lineitem(&db, SCALE);
    let heap = db.int("SELECT pg_total_relation_size('lineitem')");
    assert!(heap >= 1_000_000_000, "the table has only {heap} bytes");
    step("loaded");
    let (full_base, full_dump) = (base(&cluster) - empty_base, dump(&cluster) - empty_dump);
    step("backed up and dumped");

    let sums =
        "SELECT count(*), sum(l_orderkey), sum(l_extendedprice), min(l_shipdate), sum(length(l_comment)) FROM lineitem";
    let before = db.lines(sums);

    let endpoint = Endpoint::new();
    setup::enable_database(&db, &endpoint.url());
    let border = border(&db, rows);
    let migration = Instant::now();
    setup::enable_table(&db, "lineitem", &format!("l_shipdate < date '{border}'"));
    setup::drain(&db, "lineitem");
    let seconds = migration.elapsed().as_secs_f64();
    let hot = setup::hot_rows(&db, "lineitem");
    let cold = rows - u64::try_from(hot).expect("a count");
    assert!(cold * 10 >= rows * 9, "only {cold} of {rows} rows are cold");
    let worker =
        db.int("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_stretch worker' AND datname = 'postgres'");
    println!(
        "        {cold} rows migrated: {:.1} s per million; {} bytes at the endpoint; the worker used at most {} kB",
        seconds * 1e6 / cold as f64,
        endpoint.size(),
        peak_memory_kb(worker)
    );
    step("drained");
    db.sql("SELECT stretch.purge_staged()");
    assert_eq!(
        db.int("SELECT count(*) FROM stretch.staged_chunk"),
        0,
        "everything is purged"
    );
    step("purged");

    db.sql("VACUUM");
    let after_vacuum = base(&cluster) - empty_base;
    step("vacuumed");
    db.sql("VACUUM FULL lineitem");
    let (small_base, small_dump) = (base(&cluster) - empty_base, dump(&cluster) - empty_dump);
    step("rewritten");
    let of = |part: u64, whole: u64| {
        format!(
            "{:6.1} % ({:.0} MB of {:.0} MB)",
            100.0 * part as f64 / whole as f64,
            part as f64 / 1e6,
            whole as f64 / 1e6
        )
    };
    println!("pg_dump                         {}", of(small_dump, full_dump));
    println!("pg_basebackup after VACUUM      {}", of(after_vacuum, full_base));
    println!("pg_basebackup after VACUUM FULL {}", of(small_base, full_base));
    assert!(small_dump * 100 <= full_dump * 15, "the dump is larger than 15 %");
    assert!(
        small_base * 100 <= full_base * 20,
        "the base backup is larger than 20 %"
    );
    assert_eq!(db.lines(sums), before);
    step("compared");
}
