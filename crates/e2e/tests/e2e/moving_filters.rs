//! Filters that name the present: rows go cold as they grow old, and no statement is misled meanwhile.

use testkit::setup::{IS_HOT, enable_database, hot_rows, reauthorize};
use testkit::{Client, Cluster, Endpoint, PATIENCE, wait_until};

fn server(name: &str) -> (Cluster, Endpoint, Client) {
    let cluster = Cluster::builder(name)
        .conf("stretch.naptime", "50ms")
        .conf("stretch.max_batch_age", "0")
        .conf("stretch.cut_step", "200ms")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable_database(&db, &endpoint.url());
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz NOT NULL, day date, epoch bigint);
         INSERT INTO t SELECT g, now() - interval '1 day' + g * interval '1 minute', current_date - 3,
            extract(epoch FROM now())::bigint - 86400 FROM generate_series(1, 1000) g",
    );
    (cluster, endpoint, db)
}

#[test]
fn rows_go_cold_as_they_grow_old() {
    let (cluster, _endpoint, db) = server("moving-age");
    db.sql("SELECT stretch.enable_table('t', $$ at < now() - interval '2 seconds' $$)");
    wait_until("the old rows", PATIENCE, || hot_rows(&db, "t") == 0);
    let shown = db.lines("SELECT filter, cut IS NOT NULL FROM stretch.tables");
    assert_eq!(shown, ["(at < (now() - '00:00:02'::interval))|t"]);
    let cut = "SELECT cut FROM stretch.tables";
    let first = db.text(cut);
    // New rows stay hot until they are old enough, and then go by themselves.
    db.sql("INSERT INTO t SELECT g, now() + interval '1 s' FROM generate_series(1001, 1100) g");
    assert_eq!(hot_rows(&db, "t"), 100);
    let young = "SELECT count(*) FROM t WHERE at > now() - interval '1 minute'";
    wait_until("the new rows", PATIENCE, || {
        // Whatever the cut is, all rows are there, hot ones are not left out, and none is cold that the rule keeps.
        assert_eq!(db.lines("SELECT count(*), count(DISTINCT id) FROM t"), ["1100|1100"]);
        assert_eq!(db.int(young), 100);
        assert_eq!(
            db.int(&format!(
                "SELECT count(*) FROM t WHERE NOT ({IS_HOT}) AND at >= now() - interval '2 seconds'"
            )),
            0
        );
        hot_rows(&db, "t") == 0
    });
    assert!(db.bool(&format!("SELECT cut > '{first}' FROM stretch.tables")));
    // A statement about rows that cannot be cold asks nothing of the cold side.
    let later = db.text("SELECT now() + interval '1 hour'");
    let plan = db
        .lines(&format!("EXPLAIN (ANALYZE) SELECT * FROM t WHERE at > '{later}'"))
        .join("\n");
    assert!(!plan.contains("Segments"), "{plan}");
    // The rule follows the names of columns.
    db.sql("ALTER TABLE t RENAME at TO since");
    assert_eq!(
        db.text("SELECT filter FROM stretch.tables"),
        "(since < (now() - '00:00:02'::interval))"
    );
    let renamed = db.text(cut);
    wait_until("the cut to move on", PATIENCE, || db.text(cut) != renamed);
    // A paused table keeps its cut.
    db.sql("SELECT stretch.set_migration_state('t', 'paused')");
    let paused = db.text(cut);
    db.sql("SELECT pg_sleep(0.5)");
    assert_eq!(db.text(cut), paused);
    // A rule travels with a dump, and goes on.
    let dump = cluster.pg_dump("postgres", &["-Fc"]);
    cluster.create_database("copy");
    cluster.pg_restore("copy", &[], &dump);
    let there = cluster.connect("copy");
    reauthorize(&there);
    assert_eq!(there.text(cut), paused);
    there.sql("SELECT stretch.set_migration_state('t', 'outbound')");
    wait_until("the cut to move", PATIENCE, || there.text(cut) != paused);
    assert_eq!(there.int("SELECT count(*) FROM t"), 1100);
}

#[test]
fn rules_are_checked_as_filters_are() {
    let (_cluster, _endpoint, db) = server("moving-rules");
    let refused = |filter: &str| db.fails(&format!("SELECT stretch.enable_table('t', $$ {filter} $$)"), "ST012");
    refused("at < clock_timestamp()");
    refused("random() < 0.5 AND at < now()");
    // A comparison that depends on the session's time zone is none of a column and a constant.
    refused("day < now() - interval '1 day'");
    db.sql("CREATE FUNCTION mine() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT now()'");
    refused("at < mine()");
    for filter in [
        "day < current_date - 2",
        "day < (now() - interval '2 days')::date",
        "at < current_timestamp - interval '90 days' AND id > 5",
        "epoch < extract(epoch FROM now())::bigint - 3600",
        "at < localtimestamp::timestamptz - interval '1 month'",
    ] {
        db.sql(&format!(
            "SELECT stretch.enable_table('t', $$ {filter} $$, migration_state => 'paused')"
        ));
        assert_eq!(
            db.int("SELECT count(*) FROM stretch.tables WHERE cut IS NOT NULL"),
            1,
            "{filter}"
        );
        assert_eq!(
            db.int("SELECT count(*) FROM stretch.stretched_table WHERE filter ~ 'now|current'"),
            0,
            "the present is a constant"
        );
        db.sql("SELECT stretch.disable_table('t', false)");
    }
    assert_eq!(db.int("SELECT count(*) FROM stretch.moving_filter"), 0);
    // A rule may follow a plain filter and be followed by one, each looser than what holds then.
    db.sql("SELECT stretch.enable_table('t', $$ at < timestamptz '2020-01-01' $$)");
    db.sql("SELECT stretch.set_filter('t', $$ at < now() - interval '12 hours' $$)");
    wait_until("half of the rows", PATIENCE, || hot_rows(&db, "t") < 500);
    db.fails(
        "SELECT stretch.set_filter('t', $$ at < now() - interval '13 hours' $$)",
        "ST013",
    );
    db.sql("SELECT stretch.set_filter('t', $$ at < timestamptz '2100-01-01' $$)");
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables WHERE cut IS NULL"), 1);
    wait_until("all rows", PATIENCE, || hot_rows(&db, "t") == 0);
}

#[test]
fn partitions_follow_the_rule_of_their_parent() {
    let (_cluster, _endpoint, db) = server("moving-parts");
    db.sql(
        "CREATE TABLE p (id int, at timestamptz) PARTITION BY RANGE (id);
         CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10);
         INSERT INTO p SELECT g, now() - interval '1 day' FROM generate_series(1, 9) g;
         SELECT stretch.enable_table('p', $$ at < now() - interval '1 second' $$)",
    );
    db.sql(
        "CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (10) TO (20);
         INSERT INTO p SELECT g, now() FROM generate_series(10, 19) g",
    );
    assert_eq!(db.int("SELECT count(*) FROM stretch.tables WHERE cut IS NOT NULL"), 2);
    let hot = format!("SELECT count(*) FROM p WHERE {IS_HOT}");
    wait_until("all rows", PATIENCE, || db.int(&hot) == 0);
    assert_eq!(db.int("SELECT count(*) FROM p"), 19);
}
