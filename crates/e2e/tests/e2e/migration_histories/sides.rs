//! The two sides: a schema whose big tables are stretched, and one of plain tables, each with a session of the role
//! that owns them, as a tool for migrations connects.

use crate::differential::session::{self, Answer};
use crate::differential::statement::Statement;
use testkit::setup::{IS_HOT, drain, enable_database, enable_table, wait_uploaded};
use testkit::{Client, Cluster, Endpoint};

pub struct Sides {
    pub cold: Client,
    pub plain: Client,
    pub administrator: Client,
    pub cluster: Cluster,
    _endpoint: Endpoint,
}

impl Sides {
    /// A server with both schemas, still empty. The worker moves rows when it is told to, and not between.
    pub fn new(name: &str) -> Self {
        let cluster = Cluster::builder(name)
            .conf("stretch.naptime", "1h")
            .conf("stretch.max_batch_age", "1d")
            .conf("autovacuum", "off")
            .start();
        let endpoint = Endpoint::new();
        let administrator = cluster.connect("postgres");
        enable_database(&administrator, &endpoint.url());
        administrator.sql(
            "CREATE EXTENSION pg_trgm; CREATE ROLE owner LOGIN; GRANT CREATE ON DATABASE postgres TO owner;
             SET client_min_messages = warning",
        );
        let session = |schema: &str| {
            let db = cluster.connect_as("owner", "postgres");
            db.sql(&format!(
                "CREATE SCHEMA {schema}; SET search_path = {schema}, public; SET TimeZone = 'UTC'"
            ));
            db
        };
        Self {
            cold: session("cold"),
            plain: session("plain"),
            administrator,
            cluster,
            _endpoint: endpoint,
        }
    }

    /// Tables that are stretched now, by their names of now. It waits for no lock of a migration.
    pub fn stretched(&self) -> Vec<String> {
        let named = "SELECT relname FROM stretch.stretched_table JOIN pg_class ON oid = relation ORDER BY 1";
        self.administrator.lines(named)
    }

    pub fn stretch(&self, table: &str, filter: &str) {
        self.administrator.sql("ANALYZE");
        enable_table(&self.administrator, &format!("cold.{table}"), filter);
        self.settle();
    }

    /// Brings the rows of a table back and makes it an ordinary one, as hints of refused commands say.
    pub fn bring_home(&self, table: &str) {
        self.administrator.sql(&format!(
            "SELECT stretch.disable_table('cold.{table}', leave_remote_data => false)"
        ));
    }

    /// Moves all that is eligible to the endpoint, so that it is read from there alone.
    pub fn settle(&self) {
        for table in self.stretched() {
            drain(&self.administrator, &format!("cold.{table}"));
        }
        wait_uploaded(&self.administrator);
        self.administrator.sql("SELECT stretch.purge_staged()");
    }

    /// The cold rows of a table, and all.
    pub fn cold_rows(&self, table: &str) -> (i64, i64) {
        let count = |condition: &str| {
            self.administrator
                .int(&format!("SELECT count(*) FROM cold.{table} {condition}"))
        };
        (count(&format!("WHERE NOT {IS_HOT}")), count(""))
    }

    /// What both sides answer; the stretched one is asked first.
    pub fn both(&self, text: &str) -> [Answer; 2] {
        let statement = Statement::new("migration", text);
        [&self.cold, &self.plain].map(|side| session::run(side, &statement))
    }
}
