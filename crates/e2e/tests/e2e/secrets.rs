//! Keys and credentials: who may do what with them, and that no plaintext is found anywhere (design §12).

use std::fs;
use std::path::Path;
use testkit::{Cluster, Endpoint, S3Server, endpoint::files};

const PASSWORD: &str = "PASSWORDpasswordPASSWORDpassword";
const IDENTITY: &str = "IDENTITYidentityIDENTITYidentity";
const MARKER: &str = "MARKERmarkerMARKERmarkerMARKERma";
const SECRET: &str = "SECRETsecretSECRETsecretSECRETse";

/// The ways in which a plaintext could lie in a file: as it is, in both cases of hex, and in the three alignments of
/// base64 (without the ends, which depend on what is around it).
fn disguises(plain: &str) -> Vec<Vec<u8>> {
    let bytes = plain.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut found = vec![
        bytes.to_vec(),
        hex.clone().into_bytes(),
        hex.to_uppercase().into_bytes(),
    ];
    found.push(bytes.iter().flat_map(|byte| [*byte, 0]).collect());
    for skip in 0..3 {
        let whole = (bytes.len() - skip) / 3 * 3;
        found.push(base64(&bytes[skip..skip + whole]));
    }
    found
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|c| {
            let n = u32::from(c[0]) << 16 | u32::from(c[1]) << 8 | u32::from(c[2]);
            [18, 12, 6, 0].map(|shift| ALPHABET[(n >> shift) as usize & 63])
        })
        .collect()
}

/// Names of the files below `dir` that hold one of the plaintexts.
fn leaks(dir: &Path) -> Vec<String> {
    holders(dir, &[PASSWORD, IDENTITY, SECRET])
}

/// Names of the files below `dir` that hold one of `plain`, in one of its disguises.
fn holders(dir: &Path, plain: &[&str]) -> Vec<String> {
    let needles: Vec<Vec<u8>> = plain.iter().flat_map(|plain| disguises(plain)).collect();
    files(dir)
        .into_iter()
        .filter(|file| {
            let bytes = fs::read(file).unwrap_or_default();
            // Cheap first look: nearly every file holds nothing like it.
            needles
                .iter()
                .any(|needle| bytes.len() >= needle.len() && memmem(&bytes, needle))
        })
        .map(|file| file.display().to_string())
        .collect()
}

fn memmem(haystack: &[u8], needle: &[u8]) -> bool {
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        rest = &rest[at..];
        if rest.len() < needle.len() {
            return false;
        }
        if rest.starts_with(needle) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

#[test]
fn secrets_are_found_nowhere() {
    let cluster = Cluster::builder("secrets-leak")
        .archiving()
        .conf("log_statement", "all")
        .conf("log_min_duration_statement", "0")
        .conf("log_parameter_max_length_on_error", "-1")
        .start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch");
    db.sql(&format!("SELECT stretch.create_master_key('{PASSWORD}')"));
    db.sql(&format!(
        "SELECT stretch.create_credential('cred', '{IDENTITY}', '{SECRET}')"
    ));
    db.fails(
        &format!("SELECT stretch.create_credential('cred', '{IDENTITY}', '{SECRET}')"),
        "42710",
    );
    db.fails(&format!("SELECT stretch.create_master_key('{PASSWORD}')"), "55000");
    db.fails(
        &format!("SELECT stretch.create_credential('c', '{IDENTITY}', '{SECRET}', 1/0 = 0)"),
        "22012",
    );
    db.fails(&format!("SELECT stretch.open_master_key('{PASSWORD}x')"), "28P01");
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&IDENTITY, &SECRET];
    db.extended("SELECT stretch.alter_credential('cred', $1, $2)", &parameters)
        .expect("altered");
    db.extended("SELECT stretch.create_credential('cred', $1, $2)", &parameters)
        .expect_err("exists");
    db.sql(&format!("SELECT stretch.rotate_master_key('{PASSWORD}')"));
    db.sql(&format!("SELECT stretch.enable_database('{}', 'cred')", endpoint.url()));
    let watcher = cluster.connect("postgres");
    let seen = watcher.lines("SELECT query FROM pg_stat_activity").join("\n");
    assert!(!seen.contains(SECRET) && !seen.contains(PASSWORD), "{seen}");
    // Many, for one may lie across two pages of the write-ahead log.
    db.sql(&format!(
        "CREATE TABLE ordinary AS SELECT '{MARKER}'::text AS v FROM generate_series(1, 100)"
    ));
    cluster.checkpoint();
    cluster.archive_now();
    let dump = cluster.pg_dump("postgres", &[]);
    let backup = cluster.basebackup();
    // The same search finds a marker of an ordinary row in each of these places, so it would find a secret there.
    let marked = holders(cluster.socket_dir(), &[MARKER]);
    for place in [cluster.data(), cluster.archive(), dump, backup.path.clone()] {
        assert!(
            marked.iter().any(|file| Path::new(file).starts_with(&place)),
            "{} is not among {marked:?}",
            place.display()
        );
    }
    assert!(cluster.log().contains(MARKER), "the log does log statements");
    // Data, log, write-ahead log, archive, dump, backup and state directory lie in one folder.
    assert_eq!(leaks(cluster.socket_dir()), Vec::<String>::new());
    assert_eq!(leaks(endpoint.path()), Vec::<String>::new());
}

#[test]
fn secrets_obey_their_rules() {
    let cluster = Cluster::builder("secrets-rules").start();
    let endpoint = Endpoint::new();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch");
    db.fails("SELECT stretch.create_credential('c', 'i', 's')", "ST016");
    db.fails("SELECT stretch.open_master_key('password of p')", "42704");
    for short in ["", "7 chars", "sieben\u{fc}"] {
        db.fails(&format!("SELECT stretch.create_master_key('{short}')"), "22023");
    }
    db.sql("SELECT stretch.create_master_key('password of p')");
    db.fails("SELECT stretch.create_master_key('password of q')", "55000");
    db.fails(
        &format!("SELECT stretch.create_credential('{}', 'i', 's')", "ü".repeat(129)),
        "42622",
    );
    db.sql(&format!(
        "SELECT stretch.create_credential('{}', 'i', 's')",
        "ü".repeat(128)
    ));
    db.sql(&format!("SELECT stretch.drop_credential('{}')", "ü".repeat(128)));
    db.sql("SELECT stretch.create_credential('cred', 'i', 's')");
    db.sql("SELECT stretch.create_credential('cred', 'i', 't', or_replace => true)");
    db.fails("SELECT stretch.alter_credential('other', 'i', 's')", "42704");
    db.fails("SELECT stretch.drop_credential('other')", "42704");
    db.sql("SELECT stretch.drop_credential('other', if_exists => true)");
    db.fails("SELECT stretch.drop_master_key()", "2BP01");
    db.sql(&format!("SELECT stretch.enable_database('{}', 'cred')", endpoint.url()));
    db.fails("SELECT stretch.drop_credential('cred')", "2BP01");
    db.fails("SELECT stretch.rotate_master_key('x')", "22023");
    db.sql("SELECT stretch.rotate_master_key('password of q')");
    db.fails("SELECT stretch.open_master_key('password of p')", "28P01");
    db.sql("SELECT stretch.open_master_key('password of q')");
    assert_eq!(db.int("SELECT link_state FROM stretch.test_connection()"), 0);
    // The key file is private, and is where a backup does not find it.
    let key = cluster.state_dir().join("service_key");
    let meta = fs::metadata(&key).expect("the key file");
    assert_eq!(
        (meta.len(), std::os::unix::fs::MetadataExt::mode(&meta) & 0o777),
        (32, 0o600)
    );
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("chmod");
    cluster
        .connect("postgres")
        .fails("SELECT stretch.create_credential('more', 'i', 's')", "58030");
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
    cluster.set_conf(&[(
        "stretch.service_key_file",
        cluster.data().join("key").to_str().expect("a path"),
    )]);
    cluster.reload();
    testkit::wait_until("the reload", testkit::PATIENCE, || {
        cluster
            .connect("postgres")
            .try_sql("SELECT stretch.create_credential('more', 'i', 's')")
            .is_err()
    });
}

#[test]
fn secrets_need_the_database_owner() {
    let cluster = Cluster::builder("secrets-roles").start();
    let db = cluster.connect("postgres");
    db.sql("CREATE ROLE dbo LOGIN; CREATE ROLE joe LOGIN");
    db.sql("CREATE DATABASE d OWNER dbo");
    cluster.connect("d").sql("CREATE EXTENSION pg_stretch");
    let joe = cluster.connect_as("joe", "d");
    for call in [
        "create_master_key('password of p')",
        "create_credential('c', 'i', 's')",
        "enable_database('file:///tmp/x', 'c')",
        "check()",
        "set_rpo('1 h')",
    ] {
        joe.fails(&format!("SELECT stretch.{call}"), "42501");
    }
    joe.fails("SELECT * FROM stretch.credential", "42501");
    let dbo = cluster.connect_as("dbo", "d");
    dbo.sql("SELECT stretch.create_master_key('password of p')");
    dbo.sql("SELECT stretch.create_credential('c', 'i', 's')");
    dbo.fails("SELECT * FROM stretch.credential", "42501");
    dbo.fails("SELECT * FROM stretch.master_key", "42501");
    let secret = cluster.scratch("secret").join("key");
    fs::write(&secret, "from a file\n").expect("written");
    testkit::os::give(&secret);
    let from_file = format!(
        "SELECT stretch.create_credential_from_file('f', 'i', '{}')",
        secret.display()
    );
    dbo.fails(&from_file, "42501");
    let endpoint = Endpoint::new();
    let enable = format!("SELECT stretch.enable_database('{}', 'c')", endpoint.url());
    dbo.fails(&enable, "42501");
    dbo.fails(
        "SELECT stretch.enable_database('s3://bucket/x?endpoint=http://127.0.0.1:1', 'c')",
        "42501",
    );
    db.sql("GRANT pg_read_server_files, pg_write_server_files TO dbo");
    dbo.sql(&from_file);
    dbo.fails(
        "SELECT stretch.create_credential_from_file('g', 'i', '/etc/shadow')",
        "58030",
    );
    dbo.fails(
        "SELECT stretch.create_credential_from_file('g', 'i', '/nowhere')",
        "58030",
    );
    dbo.fails("SELECT stretch.enable_database('file:///tmp/elsewhere', 'c')", "42501");
    dbo.fails(
        &format!(
            "SELECT stretch.enable_database('file://{}/x', 'c')",
            cluster.data().display()
        ),
        "42501",
    );
    dbo.sql(&enable);
    assert_eq!(dbo.text("SELECT state FROM stretch.status"), "connected");
    // The dump of an owner who is no superuser has everything but secrets.
    dbo.sql("SELECT stretch.set_retention('8 days')");
    assert_eq!(dbo.text("SELECT stretch.retention()"), "8 days");
    dbo.fails("SELECT stretch.set_retention('-1 day')", "22023");
}

#[test]
fn secrets_and_promises_of_a_store_are_checked() {
    let cluster = Cluster::builder("secrets-s3").start();
    let server = S3Server::start();
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch; SELECT stretch.create_master_key('password of p')");
    db.sql("SELECT stretch.create_credential('wrong', 'AKIAWRONG', 'nonsense')");
    db.sql(&format!(
        "SELECT stretch.create_credential('right', '{}', '{}')",
        S3Server::ACCESS_KEY,
        S3Server::SECRET_KEY
    ));
    let url = server.url("one");
    db.fails(&format!("SELECT stretch.enable_database('{url}', 'wrong')"), "ST006");
    assert_eq!(
        db.int(&format!(
            "SELECT link_state FROM stretch.test_connection('{url}', 'wrong')"
        )),
        2
    );
    assert_eq!(
        db.int(&format!(
            "SELECT link_state FROM stretch.test_connection('{url}', 'right') WHERE sqlstate = 'ST017'"
        )),
        3
    );
    // This server checks and then writes, so that of several writers more than one wins.
    db.fails(&format!("SELECT stretch.enable_database('{url}', 'right')"), "ST017");
    let stopped = format!(
        "SELECT link_state FROM stretch.test_connection('{}', 'right')",
        testkit::s3::s3_url("bucket", "x", ([127, 0, 0, 1], 1).into())
    );
    assert_eq!(db.int(&stopped), 1);
}
