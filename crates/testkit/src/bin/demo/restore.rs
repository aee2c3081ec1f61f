//! The two restores: to a moment from archived WAL, and from a dump; each then takes the four steps.

use crate::answers::{Answers, Comparisons, whole};
use crate::show::Show;
use crate::stretch::{Moment, Story};
use crate::tongue::Tongue;
use testkit::{Client, Cluster, Target, setup};

/// A query that no hot row can answer.
const NEEDS_COLD: &str = "SELECT count(*) FROM flights WHERE time_hour < '2013-02-01 00:00+00'";
/// A query that contradicts the filter.
const NEEDS_HOT: &str = "SELECT count(*) FROM flights WHERE time_hour >= '2013-12-01 00:00+00'";

/// Restores to T beside the running original.
pub fn to_moment(show: &Show, story: &Story, moment: &Moment, compared: &mut Comparisons) -> Cluster {
    let target = Target::Name(moment.name.to_owned());
    let restored = show.step("1. restore the base backup, replay archived WAL up to T", || {
        story.cluster.restore_to("restored", &moment.backup, &target)
    });
    let db = restored.connect("postgres");
    compared.add(
        "hot rows, at T",
        &moment.hot.to_string(),
        &setup::hot_rows(&db, "flights").to_string(),
    );
    refused(show, &db, compared);
    steps_two_to_four(show, &db, story.tongue);
    let answers = show.step("ask the questions of T", || Answers::ask(&db));
    compared.add_answers("restored to T", &moment.answers, &answers);
    restored
}

/// Restores a dump of the original, as it is now, into another server.
pub fn from_dump(show: &Show, story: &Story, compared: &mut Comparisons) -> Cluster {
    let expected = whole(&story.db);
    let dump = show.step("pg_dump -Fc of the original", || {
        story.cluster.pg_dump("postgres", &["-Fc"])
    });
    let elsewhere = show.step("1. pg_restore into another server", || {
        let elsewhere = Cluster::builder("elsewhere").conf("stretch.page_rows", "4096").start();
        elsewhere.pg_restore("postgres", &["-j", "2"], &dump);
        elsewhere
    });
    let db = elsewhere.connect("postgres");
    refused(show, &db, compared);
    steps_two_to_four(show, &db, story.tongue);
    let got = show.step("read every row", || whole(&db));
    compared.add("every row (md5), restored from the dump", &expected, &got);
    elsewhere
}

/// A restored database says that it is disconnected, and answers what hot rows alone can answer.
fn refused(show: &Show, db: &Client, compared: &mut Comparisons) {
    let (code, text) = match db.try_text(NEEDS_COLD) {
        Err(error) => (error.code.clone(), error.to_string()),
        Ok(rows) => ("no error".to_owned(), format!("{rows:?}")),
    };
    show.note(&format!("a query for January is refused:\n{text}"));
    compared.add("query for cold rows while disconnected", "ST001", &code);
    let hot = db.text(NEEDS_HOT);
    show.note(&format!("a query for December works: {hot} flights"));
    let only = NEEDS_HOT.replace("flights", "ONLY flights");
    compared.add("query for hot rows while disconnected", &db.text(&only), &hot);
}

fn steps_two_to_four(show: &Show, db: &Client, tongue: Tongue) {
    show.step("2. create_master_key   3. create_credential", || tongue.secrets(db));
    let rows = show.step("4. reauthorize", || tongue.reauthorize(db));
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        if let [relation, segments, present, refilled, lost, _] = cells[..] {
            show.note(&format!(
                "{relation}: {segments} segments, {present} present, {refilled} to refill from staging, {lost} lost"
            ));
        }
    }
    setup::wait_reconciled(db);
}
