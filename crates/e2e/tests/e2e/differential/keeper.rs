//! What happens to the stretched tables at drawn moments beside the worker's own rounds.

use super::draw::Draw;
use testkit::Client;

const IN_THE_WAY: [&str; 7] = ["55P03", "40001", "40P01", "57014", "55000", "55006", "ST014"];

/// A table of the schema `cold` and a filter of it.
pub type Filter = (&'static str, &'static str);

/// What its session does first.
pub const PREPARE: &str = "
    CREATE FUNCTION fold() RETURNS bigint LANGUAGE c AS '$libdir/pg_stretch', 'stretch_test_fold_wrapper';
    SET lock_timeout = '200ms'; SET statement_timeout = '10s'";

/// Does one thing to one of these tables, if nobody is in its way for long.
pub fn act(d: &mut Draw, db: &Client, stretched: &[Filter], looser: &[Filter]) -> &'static str {
    let table = d.pick(stretched).0;
    let (what, statement) = match d.below(11) {
        0..=4 => ("batches", format!("SELECT stretch.migrate('cold.{table}')")),
        5 => ("drains", format!("SELECT stretch.drain('cold.{table}', '1 s')")),
        6 => ("purges", format!("SELECT stretch.purge_staged('cold.{table}')")),
        7 => ("folds", "BEGIN; SELECT fold(); COMMIT".to_owned()),
        8 => ("vacuums", format!("VACUUM cold.{table}")),
        9 => ("analyzes", format!("ANALYZE cold.{table}")),
        _ => {
            let (table, filter) = d.pick(looser);
            (
                "filters",
                format!("SELECT stretch.set_filter('cold.{table}', $${filter}$$)"),
            )
        }
    };
    match db.try_sql(&statement) {
        Ok(()) => what,
        // Somebody is in the way: a session that waits for the next statement, or the worker.
        Err(error) if IN_THE_WAY.contains(&error.code.as_str()) => {
            let _ = db.try_sql("ROLLBACK");
            "refused"
        }
        Err(error) => panic!("{error}\n  of: {statement}"),
    }
}
