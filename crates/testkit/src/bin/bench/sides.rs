//! The sides of a comparison of cold reads: where the rows of `lineitem` are, and how a session is made ready to read
//! them there.

use std::cell::RefCell;
use std::rc::Rc;
use testkit::setup::{drain, enable_database_s3, enable_table, purge};
use testkit::{Client, Cluster, S3Server};

/// The database whose endpoint is a store.
const STORE: &str = "store";
/// A table whose only child is a foreign table of another database, which has the rows.
const AFAR: &str = "afar";

/// Where the rows are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Table(&'static str),
    /// In a store, of which nothing is cached.
    EmptyCache,
    /// In a store, and in the segment cache.
    Cached,
}

/// One side, with its session.
pub struct Side {
    place: Place,
    session: RefCell<Rc<Client>>,
}

impl Side {
    /// All of them, in the order in which they are shown.
    pub fn all(cluster: &Cluster) -> Vec<Self> {
        let places = [
            Place::Table("lineitem"),
            Place::Table("staged"),
            Place::Table("folder"),
            Place::EmptyCache,
            Place::Cached,
            Place::Table(AFAR),
        ];
        let side = |place: Place| Self {
            place,
            session: RefCell::new(Rc::new(cluster.connect(place.database()))),
        };
        places.map(side).into()
    }

    /// The table to ask.
    pub fn table(&self) -> &'static str {
        match self.place {
            Place::Table(table) => table,
            Place::EmptyCache | Place::Cached => "lineitem",
        }
    }

    /// Its session, ready to be measured. A session keeps pages in its memory, so that an empty cache needs a new one.
    pub fn ready(&self, cluster: &Cluster) -> Rc<Client> {
        if self.place == Place::EmptyCache {
            let session = cluster.connect(STORE);
            let segments = session.lines("SELECT segment_id FROM stretch.segments");
            let cache = cluster.state_dir().join("cache");
            for folder in std::fs::read_dir(cache).into_iter().flatten().flatten() {
                for file in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                    let name = file.file_name().to_string_lossy().into_owned();
                    if segments.iter().any(|segment| name.starts_with(segment.as_str())) {
                        // The server may have removed it just now.
                        let _ = std::fs::remove_file(file.path());
                    }
                }
            }
            // What a new session looks up once is not what is measured.
            session.lines("SELECT count(*) FROM lineitem WHERE l_orderkey = -1");
            *self.session.borrow_mut() = Rc::new(session);
        }
        self.session.borrow().clone()
    }
}

impl Place {
    fn database(self) -> &'static str {
        match self {
            Self::Table(_) => "postgres",
            Self::EmptyCache | Self::Cached => STORE,
        }
    }
}

/// A database with the same rows, all of them cold in a store.
pub fn move_to_store(cluster: &Cluster, db: &Client, store: &S3Server) {
    db.sql(&format!("CREATE DATABASE {STORE}"));
    let there = cluster.connect(STORE);
    enable_database_s3(&there, &store.url("bench"));
    link(cluster, &there, "postgres");
    there.sql(
        "IMPORT FOREIGN SCHEMA public LIMIT TO (lineitem, fifty) FROM SERVER other INTO far;
         CREATE TABLE lineitem (LIKE far.lineitem, PRIMARY KEY (l_orderkey, l_linenumber));
         INSERT INTO lineitem SELECT * FROM far.lineitem;
         CREATE TABLE fifty AS SELECT * FROM far.fifty",
    );
    enable_table(&there, "lineitem", "l_shipdate <= '2100-01-01'");
    drain(&there, "lineitem");
    purge(&there, "lineitem");
    there.sql("VACUUM lineitem");
    there.sql("ANALYZE lineitem, fifty");
}

/// A parent without rows over a foreign child: what people do who have no stretched table.
pub fn refer_from_afar(cluster: &Cluster, db: &Client) {
    db.sql("CREATE DATABASE other");
    let other = cluster.connect("other");
    link(cluster, &other, "postgres");
    other.sql(
        "IMPORT FOREIGN SCHEMA public LIMIT TO (lineitem) FROM SERVER other INTO far;
         CREATE TABLE lineitem (LIKE far.lineitem, PRIMARY KEY (l_orderkey, l_linenumber));
         INSERT INTO lineitem SELECT * FROM far.lineitem",
    );
    other.sql("VACUUM (ANALYZE, FREEZE) lineitem");
    link(cluster, db, "other");
    db.sql(&format!(
        "CREATE TABLE {AFAR} (LIKE lineitem);
         CREATE FOREIGN TABLE {AFAR}_child () INHERITS ({AFAR}) SERVER other OPTIONS (table_name 'lineitem');
         ANALYZE {AFAR}_child"
    ));
}

/// A foreign server `other` of a database of the same cluster.
fn link(cluster: &Cluster, db: &Client, database: &str) {
    let host = cluster.socket_dir().display();
    db.sql(&format!(
        "CREATE EXTENSION postgres_fdw; CREATE SCHEMA far;
         CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw
            OPTIONS (host '{host}', dbname '{database}', fetch_size '10000');
         CREATE USER MAPPING FOR CURRENT_USER SERVER other"
    ));
}
