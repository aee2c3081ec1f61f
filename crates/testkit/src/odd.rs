//! Settings under which types write and read values otherwise than usual, for those who must not care.

use crate::cluster::Cluster;

/// Each with a value that changes what some type writes, or what the same text means when it is read.
pub const SETTINGS: [(&str, &str); 12] = [
    ("search_path", "nowhere, public"),
    ("quote_all_identifiers", "on"),
    ("standard_conforming_strings", "off"),
    ("array_nulls", "off"),
    ("bytea_output", "escape"),
    ("DateStyle", "SQL, DMY"),
    ("IntervalStyle", "sql_standard"),
    ("TimeZone", "Asia/Kathmandu"),
    ("extra_float_digits", "-15"),
    ("lc_monetary", "C.UTF-8"),
    ("xmloption", "document"),
    ("xmlbinary", "hex"),
];

/// Makes them, and an encoding for the client, those of the worker and of every session of a database that sets none.
/// Half come from the database, half from the role: the worker is the bootstrap superuser's.
pub fn set_for_database(cluster: &Cluster, database: &str, client_encoding: &str) {
    let db = cluster.connect("postgres");
    let encoding = [("client_encoding", client_encoding)];
    for (number, (setting, value)) in SETTINGS.iter().chain(&encoding).enumerate() {
        let whose = match number % 2 {
            0 => format!("DATABASE {database}"),
            _ => format!("ROLE postgres IN DATABASE {database}"),
        };
        let value = match *setting {
            "search_path" => (*value).to_owned(),
            _ => format!("'{value}'"),
        };
        db.sql(&format!("ALTER {whose} SET {setting} = {value}"));
    }
}

/// Takes them back for the sessions that begin from now on; processes that run keep them.
pub fn reset_for_database(cluster: &Cluster, database: &str) {
    let db = cluster.connect("postgres");
    db.sql(&format!("ALTER DATABASE {database} RESET ALL"));
    db.sql(&format!("ALTER ROLE postgres IN DATABASE {database} RESET ALL"));
}
