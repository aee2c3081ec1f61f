//! The least that must work: a private server starts, and the extension can be created in it.

use testkit::{Cluster, Stop};

#[test]
fn extension_is_created_and_survives_a_restart() {
    let cluster = Cluster::builder("smoke").start();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch");
    assert!(!db.text("SELECT stretch.version()").is_empty());
    drop(db);
    cluster.restart();
    cluster.kill9();
    cluster.start();
    let db = cluster.connect("postgres");
    assert!(!db.text("SELECT stretch.version()").is_empty());
    cluster.stop(Stop::Fast);
    assert!(!cluster.is_running());
}
