//! How transactions end: by themselves, or because the other session waits for them.

use super::pair::{Verdict, is_conflict};
use super::round::Round;
use super::session::Answer;
use super::statement::Statement;

/// lock_not_available.
const LOCK_TIMEOUT: &str = "55P03";

/// What comes before COMMIT where others might be in the way of what it would check.
pub const CONSTRAINTS: &str = "SET CONSTRAINTS ALL IMMEDIATE";

impl Round<'_> {
    /// Ends the transaction for which the other session waits.
    pub fn end_neighbour(&mut self, who: usize) {
        self.log.push(format!("{who}: is waited for"));
        if self.draw.percent(30) {
            self.keep();
        }
        let open = self.open[who].as_ref();
        let commits = open
            .expect("a session without a transaction is in nobody's way")
            .commits;
        if commits && self.draw.percent(60) && self.constraints(who) {
            self.commit(who);
        } else {
            self.roll_back(who);
        }
    }

    /// Whether deferred constraints hold, of a transaction that a waiting one waits for. Should it wait for that one in
    /// turn, the server ends either. What ended then may have been a part of a transaction only, up to its savepoint,
    /// whose locks from before stay: the other would wait for ever, but for its timeout.
    fn constraints(&mut self, who: usize) -> bool {
        self.log.push(format!("{who}: {}", CONSTRAINTS));
        let statement = Statement::new("SET CONSTRAINTS", CONSTRAINTS);
        self.pairs[who].must(["SET LOCAL lock_timeout = '20s'"; 2]);
        let pair = &self.pairs[who];
        pair.cold.start(&statement);
        pair.plain.start(&statement);
        let (cold, plain) = (pair.cold.finish(), pair.plain.finish());
        let stood_still = |answer: &Answer| answer.as_ref().is_err_and(|error| error.code == LOCK_TIMEOUT);
        if stood_still(&cold) || stood_still(&plain) {
            return false;
        }
        matches!(self.judge(who, &statement, &cold, &plain), Verdict::Alike(true))
    }

    /// Commits the stretched side, and then the other one, for which nothing is left that could go wrong.
    pub fn commit(&mut self, who: usize) {
        self.log.push(format!("{who}: COMMIT"));
        let commit = Statement::new("COMMIT", "COMMIT");
        let pair = &self.pairs[who];
        let xid = pair.cold.must("SELECT pg_current_xact_id_if_assigned()").rows.remove(0);
        pair.cold.start(&commit);
        let cold = pair.cold.finish();
        let transaction = self.open[who].take().expect("it is open");
        if is_conflict(&cold) {
            self.pairs[who].plain.must("ROLLBACK");
            self.gave_up(&commit, &cold);
            return;
        }
        pair.plain.start(&commit);
        let plain = pair.plain.finish();
        self.judge(who, &commit, &cold, &plain);
        if cold.is_err() {
            return;
        }
        self.counts.committed += 1;
        self.sequels[who] = transaction.sequel;
        if xid != "NULL" {
            self.counts.tombstones(self.monitor, &xid);
        }
    }

    /// Rolls both sides back.
    pub fn roll_back(&mut self, who: usize) {
        self.log.push(format!("{who}: ROLLBACK"));
        self.pairs[who].must(["ROLLBACK"; 2]);
        self.open[who] = None;
    }
}
