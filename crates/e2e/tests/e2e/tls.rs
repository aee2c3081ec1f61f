//! Stores whose certificate is signed by a private authority: `stretch.ca_file`.

use std::path::{Path, PathBuf};
use testkit::{Authority, Client, Cluster, PATIENCE, S3Server, SqlError, os, run_dir, setup, wait_until};

const SETTING: &str = "stretch.ca_file";

/// Writes a file that the server can read.
fn write(path: &Path, text: &str) {
    // Beside it and renamed, as those do who renew certificates.
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text).expect("a file can be written");
    os::give(&fresh);
    std::fs::rename(&fresh, path).expect("it can be renamed");
}

fn set(cluster: &Cluster, admin: &Client, path: &Path) {
    cluster.set_conf(&[(SETTING, &path.display().to_string())]);
    cluster.reload();
    wait_until("the setting", PATIENCE, || {
        admin.text(&format!("SHOW {SETTING}")) == path.display().to_string()
    });
}

fn https(server: &S3Server, host: &str) -> String {
    format!(
        "s3://{}/tls?endpoint=https://{host}:{}&path_style=true",
        S3Server::BUCKET,
        server.address().port()
    )
}

/// Runs the statement until its error says this: the worker that carries it out may learn of a reload a little later.
fn says(db: &Client, sql: &str, text: &str) -> SqlError {
    let mut last = None;
    wait_until(text, PATIENCE, || {
        let error = db.fails(sql, "ST005");
        let said = error.message.contains(text);
        last = Some(error);
        said
    });
    last.expect("it failed")
}

#[test]
fn a_private_authority_is_trusted_by_its_file() {
    let authority = Authority::new("private");
    let server = S3Server::start_tls(authority.server(&["localhost"]));
    let cluster = Cluster::builder("tls").conf("stretch.cache_size", "0").start();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch");
    setup::create_secrets(&db, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let enable = |host: &str| format!("SELECT stretch.enable_database('{}', 'cred')", https(&server, host));

    // Nobody knows the authority; the hint names the setting.
    let error = says(&db, &enable("localhost"), "not trusted");
    assert!(error.hint.contains(SETTING), "{error}");

    // A file that is none, or no file: the error says so.
    let file: PathBuf = run_dir::fresh("authorities").join("ca.pem");
    set(&cluster, &db, &file);
    let error = says(&db, &enable("localhost"), "cannot be read");
    assert!(error.hint.contains(SETTING), "{error}");
    write(&file, "no certificate\n");
    says(&db, &enable("localhost"), "no certificates in PEM form");

    // Several may stand in one file.
    let other = Authority::new("other");
    write(&file, &format!("{}{}", other.pem(), authority.pem()));
    says(&db, &enable("127.0.0.1"), "another host name");
    db.sql(&enable("localhost"));
    db.sql("CREATE TABLE t (n int PRIMARY KEY, s text); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g");
    setup::enable_table(&db, "t", "n < 900");
    setup::drain(&db, "t");
    db.sql("SELECT stretch.purge_staged('t')");
    let needs_all = "SELECT sum(length(s)) FROM t";
    let sum = db.int(needs_all);

    // The file is read again when it changes, without a reload.
    write(&file, &other.pem());
    let error = db.fails(needs_all, "ST005");
    assert!(error.message.contains("not trusted"), "{error}");
    write(&file, &authority.pem());
    assert_eq!(db.int(needs_all), sum);

    // Whom the server trusts is the superuser's matter.
    db.sql("CREATE ROLE somebody LOGIN");
    let somebody = cluster.connect_as("somebody", "postgres");
    somebody.fails(&format!("SHOW {SETTING}"), "42501");
    somebody.fails(&format!("SET {SETTING} = ''"), "55P02");
}
