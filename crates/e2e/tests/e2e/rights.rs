//! Who may call what: every function of schema stretch, as every kind of role.

use std::collections::{BTreeMap, BTreeSet};
use testkit::{Client, Cluster};

/// Whom a function serves; all others get 42501.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Every role.
    Anybody,
    /// Database owner, members of that role, superusers.
    Database,
    /// As `Database`, and a member of pg_read_server_files.
    DatabaseAndFiles,
    /// The table's owner and superusers.
    Table,
    /// Who owns both the table and the database, and superusers.
    TableAndDatabase,
    /// Superusers: nobody calls it by hand.
    Internal,
}

use Level::{Anybody, Database, DatabaseAndFiles, Internal, Table, TableAndDatabase};

/// Function, level, and calls that do no harm or fail for another reason than rights. `{t}` is a table.
const FUNCTIONS: &[(&str, Level, &[&str])] = &[
    ("version()", Anybody, &["version()"]),
    ("eligible_rows(regclass)", Anybody, &["eligible_rows('{t}')"]),
    ("create_master_key(text)", Database, &["create_master_key('rights')"]),
    ("open_master_key(text)", Database, &["open_master_key('wrong')"]),
    ("rotate_master_key(text)", Database, &["rotate_master_key('rights')"]),
    ("drop_master_key()", Database, &["drop_master_key()"]),
    (
        "create_credential(text,text,text,boolean)",
        Database,
        &["create_credential('c', 'i', 's', or_replace => true)"],
    ),
    (
        "create_credential_from_file(text,text,text)",
        DatabaseAndFiles,
        &["create_credential_from_file('f', 'i', '/nonexistent')"],
    ),
    (
        "alter_credential(text,text,text)",
        Database,
        &["alter_credential('none', 'i', 's')"],
    ),
    (
        "drop_credential(text,boolean)",
        Database,
        &["drop_credential('none', if_exists => true)"],
    ),
    (
        "enable_database(text,text,boolean)",
        Database,
        &["enable_database('nonsense', 'none')"],
    ),
    ("disable_database()", Database, &["disable_database()"]),
    (
        "reauthorize(text,boolean,text)",
        Database,
        &["reauthorize('none')", "reauthorize('none', endpoint => 'nonsense')"],
    ),
    ("deauthorize()", Database, &["deauthorize()"]),
    (
        "set_query_mode(text,boolean)",
        Database,
        &["set_query_mode('nonsense')"],
    ),
    ("set_rpo(interval)", Database, &["set_rpo('-1 s')"]),
    ("rpo()", Database, &["rpo()"]),
    ("set_retention(interval)", Database, &["set_retention('-1 s')"]),
    ("retention()", Database, &["retention()"]),
    (
        "test_connection(text,text)",
        Database,
        &["test_connection('nonsense', 'none')"],
    ),
    ("check()", Database, &["check()"]),
    (
        "check_table(regclass,text)",
        TableAndDatabase,
        &["check_table('{t}')", "check_table('{t}', 'n < 5')"],
    ),
    (
        "enable_table(regclass,text,text,boolean,text,boolean,boolean)",
        TableAndDatabase,
        &["enable_table('{t}', 'nonsense')"],
    ),
    (
        "alter_table(regclass,boolean,text)",
        TableAndDatabase,
        &["alter_table('{t}')"],
    ),
    (
        "set_migration_state(regclass,text)",
        TableAndDatabase,
        &["set_migration_state('{t}', 'nonsense')"],
    ),
    (
        "set_filter(regclass,text)",
        TableAndDatabase,
        &["set_filter('{t}', 'nonsense')"],
    ),
    (
        "disable_table(regclass,boolean,boolean,boolean)",
        TableAndDatabase,
        &["disable_table('{t}', true)"],
    ),
    ("migrate(regclass,bigint)", Table, &["migrate('{t}')"]),
    ("compact(regclass)", Table, &["compact('{t}')"]),
    ("drain(regclass,interval)", Table, &["drain('{t}')"]),
    ("drain(regclass,interval)", Database, &["drain()"]),
    ("purge_staged(regclass)", Table, &["purge_staged('{t}')"]),
    ("purge_staged(regclass)", Database, &["purge_staged()"]),
    ("reconcile(regclass,boolean)", Table, &["reconcile('{t}')"]),
    ("reconcile(regclass,boolean)", Database, &["reconcile()"]),
    ("verify(regclass)", Table, &["verify('{t}')"]),
    ("verify(regclass)", Database, &["verify()"]),
    ("compact(regclass)", Table, &["compact('{t}')"]),
    ("purge_remote(regclass,boolean)", Table, &["purge_remote('{t}')"]),
    ("pin_backup(text,timestamptz)", Database, &["pin_backup('')"]),
    ("unpin_backup(text)", Database, &["unpin_backup('none')"]),
    ("collect(boolean)", Database, &["collect()"]),
    (
        "drop_branch(uuid,boolean,boolean)",
        Database,
        &["drop_branch('00000000-0000-0000-0000-000000000000')"],
    ),
    ("branch_facts()", Database, &["branch_facts()"]),
    ("stat_reset()", Database, &["stat_reset()"]),
    ("status_facts()", Database, &["status_facts()"]),
    ("progress_facts()", Anybody, &["progress_facts()"]),
    // SQL has no value of its argument's type.
    ("table_am_handler(internal)", Internal, &[]),
];

/// A role of the test: whether it is a superuser, whether it has the rights of the database's owner, and of whose
/// tables' owners.
struct Role {
    name: &'static str,
    superuser: bool,
    database: bool,
    tables: &'static [&'static str],
}

const ROLES: &[Role] = &[
    Role {
        name: "postgres",
        superuser: true,
        database: true,
        tables: &["orders", "visits"],
    },
    Role {
        name: "dbo",
        superuser: false,
        database: true,
        tables: &["orders"],
    },
    Role {
        name: "member",
        superuser: false,
        database: true,
        tables: &["orders"],
    },
    Role {
        name: "tom",
        superuser: false,
        database: false,
        tables: &["visits"],
    },
    Role {
        name: "stranger",
        superuser: false,
        database: false,
        tables: &[],
    },
];

impl Role {
    fn may(&self, level: Level, table: &str) -> bool {
        let owns = self.tables.contains(&table);
        match level {
            Anybody => true,
            Database => self.database,
            Table => owns,
            TableAndDatabase => owns && self.database,
            DatabaseAndFiles | Internal => self.superuser,
        }
    }
}

/// Database `app` of role `dbo`, whose table is `orders`; `member` is a member of `dbo`; `visits` is `tom`'s.
fn cluster_with_roles(name: &str) -> (Cluster, Client) {
    let cluster = Cluster::builder(name).start();
    let admin = cluster.connect("postgres");
    admin.sql("CREATE ROLE dbo LOGIN; CREATE ROLE tom LOGIN; CREATE ROLE stranger LOGIN");
    admin.sql("CREATE ROLE member LOGIN IN ROLE dbo");
    admin.sql("CREATE DATABASE app OWNER dbo");
    let db = cluster.connect("app");
    db.sql("CREATE EXTENSION pg_stretch; GRANT CREATE ON SCHEMA public TO tom");
    let dbo = cluster.connect_as("dbo", "app");
    dbo.sql("CREATE TABLE orders (n int PRIMARY KEY, s text)");
    let tom = cluster.connect_as("tom", "app");
    tom.sql("CREATE TABLE visits (n int PRIMARY KEY, s text)");
    (cluster, db)
}

/// `name(argument types)` of every function of the schema.
fn functions(db: &Client) -> BTreeSet<String> {
    db.lines(
        "SELECT p.proname || '(' || coalesce((SELECT string_agg(CASE t.oid WHEN 'timestamptz'::regtype THEN \
         'timestamptz'
                ELSE format_type(t.oid, NULL) END, ',' ORDER BY a.n)
                FROM unnest(p.proargtypes) WITH ORDINALITY a(oid, n) JOIN pg_type t USING (oid)), '') || ')'
         FROM pg_proc p WHERE p.pronamespace = 'stretch'::regnamespace",
    )
    .into_iter()
    .collect()
}

#[test]
fn every_function_serves_whom_it_should_and_nobody_else() {
    let (cluster, db) = cluster_with_roles("rights");
    let there = functions(&db);
    let listed: BTreeSet<String> = FUNCTIONS.iter().map(|entry| entry.0.to_owned()).collect();
    let unlisted: Vec<_> = there.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "functions without an entry in this test: {unlisted:?}"
    );

    let clients: BTreeMap<&str, Client> = ROLES
        .iter()
        .map(|role| (role.name, cluster.connect_as(role.name, "app")))
        .collect();
    let mut wrong = Vec::new();
    let mut calls = 0;
    for (function, level, templates) in FUNCTIONS.iter().filter(|entry| there.contains(entry.0)) {
        // Functions with a pseudo-type as result cannot stand in FROM.
        let from = if *level == Internal { "" } else { "* FROM " };
        for template in *templates {
            let tables: &[&str] = if template.contains("{t}") {
                &["orders", "visits"]
            } else {
                &[""]
            };
            // Those who may not call first, so that nothing that the others do gets in the way.
            for role in ROLES.iter().rev() {
                for table in tables {
                    let call = template.replace("{t}", table);
                    let said = clients[role.name].try_rows(&format!("SELECT {from}stretch.{call}"));
                    let code = said.err().map_or_else(|| "00000".to_owned(), |error| error.code);
                    if (code != "42501") != role.may(*level, table) {
                        wrong.push(format!("{function}: {call} as {}: {code}", role.name));
                    }
                    calls += 1;
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "of {calls} calls these went wrong:\n{}",
        wrong.join("\n")
    );
    assert!(calls > 100, "only {calls} calls");
}

#[test]
fn functions_are_described_pinned_and_never_security_definer() {
    let (_cluster, db) = cluster_with_roles("functions");
    let bad = db.lines(
        "SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'stretch'::regnamespace
         AND (p.prosecdef OR p.provolatile <> 'v' OR p.proparallel <> 'u' OR obj_description(p.oid, 'pg_proc') IS NULL
              OR NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), \
              p.prorettype = 'table_am_handler'::regtype))",
    );
    assert!(bad.is_empty(), "{bad:?}");
    // Nobody but the superuser who made the extension writes its tables, and nobody else reads what is sealed.
    let writable = db.lines(
        "SELECT c.oid::regclass, r.rolname FROM pg_class c, pg_roles r
         WHERE c.relnamespace = 'stretch'::regnamespace AND c.relkind = 'r' AND r.rolname IN ('dbo', 'member', 'tom', \
         'stranger')
         AND (has_table_privilege(r.oid, c.oid, 'INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER')
              OR c.relname IN ('master_key', 'credential', 'binding') AND has_table_privilege(r.oid, c.oid, 'SELECT')
              OR r.rolname IN ('tom', 'stranger') AND has_table_privilege(r.oid, c.oid, 'SELECT'))",
    );
    assert!(writable.is_empty(), "{writable:?}");
}

#[test]
fn a_trojan_of_somebody_else_has_only_its_owners_rights() {
    let (cluster, db) = cluster_with_roles("trojan");
    db.sql("GRANT CREATE ON SCHEMA public TO stranger");
    let stranger = cluster.connect_as("stranger", "app");
    stranger.sql(
        "CREATE FUNCTION trojan() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ \
         SELECT stretch.create_master_key('x') $$",
    );
    let dbo = cluster.connect_as("dbo", "app");
    dbo.fails("SELECT trojan()", "42501");
    assert_eq!(db.int("SELECT count(*) FROM stretch.master_key"), 0);
}
