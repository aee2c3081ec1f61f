//! Specs for PostgreSQL's isolationtester, put together in Rust, and what it prints, taken apart again.

use std::collections::{BTreeMap, BTreeSet};

/// One step of a session, whose name is one letter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    session: char,
    pub name: String,
    sql: String,
}

/// A step; its name begins with the session's.
pub fn step(session: char, name: impl AsRef<str>, sql: impl Into<String>) -> Step {
    Step {
        session,
        name: format!("{session}{}", name.as_ref()),
        sql: sql.into(),
    }
}

/// The text of a spec that runs these permutations. Steps with the same name are the same step.
pub fn text<'a>(permutations: impl Iterator<Item = &'a [Step]>) -> String {
    let mut sessions: BTreeMap<char, BTreeMap<&str, &str>> = BTreeMap::new();
    let mut runs = Vec::new();
    for steps in permutations {
        for step in steps {
            let before = sessions.entry(step.session).or_default().insert(&step.name, &step.sql);
            assert!(
                before.is_none_or(|sql| sql == step.sql),
                "two steps have the name {}",
                step.name
            );
        }
        let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        runs.push(format!("permutation {}\n", names.join(" ")));
    }
    let mut text = String::new();
    for (session, steps) in sessions {
        text += &format!("session {session}\n");
        for (name, sql) in steps {
            text += &format!("step {name} {{ {sql}; }}\n");
        }
    }
    text + &runs.concat()
}

/// What one permutation did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// As isolationtester names it: its steps.
    pub steps: String,
    /// The steps that waited for another session.
    pub waited: BTreeSet<String>,
    /// What each step printed, rows or an error.
    pub printed: BTreeMap<String, Vec<String>>,
}

impl Outcome {
    /// What a step printed.
    pub fn of(&self, step: &str) -> &[String] {
        self.printed.get(step).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Takes what isolationtester prints apart.
pub fn outcomes(text: &str) -> Vec<Outcome> {
    let mut found = Vec::new();
    for block in text.split("\nstarting permutation: ").skip(1) {
        let (steps, rest) = block.split_once('\n').unwrap_or((block, ""));
        let mut outcome = Outcome {
            steps: steps.into(),
            ..Outcome::default()
        };
        let mut current = String::new();
        for line in rest.lines() {
            match line.strip_prefix("step ").and_then(|rest| rest.split_once(": ")) {
                Some((name, tail)) if tail.ends_with("<waiting ...>") => {
                    outcome.waited.insert(name.into());
                    current.clear();
                }
                Some((name, _)) => current = name.into(),
                None if line.is_empty() || current.is_empty() => {}
                None => outcome
                    .printed
                    .entry(current.clone())
                    .or_default()
                    .push(line.trim_end().into()),
            }
        }
        found.push(outcome);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{outcomes, step, text};

    #[test]
    fn lock_matrix_specs_name_each_step_once() {
        let (begin, lock, end) = (
            step('a', "begin", "BEGIN"),
            step('a', "1", "SELECT 1"),
            step('b', "2", "SELECT 2"),
        );
        let permutations = [vec![begin.clone(), lock], vec![begin, end]];
        assert_eq!(
            text(permutations.iter().map(Vec::as_slice)),
            "session a\nstep a1 { SELECT 1; }\nstep abegin { BEGIN; }\nsession b\nstep b2 { SELECT 2; }\n\
             permutation abegin a1\npermutation abegin b2\n"
        );
    }

    #[test]
    #[should_panic(expected = "two steps have the name a1")]
    fn lock_matrix_specs_have_no_two_steps_of_a_name() {
        let permutation = [step('a', "1", "SELECT 1"), step('a', "1", "SELECT 2")];
        text([permutation.as_slice()].into_iter());
    }

    #[test]
    fn lock_matrix_outcomes_tell_who_waited_and_what_was_printed() {
        let printed = "Parsed test spec with 2 sessions\n\nstarting permutation: abegin b1 acommit b2\n\
            step abegin: BEGIN;\nstep b1: UPDATE t SET a = 'x: y'; <waiting ...>\nstep acommit: COMMIT;\n\
            step b1: <... completed>\nid\n--\n 1\n(1 row)\n\nstep b2: SELECT 1/0;\nERROR:  division by zero\n\n\
            starting permutation: b2\nstep b2: SELECT 1/0;\n";
        let [one, two] = outcomes(printed).try_into().expect("two permutations");
        assert_eq!(one.steps, "abegin b1 acommit b2");
        assert_eq!(one.waited.iter().collect::<Vec<_>>(), ["b1"]);
        assert_eq!(one.of("b1"), ["id", "--", " 1", "(1 row)"]);
        assert_eq!(one.of("b2"), ["ERROR:  division by zero"]);
        assert_eq!((two.of("b2").len(), one.of("acommit").len()), (0, 0));
        assert!(two.waited.is_empty());
    }
}
