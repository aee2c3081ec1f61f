//! A script for psql in pieces between which something else may happen: each ends at a line where psql waits for
//! nothing.
//!
//! Strings, dollar quotes, comments, parentheses, bodies of SQL functions, backslash commands and the data of a COPY
//! are told apart as psql does it. Where that cannot be known without running the script, a piece grows rather than
//! ends too early.

mod scan;
#[cfg(test)]
mod tests;

use scan::{Event, Scanner};

/// Some lines of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Number of its first line, from 1.
    pub line: usize,
    /// The lines, each with its end.
    pub text: String,
    /// Texts of the statements in it, without comments and without what stands before them.
    pub statements: Vec<String>,
    /// The first lines as psql repeats them before it prints anything else: up to the first statement or command that
    /// it runs, without the empty lines that it leaves out.
    pub heading: String,
}

/// Lines of a script with what has been found in them.
#[derive(Default)]
struct Draft {
    text: String,
    statements: Vec<String>,
    heading: String,
    /// The heading is complete.
    ran: bool,
}

impl Draft {
    fn add(&mut self, line: &str, shown: bool) {
        self.text.push_str(line);
        if shown && !self.ran {
            self.heading.push_str(line.trim_end_matches('\n'));
            self.heading.push('\n');
        }
    }
}

/// The whole script, nothing left out.
pub fn pieces(script: &str) -> Vec<Piece> {
    let lines: Vec<&str> = script.split_inclusive('\n').collect();
    let mut scanner = Scanner::default();
    let mut draft = Draft::default();
    let mut out = Vec::new();
    let mut nested = 0_usize;
    let mut silent = false;
    let mut at = 0;
    while at < lines.len() {
        draft.add(lines[at], lines[at] != "\n" || scanner.is_inside());
        let mut data = 0;
        for event in scanner.line(lines[at].trim_end_matches('\n')) {
            draft.ran = true;
            match event {
                Event::Statement(text) => {
                    scanner.obey(&text);
                    data += reads_data(&text);
                    draft.statements.push(text);
                }
                Event::Command { name, rest } => match name.as_str() {
                    "if" => nested += 1,
                    "endif" => nested = nested.saturating_sub(1),
                    "set" | "unset" if word(&rest, 0) == "ECHO" => silent = word(&rest, 1) != "all",
                    "copy" => data += reads_data(&format!("copy {rest}")),
                    _ => {}
                },
            }
        }
        at += 1;
        for _ in 0..data {
            for line in &lines[at..at + data_lines(&lines[at..])] {
                draft.add(line, false);
                at += 1;
            }
        }
        if scanner.waits_for_nothing() && nested == 0 && !silent {
            finish(&mut draft, &mut out);
        }
    }
    if !draft.text.is_empty() {
        draft.ran = true;
        finish(&mut draft, &mut out);
    }
    out
}

/// Ends a piece. Comments and empty lines alone are none: they begin the next one, or stand at the end of the script.
fn finish(draft: &mut Draft, out: &mut Vec<Piece>) {
    if !draft.ran {
        return;
    }
    let done = std::mem::take(draft);
    let line = out
        .last()
        .map_or(1, |piece: &Piece| piece.line + piece.text.lines().count());
    out.push(Piece {
        line,
        heading: done.heading,
        text: done.text,
        statements: done.statements,
    });
}

fn word(text: &str, number: usize) -> &str {
    text.split_whitespace().nth(number).unwrap_or_default()
}

/// How many times data that follows in the script is read: by each COPY in statements that are sent together.
fn reads_data(statements: &str) -> usize {
    statements.to_lowercase().split(';').filter(|one| is_copy(one)).count()
}

fn is_copy(statement: &str) -> bool {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let from_script = |pair: &[&str]| pair[0] == "from" && ["stdin", "pstdin", "stdout", "pstdout"].contains(&pair[1]);
    // A query cannot be copied into.
    let into_table = words.first() == Some(&"copy") && !words.get(1).is_some_and(|word| word.starts_with('('));
    into_table && words.windows(2).any(from_script)
}

/// How many lines are data of the next COPY. None where another COPY comes before an end of data: the first one is
/// meant to fail, and has none.
fn data_lines(rest: &[&str]) -> usize {
    let is_end = |line: &&str| line.trim_end_matches('\n') == "\\.";
    let end = rest.iter().position(is_end);
    let next = rest
        .iter()
        .position(|line| reads_data(line.trim_start_matches('\\')) > 0);
    match (end, next) {
        (Some(end), Some(next)) if next < end => 0,
        (Some(end), _) => end + 1,
        (None, _) => 0,
    }
}
