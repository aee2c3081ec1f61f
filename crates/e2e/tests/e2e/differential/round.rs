//! Statements on one set of tables: of one session, or of two whose statements alternate.

use super::counts::Counts;
use super::draw::Draw;
use super::ending::CONSTRAINTS;
use super::pair::{Level, Pair, Verdict, is_conflict, show};
use super::session::Answer;
use super::statement::Statement;
use super::transaction::Transaction;
use super::{keeper, tables};
use testkit::Client;

/// Statements between two comparisons of the whole content.
const COMPARE: u64 = 20;
/// Statements that are shown before a difference.
const SHOWN: usize = 60;

pub struct Round<'a> {
    pub seed: u64,
    pub level: Level,
    pub draw: Draw,
    pub counts: Counts,
    pub monitor: &'a Client,
    pub pairs: [Pair; 2],
    pub open: [Option<Transaction>; 2],
    /// What the next transaction of each session begins with.
    pub sequels: [Vec<Statement>; 2],
    pub log: Vec<String>,
}

impl Round<'_> {
    /// Goes on until so many statements were run, and no transaction is open.
    pub fn run(&mut self, until: u64) {
        let (mut alone, mut compared) = (true, self.counts.statements);
        while self.counts.statements < until || self.open.iter().any(Option::is_some) {
            if self.open.iter().all(Option::is_none) && self.counts.statements >= compared + COMPARE {
                self.compare();
                compared = self.counts.statements;
                alone = self.draw.percent(30);
                self.draw.meet = !alone;
            }
            if self.draw.percent(10) {
                self.keep();
            }
            let who = if alone { 0 } else { self.draw.below(2) as usize };
            self.step(who, alone, self.counts.statements < until);
        }
        self.compare();
    }

    /// The next thing that a session does; it begins nothing when the round is to end.
    fn step(&mut self, who: usize, alone: bool, begins: bool) {
        let Some(transaction) = &mut self.open[who] else {
            let other_is_open = self.open[1 - who].is_some();
            if begins && !(alone && other_is_open) {
                let before = std::mem::take(&mut self.sequels[who]);
                self.open[who] = Some(Transaction::draw(&mut self.draw, before, alone));
                self.pairs[who].must(self.level.begin());
                self.log.push(format!("{who}: BEGIN"));
            } else if other_is_open {
                self.step(1 - who, alone, begins);
            }
            return;
        };
        let savepoints = transaction.savepoints;
        match transaction.statements.pop_front() {
            Some(statement) => self.statement(who, &statement, savepoints),
            None if transaction.commits => {
                let constraints = Statement::new("SET CONSTRAINTS", CONSTRAINTS);
                if alone || matches!(self.both(who, &constraints), Verdict::Alike(true)) {
                    self.commit(who);
                } else {
                    self.roll_back(who);
                }
            }
            None => self.roll_back(who),
        }
    }

    fn statement(&mut self, who: usize, statement: &Statement, savepoints: bool) {
        let name = ["SAVEPOINT s", "RELEASE s", "ROLLBACK TO s"];
        if savepoints {
            self.pairs[who].must([name[0]; 2]);
        }
        match self.both(who, statement) {
            Verdict::Alike(true) if savepoints => self.pairs[who].must([name[1]; 2]),
            Verdict::Alike(false) if savepoints => self.pairs[who].must([name[2]; 2]),
            Verdict::Alike(true) => {}
            Verdict::Alike(false) | Verdict::GaveUp => self.roll_back(who),
        }
    }

    /// Runs a statement on both sides. When one waits for the other session, that one ends.
    pub fn both(&mut self, who: usize, statement: &Statement) -> Verdict {
        self.log.push(format!("{who}: {}", statement.text));
        let (pair, neighbour) = (&self.pairs[who], &self.pairs[1 - who]);
        pair.cold.start(statement);
        let cold = pair.cold.answer(self.monitor, neighbour.cold.pid);
        if let Some(answer) = &cold
            && is_conflict(answer)
        {
            return self.gave_up(statement, answer);
        }
        pair.plain.start(statement);
        let plain = pair.plain.answer(self.monitor, neighbour.plain.pid);
        let mut statement = statement.clone();
        let (cold, plain) = match (cold, plain) {
            (Some(cold), Some(plain)) => (cold, plain),
            (cold, plain) => {
                self.counts.waits += 1;
                self.counts.waits_of_one[0] += u64::from(plain.is_some());
                self.counts.waits_of_one[1] += u64::from(cold.is_some());
                if cold.is_some() || plain.is_some() {
                    let side = if cold.is_some() { "plain" } else { "stretched" };
                    println!("only the {side} side waits: {}", statement.text);
                }
                // A lock FOR KEY SHARE passes by an UPDATE of a plain row, and shows the version before; it waits for
                // that of a cold row, and shows the new one.
                statement.impatient |= cold.is_none() && plain.is_some() && statement.text.contains("FOR KEY SHARE");
                self.end_neighbour(1 - who);
                let pair = &self.pairs[who];
                (
                    cold.unwrap_or_else(|| pair.cold.finish()),
                    plain.unwrap_or_else(|| pair.plain.finish()),
                )
            }
        };
        self.judge(who, &statement, &cold, &plain)
    }

    /// What both answers come to; a difference ends the test.
    pub fn judge(&mut self, who: usize, statement: &Statement, cold: &Answer, plain: &Answer) -> Verdict {
        self.counts.impatient += u64::from(statement.impatient);
        let alike = match (cold, plain) {
            (Ok(one), Ok(other)) => one == other,
            (Err(one), Err(other)) => one.code == other.code,
            _ => false,
        };
        if let Some(line) = self.log.last_mut() {
            let told = cold
                .as_ref()
                .map_or_else(|error| error.code.clone(), |done| format!("{} rows", done.rows.len()));
            line.push_str(&format!("  -- {told}"));
        }
        let deadlock = plain.as_ref().is_err_and(|error| error.code == "40P01");
        if is_conflict(cold) || deadlock {
            return self.gave_up(statement, cold);
        }
        if !alike && statement.impatient && plain.as_ref().map_or_else(|error| error.code == "55P03", |_| true) {
            self.counts.excused += 1;
            return self.gave_up(statement, cold);
        }
        if !alike {
            self.differ(&format!(
                "{}\n--- stretched: {}\n--- plain: {}",
                statement.text,
                show(cold, plain),
                show(plain, cold)
            ));
        }
        self.counts.answer(statement.kind, cold);
        self.counts
            .cold(self.monitor, self.pairs[who].cold.pid, statement, cold);
        Verdict::Alike(cold.is_ok())
    }

    /// Counts a statement whose transaction has to begin anew.
    pub fn gave_up(&mut self, statement: &Statement, cold: &Answer) -> Verdict {
        self.counts.answer(statement.kind, cold);
        self.counts.conflict(cold);
        self.counts.given_up += 1;
        Verdict::GaveUp
    }

    /// Does something to the stretched tables, as the worker does.
    pub fn keep(&mut self) {
        let done = keeper::act(&mut self.draw, self.monitor, &tables::STRETCHED, &tables::LOOSER);
        self.log.push(format!("{done} beside the worker"));
        self.counts.kept(done);
    }

    fn compare(&mut self) {
        let differences = tables::differences(self.monitor, &tables::ALL);
        if !differences.is_empty() {
            self.differ(&differences.join("\n"));
        }
        self.counts.compared(self.monitor);
    }

    fn differ(&self, what: &str) -> ! {
        let shown = &self.log[self.log.len().saturating_sub(SHOWN)..];
        panic!(
            "STRETCH_SEED={} {:?}: a difference after {} statements\n{}\n\n{what}",
            self.seed,
            self.level,
            self.counts.statements,
            shown.join(";\n")
        );
    }
}
