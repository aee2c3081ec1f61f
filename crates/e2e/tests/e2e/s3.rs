//! The main story over S3, two databases on one store, and what a store must not do.

use crate::store_story::{ROWS, Store, cluster, database, fill, main_story, stretch};
use testkit::{Moto, PATIENCE, S3Server, digest, setup, wait_until};

#[test]
fn the_main_story_over_s3() {
    let moto = Moto::start();
    let store = Store {
        url: moto.url("some/prefix"),
        identity: S3Server::ACCESS_KEY.into(),
        secret: S3Server::SECRET_KEY.into(),
    };
    main_story("s3", &store);
}

#[test]
fn two_databases_under_one_prefix_do_not_meet() {
    let cluster = cluster("s3_two");
    let moto = Moto::start();
    let mut before = Vec::new();
    for name in ["one", "two"] {
        let db = database(&cluster, name);
        fill(&db, name);
        before.push(digest::table_digest(&db, "t", "n"));
        setup::enable_database_s3(&db, &moto.url("shared"));
        stretch(&db);
    }
    assert_ne!(before[0], before[1]);
    for (name, before) in ["one", "two"].iter().zip(&before) {
        let db = cluster.connect_as("dbo", name);
        assert_eq!(&digest::table_digest(&db, "t", "n"), before, "{name}");
    }
    // Dropping one leaves the other alone.
    wait_until("the worker to leave", PATIENCE, || {
        cluster.connect("postgres").try_sql("DROP DATABASE one").is_ok()
    });
    let two = cluster.connect_as("dbo", "two");
    assert_eq!(digest::table_digest(&two, "t", "n"), before[1]);
}

#[test]
fn an_endpoint_of_another_database_is_refused() {
    let cluster = cluster("s3_foreign");
    let moto = Moto::start();
    let db = database(&cluster, "app");
    fill(&db, "row");
    setup::enable_database_s3(&db, &moto.url("mine"));
    stretch(&db);
    let other = database(&cluster, "other");
    setup::enable_database_s3(&other, &moto.url("theirs"));

    let dump = cluster.pg_dump("app", &["-Fc"]);
    cluster.connect("postgres").sql("CREATE DATABASE copy OWNER dbo");
    cluster.pg_restore("copy", &[], &dump);
    let copy = cluster.connect_as("dbo", "copy");
    setup::create_secrets(&copy, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let reauthorize = |url: &str| format!("SELECT * FROM stretch.reauthorize('cred', endpoint => '{url}')");
    copy.fails(&reauthorize(&moto.url("theirs")), "ST007");
    copy.fails("SELECT * FROM t", "ST001");
    copy.sql(&reauthorize(&moto.url("mine")));
    assert_eq!(copy.int("SELECT count(*) FROM t"), ROWS);
}

#[test]
fn a_store_that_lies_is_refused() {
    let cluster = cluster("s3_lies");
    let store = S3Server::start();
    let db = database(&cluster, "app");
    setup::create_secrets(&db, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let enable = |url: &str| format!("SELECT stretch.enable_database('{url}', '{}')", setup::CREDENTIAL);
    let error = db.fails(&enable(&store.url("lies")), "ST017");
    println!("{error}");
    assert_eq!(db.int("SELECT count(*) FROM stretch.database"), 0);
    // The same store is accepted when it takes one writer at a time.
    let orderly = S3Server::start_orderly();
    db.sql(&enable(&orderly.url("true")));
}

#[test]
fn objects_ask_for_their_class_and_encryption() {
    let cluster = cluster("s3_class");
    let moto = Moto::start();
    let db = database(&cluster, "app");
    setup::create_secrets(&db, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let enable = |parameters: &str| {
        let url = moto.url("class") + parameters;
        format!("SELECT stretch.enable_database('{url}', '{}')", setup::CREDENTIAL)
    };
    let error = db.fails(&enable("&storage_class=DEEP_ARCHIVE"), "22023");
    assert!(error.message.contains("cannot be read at once"), "{error}");
    db.fails(&enable("&kms_key=alias/key"), "22023");
    db.sql(&enable("&storage_class=STANDARD_IA&sse=aws:kms&kms_key=alias/key"));
    fill(&db, "row");
    let before = digest::table_digest(&db, "t", "n");
    stretch(&db);
    assert_eq!(digest::table_digest(&db, "t", "n"), before);
    let keys = db.lines("SELECT object_key FROM stretch.segment WHERE NOT retired");
    assert!(!keys.is_empty());
    for key in keys {
        let head = moto.head(&format!("class/{key}"));
        for expected in [
            "x-amz-storage-class: standard_ia",
            "x-amz-server-side-encryption: aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id: alias/key",
        ] {
            assert!(head.contains(expected), "{expected}: {head}");
        }
    }
}
