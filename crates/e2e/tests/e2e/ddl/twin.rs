//! A stretched table and a plain twin that get the same commands.

use testkit::setup::{drain, enable_database};
use testkit::{Client, Cluster, Endpoint, SqlError};

/// Twenty rows, of which twelve are cold.
const MAKE: &str = "
    CREATE TABLE {t} (id int PRIMARY KEY, n int, s text, v varchar(10), m numeric(8,2), d date, e int DEFAULT 7);
    INSERT INTO {t} SELECT g, nullif(g % 5, 3), 'text ' || g, 'v' || g, g / 4.0, date '2024-01-01' + g, g
    FROM generate_series(1, 20) g";

/// Two tables, `t` and `plain`.
pub struct Twin {
    pub db: Client,
    pub cluster: Cluster,
    _endpoint: Endpoint,
}

impl Twin {
    /// A database that can stretch tables.
    pub fn new(name: &str) -> Self {
        Self::on(Cluster::builder(name).start())
    }

    /// The same on a server that is there.
    pub fn on(cluster: Cluster) -> Self {
        let endpoint = Endpoint::new();
        let db = cluster.connect("postgres");
        enable_database(&db, &endpoint.url());
        Self {
            db,
            cluster,
            _endpoint: endpoint,
        }
    }

    /// Makes both tables anew by the statements, which name the table `{t}`, and stretches one of them.
    pub fn make(&self, statements: &str, filter: &str, order_by: &str) {
        self.db.sql("DROP TABLE IF EXISTS t, plain CASCADE");
        for table in ["t", "plain"] {
            self.db.sql(&statements.replace("{t}", table));
        }
        let filter = filter.replace('\'', "''");
        self.db.sql(&format!(
            "SELECT stretch.enable_table('t', '{filter}', order_by => nullif('{order_by}', ''))"
        ));
        drain(&self.db, "t");
    }

    /// The usual tables.
    pub fn usual(&self) {
        self.make(MAKE, "id <= 12", "d, id");
        assert_eq!(self.cold_rows(), 12);
    }

    /// Rows that are cold.
    pub fn cold_rows(&self) -> i64 {
        self.db.int(
            "SELECT coalesce(sum(live_rows), 0)::bigint FROM stretch.segments
                 WHERE relation = 't'::regclass AND state <> 'retired'",
        )
    }

    /// Runs a command on both; what the stretched table says, which the plain one must say too.
    pub fn both(&self, command: &str) -> Result<(), SqlError> {
        let (stretched, plain) = self.on_each(command);
        let code = |done: &Result<(), SqlError>| done.as_ref().map_err(|error| error.code.clone()).err();
        assert_eq!(code(&stretched), code(&plain), "{command}: {stretched:?} and {plain:?}");
        stretched
    }

    /// What the stretched table says to a command, and what the plain one does.
    pub fn on_each(&self, command: &str) -> (Result<(), SqlError>, Result<(), SqlError>) {
        let on = |table: &str| {
            let done = self.db.try_sql(&command.replace("{t}", table));
            if done.is_err() {
                let _ = self.db.try_sql("ROLLBACK");
            }
            done
        };
        (on("t"), on("plain"))
    }

    /// Runs a command on both that must work.
    pub fn works(&self, command: &str) {
        self.both(command).unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// Both tables have the same columns and the same rows.
    pub fn compare(&self, after: &str) {
        assert_eq!(content(&self.db, "t"), content(&self.db, "plain"), "{after}");
    }

    /// A query gives the same on both.
    pub fn same(&self, query: &str, after: &str) {
        let [stretched, plain] = ["t", "plain"].map(|table| self.db.try_rows(&query.replace("{t}", table)));
        match (stretched, plain) {
            (Ok(stretched), Ok(plain)) => assert_eq!(stretched, plain, "{after}: {query}"),
            (Err(stretched), Err(plain)) => assert_eq!(stretched.code, plain.code, "{after}: {query}"),
            (stretched, plain) => panic!("{after}: {query}: {stretched:?} and {plain:?}"),
        }
    }

    /// Changes rows of both sides, moves what is eligible, rewrites the heap, and compares after each.
    pub fn live_on(&self, after: &str) {
        for change in [
            "UPDATE {t} SET id = id WHERE id IN (2, 3, 18)",
            "DELETE FROM {t} WHERE id IN (4, 19)",
        ] {
            // A command may have taken the column that is set.
            let _ = self.both(change);
            self.compare(&format!("{after}; {change}"));
        }
        drain(&self.db, "t");
        self.compare(&format!("{after}; drain"));
        self.db.sql("VACUUM FULL t");
        self.compare(&format!("{after}; VACUUM FULL"));
    }
}

/// Columns and rows of one of the two tables.
pub fn content(db: &Client, table: &str) -> Vec<String> {
    // Types that a command made for one of the two are named after it.
    let own = format!("_{table}|");
    let of = |line: String| line.replace(&own, "_{t}|");
    let columns = db.lines(&format!(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
         WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    ));
    let rows = db.lines(&format!("SELECT q::text FROM {table} q ORDER BY 1"));
    columns.into_iter().map(of).chain(rows).collect()
}
