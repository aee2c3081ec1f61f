//! The view `stretch.branches`: who lives on the endpoint, and what came from whom.

use super::{builder, compact, copy, table};
use crate::identity::await_state;
use testkit::setup::reauthorize;
use testkit::{Client, Endpoint, PATIENCE, wait_until};

#[test]
fn branches_are_shown_with_their_parents() {
    let cluster = builder("branches", 300).conf("stretch.lease_ttl", "2s").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION IF NOT EXISTS pg_stretch");
    assert_eq!(db.lines("SELECT * FROM stretch.branches"), Vec::<String>::new());
    table(&db, &endpoint);
    let child = copy(&cluster);
    child.sql("SELECT stretch.set_retention('1 day')");
    compact(&child, "t");
    // A copy of the copy needs the object of the copy, and none of the original's.
    let dump = cluster.pg_dump("copy", &["--format=custom"]);
    cluster.create_database("grandchild");
    cluster.pg_restore("grandchild", &[], &dump);
    let grandchild = cluster.connect("grandchild");
    await_state(&grandchild, "disconnected");
    // Nobody reads the endpoint who does not know yet who he is.
    grandchild.fails("SELECT * FROM stretch.branches", "ST001");
    reauthorize(&grandchild);
    // The copy may not have said yet for how long it promises to keep things when the copy of it was made.
    grandchild.sql("SELECT stretch.set_retention('1 day')");
    let id = |db: &Client| db.text("SELECT branch_id FROM stretch.binding");
    let (one, two, three) = (id(&db), id(&child), id(&grandchild));
    let beats = "SELECT count(*) FROM stretch.branches WHERE last_heartbeat > now() - interval '1 min'";
    wait_until("a heartbeat of each", PATIENCE, || db.int(beats) == 3);
    wait_until("the retentions to be told", PATIENCE, || {
        let told = "SELECT count(*) FROM stretch.branches
            WHERE retention = CASE WHEN ours THEN interval '0' ELSE interval '1 day' END";
        db.int(told) == 3
    });
    let shown = format!(
        "SELECT branch_id, parent, generation, pinned_objects, ours, given_up, retention, created_by <> ''
           FROM stretch.branches ORDER BY parent IS NOT NULL, branch_id <> '{two}'"
    );
    assert_eq!(
        db.lines(&shown),
        [
            format!("{one}||1|5|t|f|00:00:00|t"),
            format!("{two}|{one}|1|1|f|f|1 day|t"),
            format!("{three}|{two}|1|0|f|f|1 day|t"),
        ]
    );
    // Each sees itself, and a restart is another generation.
    assert_eq!(
        grandchild.text("SELECT branch_id FROM stretch.branches WHERE ours"),
        three
    );
    drop((db, child, grandchild));
    cluster.restart();
    let db = cluster.wait_ready("postgres");
    await_state(&db, "connected");
    let generation = db.int("SELECT generation FROM stretch.branches WHERE ours");
    assert_eq!(generation, db.int("SELECT generation FROM stretch.binding"));
    assert!(generation > 1);
    // Who watches servers may look, others may not.
    db.sql("CREATE ROLE watcher LOGIN IN ROLE pg_monitor; CREATE ROLE nobody LOGIN");
    let watcher = cluster.connect_as("watcher", "postgres");
    assert_eq!(watcher.int("SELECT count(*) FROM stretch.branches"), 3);
    let nobody = cluster.connect_as("nobody", "postgres");
    nobody.fails("SELECT * FROM stretch.branches", "42501");
    let refused = nobody.fails("SELECT * FROM stretch.branch_facts()", "42501");
    assert!(
        refused.hint.contains("GRANT SELECT ON stretch.branches"),
        "{}",
        refused.hint
    );
    db.sql("GRANT SELECT ON stretch.branches TO nobody");
    assert_eq!(nobody.int("SELECT count(*) FROM stretch.branches"), 3);
    // A branch that was given up.
    db.sql("DROP DATABASE grandchild WITH (FORCE)");
    let given_up = format!("SELECT given_up, generation FROM stretch.branches WHERE branch_id = '{three}'");
    assert!(db.lines(&given_up)[0].starts_with("f|"));
    db.sql(&format!(
        "SELECT stretch.drop_branch('{three}', force => true, dry_run => false)"
    ));
    assert!(db.lines(&given_up)[0].starts_with("t|"));
    // An endpoint that is away is an error, and no empty list.
    endpoint.take_away();
    db.fails("SELECT * FROM stretch.branches", "ST005");
    endpoint.put_back();
}
