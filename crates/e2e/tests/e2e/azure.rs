//! Databases on Azure Blob Storage, by account key and by shared access signature, against Azurite.

use crate::store_story::{COLD, ROWS, Store, cluster, database, fill, main_story, stretch};
use testkit::azurite::azure_url;
use testkit::{Azurite, Client, SqlError, setup};

const FOREVER: &str = "2099-01-01T00:00:00Z";
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

/// As in SQL Server, this identity says what the secret is.
const SAS: &str = "SHARED ACCESS SIGNATURE";

/// Needs the cold rows.
const NEEDS_ALL: &str = "SELECT sum(length(s)) FROM t";

#[test]
fn the_main_story_over_azure() {
    let azurite = Azurite::start();
    let store = Store {
        url: azurite.url("some/prefix"),
        identity: Azurite::ACCOUNT.into(),
        secret: Azurite::KEY.into(),
    };
    main_story("azure", &store);
}

fn alter(db: &Client, identity: &str, secret: &str) {
    db.sql(&format!(
        "SELECT stretch.alter_credential('{}', '{identity}', '{secret}')",
        setup::CREDENTIAL
    ));
}

/// No error repeats a secret.
fn harmless(error: SqlError) -> SqlError {
    let shown = format!("{error:?}");
    assert!(!shown.contains("sig=") && !shown.contains(Azurite::KEY), "{shown}");
    error
}

#[test]
fn a_shared_access_signature_is_a_credential() {
    let cluster = cluster("azure_sas");
    let azurite = Azurite::start();
    let db = database(&cluster, "app");
    fill(&db, "row");
    let store = Store {
        url: azurite.url("sas"),
        identity: SAS.into(),
        secret: Azurite::container_sas("rwl", FOREVER),
    };
    store.enable(&db);
    stretch(&db);
    let sum = db.int(NEEDS_ALL);

    // It ends. The hint says what to do, and that is enough.
    alter(&db, SAS, &Azurite::container_sas("rwl", LONG_AGO));
    let error = harmless(db.fails(NEEDS_ALL, "ST006"));
    assert!(error.message.contains("has expired"), "{error}");
    assert!(error.hint.contains("stretch.alter_credential"), "{error}");
    assert_eq!(
        db.int(&format!("SELECT count(s) FROM t WHERE n >= {COLD}")),
        ROWS - COLD
    );
    let link = db.lines("SELECT link_state, link_state_desc, sqlstate FROM stretch.test_connection()");
    assert_eq!(link, ["2|LINK_ERROR_REFUSED|ST006"]);
    alter(&db, SAS, &format!("?{}", Azurite::container_sas("rwl", FOREVER)));
    assert_eq!(db.int(NEEDS_ALL), sum);

    // A database can go from a signature to a key and back.
    alter(&db, Azurite::ACCOUNT, Azurite::SECOND_KEY);
    assert_eq!(db.int(NEEDS_ALL), sum);
    alter(&db, Azurite::ACCOUNT, "d3Jvbmc=");
    harmless(db.fails(NEEDS_ALL, "ST006"));
    alter(&db, SAS, &Azurite::account_sas("co", "rwl", FOREVER));
    assert_eq!(db.int(NEEDS_ALL), sum);
    let log = cluster.log();
    assert!(!log.contains("sig="), "a signature is in the log");

    azurite.delete_container();
    let error = harmless(db.fails(NEEDS_ALL, "ST005"));
    assert!(error.message.contains("container"), "{error}");
}

#[test]
fn what_a_signature_lacks_is_said_before_anything_is_stretched() {
    let cluster = cluster("azure_lacks");
    let azurite = Azurite::start();
    let db = database(&cluster, "app");
    setup::create_secrets(&db, SAS, &Azurite::container_sas("rwl", FOREVER));
    let enable = |url: &str| format!("SELECT stretch.enable_database('{url}', '{}')", setup::CREDENTIAL);
    let url = azurite.url("lacks");
    for (secret, code, message) in [
        (Azurite::container_sas("rw", FOREVER), "ST006", "list"),
        (Azurite::container_sas("rl", FOREVER), "ST006", "create"),
        (Azurite::container_sas("wl", FOREVER), "ST006", "read"),
        (Azurite::account_sas("o", "rwl", FOREVER), "ST006", "list"),
        (Azurite::container_sas("rwl", LONG_AGO), "ST006", "has expired"),
        (
            "no signature".to_owned(),
            "ST006",
            "must be the shared access signature",
        ),
    ] {
        alter(&db, SAS, &secret);
        let error = harmless(db.fails(&enable(&url), code));
        println!("{error}");
        assert!(error.message.contains(message), "{message}: {error}");
        assert_eq!(db.int("SELECT count(*) FROM stretch.database"), 0);
    }
    // A wrong container, and an account that nothing names.
    alter(&db, Azurite::ACCOUNT, Azurite::KEY);
    let missing = azure_url("missing", "x", azurite.address());
    let error = harmless(db.fails(&enable(&missing), "ST005"));
    assert!(error.message.contains("container"), "{error}");
    // What SQL Server's statement says is understood as there.
    db.sql("SELECT stretch.drop_credential('cred')");
    cluster.connect("app").sql("CREATE EXTENSION pg_stretch_tsql");
    let sas = Azurite::container_sas("rwl", FOREVER);
    db.sql(&format!(
        "DO LANGUAGE tsql $tsql$
         CREATE DATABASE SCOPED CREDENTIAL [cred] WITH IDENTITY = 'SHARED ACCESS SIGNATURE', SECRET = '{sas}';
         ALTER DATABASE [app] SET REMOTE_DATA_ARCHIVE = ON (SERVER = '{url}', CREDENTIAL = cred);
         $tsql$"
    ));
    assert_eq!(db.int("SELECT link_state FROM stretch.test_connection()"), 0);
}
