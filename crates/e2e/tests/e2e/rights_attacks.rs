//! What people without the right must not reach by filters, URLs, other commands or DROP, and what the owner must:
//! pg_dump.

use std::os::unix::fs::symlink;
use testkit::{Client, Cluster, Endpoint, S3Server, Stop, digest, os, setup};

/// Database `app` of role `dbo`, a member of both pg_*_server_files; the clients are a superuser's and `dbo`'s.
fn start(builder: testkit::Builder) -> (Cluster, Client, Client) {
    let cluster = builder.start();
    let admin = cluster.connect("postgres");
    admin.sql("CREATE ROLE dbo LOGIN IN ROLE pg_read_server_files, pg_write_server_files");
    admin.sql("CREATE DATABASE app OWNER dbo");
    let admin = cluster.connect("app");
    admin.sql("CREATE EXTENSION pg_stretch");
    let dbo = cluster.connect_as("dbo", "app");
    (cluster, admin, dbo)
}

/// Table `orders` of `dbo`, 100 rows, of which those below 90 are cold.
fn stretched(dbo: &Client, endpoint: &Endpoint) {
    setup::enable_database(dbo, &endpoint.url());
    orders(dbo);
    setup::enable_table(dbo, "orders", "n < 90");
    assert_eq!(setup::drain(dbo, "orders"), 89);
}

fn orders(dbo: &Client) {
    dbo.sql("CREATE TABLE orders (n int PRIMARY KEY, s text)");
    dbo.sql("INSERT INTO orders SELECT g, 'order ' || g FROM generate_series(1, 100) g; ANALYZE orders");
}

fn code(client: &Client, sql: &str) -> String {
    client
        .try_rows(sql)
        .err()
        .map_or_else(|| "00000".into(), |error| error.code)
}

/// Functions, an operator and a domain that make a superuser out of whoever runs them, in schema `evil`.
const EVIL: &str = "
    CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;
    CREATE FUNCTION evil.act() RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN EXECUTE 'CREATE ROLE pwned SUPERUSER'; RETURN true;
        EXCEPTION WHEN insufficient_privilege OR duplicate_object OR read_only_sql_transaction THEN RETURN true; END $$;
    CREATE FUNCTION evil.less(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN RETURN evil.act(); END $$;
    CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN RETURN evil.act(); END $$;
    CREATE FUNCTION evil.same(regclass, regclass) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN RETURN evil.act(); END $$;
    CREATE FUNCTION evil.number(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN PERFORM evil.act(); RETURN $1; END $$;
    CREATE OPERATOR evil.<<< (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.less);
    CREATE OPERATOR evil.< (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.less);
    CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);
    CREATE OPERATOR evil.= (LEFTARG = regclass, RIGHTARG = regclass, FUNCTION = evil.same);
    CREATE DOMAIN evil.small AS int CHECK (evil.number(VALUE) < 1000)";

#[test]
fn a_filter_cannot_become_superuser() {
    let (cluster, admin, dbo) = start(Cluster::builder("evil"));
    let endpoint = Endpoint::new();
    let innocent = |when: &str| {
        let pwned = admin.bool("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pwned')");
        assert!(!pwned, "somebody became superuser: {when}");
    };
    setup::enable_database(&dbo, &endpoint.url());
    dbo.sql(EVIL);
    orders(&dbo);
    for filter in [
        "n OPERATOR(evil.<<<) 5",
        "5 OPERATOR(evil.<<<) 5",
        "evil.less(n, 5)",
        "evil.number(7) > 5",
        "n < 7::evil.small",
        "n < '7'::evil.small",
        "EXISTS (SELECT evil.act())",
        "n < 5) OR (SELECT evil.act()",
    ] {
        for client in [&dbo, &admin] {
            let call = |function: &str| {
                code(
                    client,
                    &format!("SELECT * FROM stretch.{function}('orders', $f${filter}$f$)"),
                )
            };
            let enabled = call("enable_table");
            assert!(
                ["ST012", "0A000", "42601"].contains(&enabled.as_str()),
                "{filter}: {enabled}"
            );
            call("check_table");
            innocent(filter);
        }
    }
    assert_eq!(admin.int("SELECT count(*) FROM stretch.stretched_table"), 0);

    // The usual `<` and `=` are those of pg_catalog, whatever the search path of owner, database and superuser says.
    admin.sql(
        "ALTER DATABASE app SET search_path = evil, pg_catalog, public; \
        ALTER ROLE ALL SET search_path = evil, pg_catalog, public",
    );
    cluster.restart();
    let admin = cluster.connect("app");
    let dbo = cluster.connect_as("dbo", "app");
    // A policy and its function belong to readers, not to the worker.
    dbo.sql("ALTER TABLE orders ENABLE ROW LEVEL SECURITY; ALTER TABLE orders FORCE ROW LEVEL SECURITY");
    dbo.sql("CREATE POLICY p ON orders USING (n OPERATOR(pg_catalog.>=) evil.number(0))");
    setup::enable_table(&admin, "orders", "n < 90");
    assert_eq!(setup::drain(&dbo, "orders"), 89);
    for client in [&dbo, &admin] {
        let said = code(
            client,
            "SELECT stretch.set_filter('public.orders', 'n < 90 OR n OPERATOR(evil.<<<) 5')",
        );
        assert_eq!(said, "ST012");
    }
    testkit::wait_until("the watch after the restart to end", testkit::PATIENCE, || {
        admin.try_sql("SELECT stretch.purge_staged()").is_ok()
    });
    // A superuser reads it without running anybody's function.
    assert_eq!(
        admin.int("SELECT pg_catalog.sum(pg_catalog.length(s)) FROM public.orders"),
        792
    );
    let pwned = admin.bool("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'pwned')");
    assert!(!pwned, "the worker ran somebody's function");
}

#[test]
fn a_folder_of_the_server_is_no_endpoint() {
    let (cluster, admin, dbo) = start(Cluster::builder("places"));
    setup::create_secrets(&dbo, "i", "s");
    let roots = testkit::endpoint::root();
    let space = cluster.scratch("space");
    admin.sql(&format!("CREATE TABLESPACE space LOCATION '{}'", space.display()));
    let link = roots.join("link");
    symlink(cluster.data(), &link).expect("links can be made");
    let outside = cluster.scratch("outside");
    let own = Endpoint::new();
    let (data, state) = (cluster.data(), cluster.state_dir());
    // The roots would allow each of these.
    let all = format!("{},{}", roots.display(), cluster.socket_dir().display());
    let refused = [
        ("the data directory", data.display().to_string()),
        ("inside the data directory", data.join("base").display().to_string()),
        ("around the data directory", cluster.socket_dir().display().to_string()),
        ("the state directory", state.display().to_string()),
        ("inside the state directory", state.join("x").display().to_string()),
        ("a tablespace", space.display().to_string()),
        ("inside a tablespace", space.join("x/y").display().to_string()),
        ("by a link", link.join("base").display().to_string()),
        ("by dots", format!("{}/../outside", data.display())),
        ("not absolute", "relative/path".into()),
    ];
    for roots in [all.as_str(), "/"] {
        cluster.set_conf(&[("stretch.file_roots", roots)]);
        cluster.reload();
        for client in [&dbo, &admin] {
            testkit::wait_until("the setting", testkit::PATIENCE, || {
                admin.text("SHOW stretch.file_roots") == roots
            });
            for (what, path) in &refused {
                let url = format!("file://{path}");
                let said = code(client, &format!("SELECT stretch.enable_database('{url}', 'cred')"));
                assert!(["42501", "22023"].contains(&said.as_str()), "{what}, {url}: {said}");
            }
        }
    }
    // Outside of the roots, and without membership.
    cluster.set_conf(&[("stretch.file_roots", &roots.display().to_string())]);
    cluster.reload();
    testkit::wait_until("the setting", testkit::PATIENCE, || {
        admin.text("SHOW stretch.file_roots") == roots.display().to_string()
    });
    dbo.fails(
        &format!("SELECT stretch.enable_database('file://{}', 'cred')", outside.display()),
        "42501",
    );
    for role in ["pg_read_server_files", "pg_write_server_files"] {
        admin.sql(&format!("REVOKE {role} FROM dbo"));
        dbo.fails(
            &format!("SELECT stretch.enable_database('{}', 'cred')", own.url()),
            "42501",
        );
        admin.sql(&format!("GRANT {role} TO dbo"));
    }
    assert!(own.objects().is_empty() && testkit::endpoint::files(&outside).is_empty());
    dbo.sql(&format!("SELECT stretch.enable_database('{}', 'cred')", own.url()));
    std::fs::remove_file(link).expect("it is there");
}

#[test]
fn only_allowed_servers_and_no_secret_in_a_url() {
    let (cluster, admin, dbo) = start(Cluster::builder("urls"));
    setup::create_secrets(&dbo, S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    let store = S3Server::start_orderly();
    let enable = |url: &str| format!("SELECT stretch.enable_database('{url}', 'cred')");
    for url in [
        store.url("p"),
        "s3://bucket/p?endpoint=https://vault.internal:8200&path_style=true&region=us-east-1".into(),
        "s3://bucket/p?endpoint=http://169.254.169.254&path_style=true&region=us-east-1".into(),
    ] {
        dbo.fails(&enable(&url), "42501");
    }
    let marker = "TOPsecretMARKER";
    for url in [
        format!("s3://AKIA:{marker}@bucket/p"),
        format!("s3://bucket/p?secret_access_key={marker}&region=us-east-1"),
        format!("s3://bucket/p?X-Amz-Signature={marker}"),
        format!("s3://bucket/p?endpoint=https://u:{marker}@s3.us-east-1.amazonaws.com"),
        format!("az://account/container/p?sig={marker}"),
        format!("file://u:{marker}@/tmp/x"),
    ] {
        for client in [&dbo, &admin] {
            let error = client.fails(&enable(&url), "22023");
            assert!(!error.to_string().contains(marker), "{error}");
        }
    }
    assert!(store.objects().is_empty());
    drop(cluster);
}

#[test]
fn keys_of_the_servers_environment_are_not_used() {
    let cluster = Cluster::builder("ambient").init();
    let store = S3Server::start_orderly();
    let environment = [
        ("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    os::run_ok(
        cluster
            .command("pg_ctl")
            .envs(environment)
            .args(["start", "--wait", "--silent", "--log"])
            .arg(cluster.socket_dir().join("log"))
            .arg("--pgdata")
            .arg(cluster.data()),
    );
    let db = cluster.connect("postgres");
    db.sql("CREATE EXTENSION pg_stretch");
    let pid = cluster.postmaster_pid().expect("it runs");
    let seen = std::fs::read(format!("/proc/{pid}/environ")).expect("readable");
    assert!(
        String::from_utf8_lossy(&seen).contains(S3Server::SECRET_KEY),
        "the server has the keys"
    );
    let enable = |credential: &str| format!("SELECT stretch.enable_database('{}', '{credential}')", store.url("p"));
    setup::create_secrets(&db, S3Server::ACCESS_KEY, "wrong");
    db.fails(&enable("cred"), "ST006");
    db.fails(&enable("none"), "42704");
    for (identity, secret) in [("", ""), (S3Server::ACCESS_KEY, ""), ("", "wrong")] {
        let made = db.try_sql(&format!(
            "SELECT stretch.create_credential('e', '{identity}', '{secret}', or_replace => true)"
        ));
        if made.is_ok() {
            db.fails(&enable("e"), "ST006");
        }
    }
    assert!(store.objects().is_empty(), "{:?}", store.objects());
    cluster.stop(Stop::Fast);
}

#[test]
fn no_route_around_or_away_from_the_cold_side() {
    let (cluster, admin, dbo) = start(Cluster::builder("routes"));
    let endpoint = Endpoint::new();
    stretched(&dbo, &endpoint);
    admin.sql("CREATE SCHEMA place AUTHORIZATION dbo; CREATE ROLE other LOGIN; GRANT ALL ON SCHEMA public TO dbo");
    let before = digest::table_digest(&dbo, "orders", "n");
    let routes = [
        "DROP SCHEMA stretch CASCADE",
        "DROP FUNCTION stretch.table_am_handler(internal) CASCADE",
        "DROP ACCESS METHOD stretch CASCADE",
        "ALTER EXTENSION pg_stretch DROP ACCESS METHOD stretch",
        "ALTER TABLE orders SET ACCESS METHOD heap",
        "DROP EXTENSION pg_stretch",
        "DROP EXTENSION pg_stretch CASCADE",
        "DROP TABLE stretch.segment CASCADE",
        "ALTER EXTENSION pg_stretch DROP TABLE stretch.segment",
        "ALTER EXTENSION pg_stretch SET SCHEMA public",
        "ALTER TABLE orders ALTER n TYPE bigint",
        "ALTER TABLE orders DROP COLUMN n",
        "ALTER TABLE orders ADD EXCLUDE USING btree (s WITH =)",
        "CREATE RULE r AS ON SELECT TO orders DO INSTEAD SELECT 1, 'x'::text",
    ];
    let mut open = Vec::new();
    for client in [&dbo, &admin] {
        for route in &routes {
            for form in [
                route.to_string(),
                format!("DO $do$ BEGIN EXECUTE $q${route}$q$; END $do$"),
            ] {
                // Rolled back, so that one open route does not hide the others.
                client.sql("BEGIN");
                let said = code(client, &form);
                client.sql("ROLLBACK");
                // By the guard, by missing rights, or because others depend on it; any other code shows nothing.
                if !["0A000", "42501", "2BP01"].contains(&said.as_str()) {
                    open.push(format!("{said} {form}"));
                }
            }
        }
    }
    assert!(open.is_empty(), "these are not refused:\n{}", open.join("\n"));
    assert_eq!(digest::table_digest(&dbo, "orders", "n"), before);
    drop(cluster);
}

#[test]
fn the_owner_of_the_database_can_dump_it() {
    let (cluster, admin, dbo) = start(Cluster::builder("owner_dump"));
    let endpoint = Endpoint::new();
    stretched(&dbo, &endpoint);
    let before = digest::table_digest(&dbo, "orders", "n");
    let dump = cluster.pg_dump("app", &["-Fc", "--username=dbo"]);
    admin.sql("CREATE DATABASE copy OWNER dbo");
    cluster.pg_restore("copy", &[], &dump);
    let copy = cluster.connect_as("dbo", "copy");
    copy.fails("SELECT * FROM stretch.master_key", "42501");
    setup::reauthorize(&copy);
    assert_eq!(digest::table_digest(&copy, "orders", "n"), before);
    assert_eq!(digest::table_digest(&dbo, "orders", "n"), before);
    assert_eq!(
        cluster
            .connect("copy")
            .int("SELECT count(*) FROM stretch.segment WHERE uploaded_at IS NULL"),
        0
    );
}
