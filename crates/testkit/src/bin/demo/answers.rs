//! What is asked of the table before and after, and the comparisons that decide the demo.

use testkit::{Client, digest};

/// The primary key of the flights, the order of every digest.
pub const KEY: &str = "time_hour, carrier, flight";

/// Two values that must be equal.
pub struct Comparison {
    pub what: String,
    pub expected: String,
    pub got: String,
}

impl Comparison {
    pub fn holds(&self) -> bool {
        self.expected == self.got
    }
}

/// All comparisons of a run.
#[derive(Default)]
pub struct Comparisons(pub Vec<Comparison>);

impl Comparisons {
    pub fn add(&mut self, what: &str, expected: &str, got: &str) {
        self.0.push(Comparison {
            what: what.to_owned(),
            expected: expected.to_owned(),
            got: got.to_owned(),
        });
    }

    /// Compares all answers of one moment with those of another.
    pub fn add_answers(&mut self, when: &str, expected: &Answers, got: &Answers) {
        for ((what, before), (_, after)) in expected.0.iter().zip(&got.0) {
            self.add(&format!("{what}, {when}"), before, after);
        }
    }
}

/// The answers to some questions about the flights at one moment.
pub struct Answers(Vec<(&'static str, String)>);

impl Answers {
    pub fn ask(db: &Client) -> Answers {
        let sum = "SELECT sum(distance), sum(arr_delay), count(DISTINCT tailnum) FROM flights";
        let carriers = "SELECT carrier, count(*), round(avg(dep_delay), 3) FROM flights GROUP BY 1 ORDER BY 1";
        let one = "SELECT * FROM flights WHERE time_hour = '2013-01-01 10:00+00' AND carrier = 'UA' AND flight = 1545";
        Answers(vec![
            ("rows", db.text("SELECT count(*) FROM flights")),
            ("sums", db.lines(sum).join("\n")),
            ("by carrier (md5)", short(&db.md5_of(carriers))),
            ("one old flight (md5)", short(&db.md5_of(one))),
            ("every row (md5)", whole(db)),
        ])
    }
}

/// Row count and md5 of the whole table in key order.
pub fn whole(db: &Client) -> String {
    short(&digest::table_digest(db, "flights", KEY))
}

fn short(digest: &str) -> String {
    digest.replace('|', " rows, ")
}
