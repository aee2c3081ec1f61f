//! A history as steps. Its file is SQL with these lines between the statements:
//!
//! | line | what it says |
//! |---|---|
//! | `--: release NAME` | the migrations of a release follow |
//! | `--: code` | what the application does after its migrations follows |
//! | `--: stretch TABLE where FILTER` | an administrator stretches the table here |
//! | `--: anew` | the next statement makes all rows anew, so that it needs `stretch.rewrite` |
//! | `--: home TABLE` | the next statement is refused until the table's rows are home |
//! | `--: fails CODE` | the next statement fails with this SQLSTATE on both sides |
//! | `--: batches of N to M` | the next statement runs for `{from}` and `{to}` of each batch of numbers 1 to M |
//! | `--: repeat` | the next statement runs until it changes no row |

#[derive(Debug)]
pub enum Step {
    Release(String),
    Code,
    Stretch { table: String, filter: String },
    Statement(Statement),
}

#[derive(Debug, Default)]
pub struct Statement {
    pub text: String,
    pub runs: Runs,
    pub expected: Expected,
}

/// How often a statement runs.
#[derive(Debug, Default)]
pub enum Runs {
    #[default]
    Once,
    Batches {
        size: i64,
        last: i64,
    },
    UntilDone,
}

/// What a statement needs, or comes to.
#[derive(Debug, Default)]
pub enum Expected {
    #[default]
    Works,
    Anew,
    Home(String),
    Fails(String),
}

impl Statement {
    /// What it runs, one after the other; the one of `UntilDone` is repeated by whoever runs it.
    pub fn texts(&self) -> Vec<String> {
        let Runs::Batches { size, last } = self.runs else {
            return vec![self.text.clone()];
        };
        let batch = |from: i64| {
            let to = from + size - 1;
            self.text
                .replace("{from}", &from.to_string())
                .replace("{to}", &to.to_string())
        };
        (1..=last).step_by(size as usize).map(batch).collect()
    }

    /// The first word, which says what kind of statement it is.
    pub fn verb(&self) -> String {
        self.text.split_whitespace().next().unwrap_or_default().to_uppercase()
    }
}

/// The steps of a file.
pub fn steps(file: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut next = Statement::default();
    for line in file.lines() {
        if let Some(said) = line.strip_prefix("--: ") {
            assert!(next.text.is_empty(), "a line within a statement: {line}");
            steps.extend(directive(said, &mut next));
        } else if !line.trim().is_empty() && !line.starts_with("--") {
            next.text.push_str(line);
            next.text.push('\n');
            if line.ends_with(';') && next.text.matches("$$").count() % 2 == 0 {
                next.text.truncate(next.text.trim_end().len() - 1);
                steps.push(Step::Statement(std::mem::take(&mut next)));
            }
        }
    }
    assert!(next.text.is_empty(), "a statement without an end: {}", next.text);
    steps
}

/// A line that is a step, or that says something of the next statement.
fn directive(said: &str, next: &mut Statement) -> Option<Step> {
    let (word, rest) = said.split_once(' ').unwrap_or((said, ""));
    let rest = rest.to_owned();
    match word {
        "release" => return Some(Step::Release(rest)),
        "code" => return Some(Step::Code),
        "stretch" => {
            let (table, filter) = rest.split_once(" where ").expect("stretch TABLE where FILTER");
            let (table, filter) = (table.to_owned(), filter.to_owned());
            return Some(Step::Stretch { table, filter });
        }
        "anew" => next.expected = Expected::Anew,
        "home" => next.expected = Expected::Home(rest),
        "fails" => next.expected = Expected::Fails(rest),
        "batches" => {
            let numbers = rest.strip_prefix("of ").and_then(|rest| rest.split_once(" to "));
            let (size, last) = numbers.expect("batches of N to M");
            let [size, last] = [size, last].map(|text| text.parse().expect("a number"));
            next.runs = Runs::Batches { size, last };
        }
        "repeat" => next.runs = Runs::UntilDone,
        _ => panic!("what does this line say: {said}"),
    }
    None
}
