//! What happens to the stretched tables at drawn moments beside the worker's own rounds.

use super::draw::Draw;
use super::tables::{LOOSER, STRETCHED};
use testkit::Client;

const IN_THE_WAY: [&str; 7] = ["55P03", "40001", "40P01", "57014", "55000", "55006", "ST014"];

/// Does one thing, if nobody is in its way for long.
pub fn act(d: &mut Draw, db: &Client) -> &'static str {
    let table = d.pick(&STRETCHED).0;
    let (what, statement) = match d.below(11) {
        0..=4 => ("batches", format!("SELECT stretch.migrate('cold.{table}')")),
        5 => ("drains", format!("SELECT stretch.drain('cold.{table}', '1 s')")),
        6 => ("purges", format!("SELECT stretch.purge_staged('cold.{table}')")),
        7 => ("folds", "BEGIN; SELECT fold(); COMMIT".to_owned()),
        8 => ("vacuums", format!("VACUUM cold.{table}")),
        9 => ("analyzes", format!("ANALYZE cold.{table}")),
        _ => {
            let (table, filter) = d.pick(&LOOSER);
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
