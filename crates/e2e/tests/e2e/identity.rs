//! Who a database is on its endpoint: enabling, restarts, copies and restores (design §9, Appendix 2 of the findings).

use testkit::{Client, Cluster, Endpoint, PATIENCE, Stop, wait_until};

/// Master key, credential and endpoint for a database that has the extension.
pub fn enable(db: &Client, endpoint: &Endpoint) {
    db.sql("CREATE EXTENSION IF NOT EXISTS pg_stretch");
    db.sql("SELECT stretch.create_master_key('correct horse')");
    db.sql("SELECT stretch.create_credential('cred', identity => 'nobody', secret => 'nothing')");
    db.sql(&format!("SELECT stretch.enable_database('{}', 'cred')", endpoint.url()));
}

#[test]
fn enabled_database_is_connected_and_stays_so_after_a_restart() {
    let cluster = Cluster::builder("ident-restart").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    enable(&db, &endpoint);
    wait_until("connected in log", PATIENCE, || {
        cluster.log().contains("this database is connected: authorized")
    });
    wait_until("heartbeat", PATIENCE, || {
        endpoint.objects().iter().any(|o| o.contains("/lease/"))
    });
    drop(db);
    cluster.restart();
    wait_until("connected in log", PATIENCE, || {
        cluster
            .log()
            .contains("this database is connected: the same server was restarted")
    });
    println!("{:#?}", endpoint.objects());
    cluster.stop(Stop::Fast);
    println!("{}", cluster.log());
}
