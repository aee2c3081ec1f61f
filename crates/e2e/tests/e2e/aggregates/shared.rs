//! Aggregates of cold rows by several processes of a parallel query.

use super::draw::SEVERAL_PROCESSES;
use super::{is_shared, plan, same, server, tables};
use testkit::setup::purge;

#[test]
fn processes_share_the_row_groups() {
    let (_cluster, _endpoint, db) = server("aggregates-shared");
    tables(&db);
    purge(&db, "a");
    db.sql(SEVERAL_PROCESSES);
    for query in [
        "SELECT sum(n), sum(price * (1 - rate)), count(*) FROM {t}",
        "SELECT small, sum(n), avg(price), min(d) FROM {t} GROUP BY 1 ORDER BY 1",
        "SELECT name, code, count(*) FILTER (WHERE n > 0) FROM {t} WHERE ts::date > '2020-01-05' GROUP BY 1, 2
         ORDER BY 1, 2",
        // An error of one of them is the error of all.
        "SELECT sum(n + 2147483200) FROM {t}",
    ] {
        for leader in ["on", "off"] {
            db.sql(&format!("SET parallel_leader_participation = {leader}"));
            let answer = same(&db, query);
            assert!(is_shared(&plan(&db, query, "a")), "{query}");
            if answer.is_ok() {
                let run = db.lines(&format!("EXPLAIN ANALYZE {}", query.replace("{t}", "a")));
                assert!(run.iter().any(|line| line.contains("Workers Launched: 2")), "{run:#?}");
            }
        }
    }
    // For each row of another table again.
    same(
        &db,
        "SELECT k, s FROM generate_series(1, 5) k, LATERAL (SELECT sum(n) s FROM {t} WHERE small = k OFFSET 0) x
         ORDER BY 1",
    )
    .expect("an answer");
    // The table has hardly a page of its own by now, and processes for its cold rows all the same.
    db.sql("SET min_parallel_table_scan_size = '64kB'; SET parallel_leader_participation = on");
    for table in ["a", "a_plain"] {
        db.sql(&format!("DELETE FROM {table} WHERE id > 1500"));
    }
    db.sql("VACUUM a");
    let query = "SELECT small, sum(b) FROM {t} GROUP BY 1 ORDER BY 1";
    same(&db, query).expect("an answer");
    assert!(is_shared(&plan(&db, query, "a")), "{:#?}", plan(&db, query, "a"));
}
