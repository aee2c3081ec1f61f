//! Reads lines as psql does: where a statement ends, and which backslash commands there are.

/// What a line brings about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// psql sends a statement.
    Statement(String),
    /// Any other backslash command.
    Command { name: String, rest: String },
}

/// What the next character belongs to.
#[derive(Default, Clone, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    Text {
        escapes: bool,
    },
    Name,
    Comment {
        depth: usize,
    },
    Dollars(String),
}

/// What is known at the end of a line.
pub struct Scanner {
    inside: Inside,
    /// The statement so far.
    buffer: String,
    parentheses: usize,
    /// The first words of the statement, which say whether it has a body between BEGIN and END.
    words: Vec<String>,
    bodies: usize,
    /// `standard_conforming_strings`.
    plain_backslashes: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        Scanner {
            inside: Inside::Nothing,
            buffer: String::new(),
            parentheses: 0,
            words: Vec::new(),
            bodies: 0,
            plain_backslashes: true,
        }
    }
}

/// Commands that send what was typed so far.
const SENDING: [&str; 7] = ["g", "gx", "gset", "gexec", "gdesc", "crosstabview", "watch"];
/// Commands to which the rest of the line belongs, whatever is in it.
const WHOLE_LINE: [&str; 3] = ["!", "copy", "ef"];

impl Scanner {
    /// True where a line is finished and psql would begin with another statement.
    pub fn waits_for_nothing(&self) -> bool {
        self.inside == Inside::Nothing && self.buffer.is_empty()
    }

    /// True where the next line begins in a string or a comment.
    pub fn is_inside(&self) -> bool {
        self.inside != Inside::Nothing
    }

    /// Follows a setting that changes how strings are read.
    pub fn obey(&mut self, statement: &str) {
        let lower = statement.to_lowercase();
        if lower.contains("standard_conforming_strings") && (lower.starts_with("set") || lower.starts_with("reset")) {
            self.plain_backslashes = !lower.trim_end_matches(';').trim_end().ends_with("off");
        }
    }

    /// One line without its end.
    pub fn line(&mut self, line: &str) -> Vec<Event> {
        let all: Vec<char> = line.chars().collect();
        let mut events = Vec::new();
        let mut at = 0;
        while at < all.len() {
            at = self.step(&all, at, &mut events);
        }
        if !self.buffer.is_empty() || matches!(self.inside, Inside::Text { .. } | Inside::Name | Inside::Dollars(_)) {
            self.buffer.push('\n');
        }
        events
    }

    /// Takes at least one character; where to go on.
    fn step(&mut self, all: &[char], at: usize, events: &mut Vec<Event>) -> usize {
        let (one, two) = (all[at], all.get(at + 1).copied());
        match self.inside.clone() {
            Inside::Nothing => return self.outside(all, at, events),
            Inside::Text { escapes } => {
                if escapes && one == '\\' && two.is_some() {
                    return self.take(all, at, 2);
                }
                if one == '\'' {
                    self.inside = Inside::Nothing;
                }
            }
            Inside::Name if one == '"' => self.inside = Inside::Nothing,
            Inside::Name => {}
            Inside::Comment { depth } => {
                match (one, two) {
                    ('/', Some('*')) => self.inside = Inside::Comment { depth: depth + 1 },
                    ('*', Some('/')) if depth == 1 => self.inside = Inside::Nothing,
                    ('*', Some('/')) => self.inside = Inside::Comment { depth: depth - 1 },
                    _ => return at + 1,
                }
                return at + 2;
            }
            Inside::Dollars(tag) => {
                if starts(all, at, &tag) {
                    self.inside = Inside::Nothing;
                    return self.take(all, at, tag.chars().count());
                }
            }
        }
        self.take(all, at, 1)
    }

    fn outside(&mut self, all: &[char], at: usize, events: &mut Vec<Event>) -> usize {
        let (one, two) = (all[at], all.get(at + 1).copied());
        match (one, two) {
            ('-', Some('-')) => return all.len(),
            ('/', Some('*')) => {
                self.inside = Inside::Comment { depth: 1 };
                return at + 2;
            }
            ('\\', _) => return self.backslash(all, at + 1, events),
            ('\'', _) => {
                self.inside = Inside::Text {
                    escapes: !self.plain_backslashes,
                };
            }
            ('"', _) => self.inside = Inside::Name,
            ('(', _) => self.parentheses += 1,
            (')', _) => self.parentheses = self.parentheses.saturating_sub(1),
            (';', _) if self.parentheses == 0 && self.bodies == 0 => {
                self.buffer.push(';');
                self.send(events);
                return at + 1;
            }
            ('$', _) => {
                if let Some(tag) = dollar_tag(&all[at..]) {
                    let length = tag.chars().count();
                    self.inside = Inside::Dollars(tag);
                    return self.take(all, at, length);
                }
            }
            (letter, _) if begins_word(letter) => return self.word(all, at),
            (digit, _) if digit.is_ascii_digit() => {
                let length = all[at..].iter().take_while(|c| c.is_alphanumeric()).count();
                return self.take(all, at, length);
            }
            (space, _) if space.is_whitespace() && self.buffer.is_empty() => return at + 1,
            _ => {}
        }
        self.take(all, at, 1)
    }

    fn take(&mut self, all: &[char], at: usize, length: usize) -> usize {
        let end = (at + length).min(all.len());
        self.buffer.extend(&all[at..end]);
        end
    }

    /// A word, or the letter before a string of another kind.
    fn word(&mut self, all: &[char], at: usize) -> usize {
        let length = all[at..].iter().take_while(|c| continues_word(**c)).count();
        let text: String = all[at..at + length].iter().collect::<String>().to_lowercase();
        if text == "e" && all.get(at + 1) == Some(&'\'') {
            self.inside = Inside::Text { escapes: true };
            return self.take(all, at, 2);
        }
        // In these a backslash never hides the quote, whatever the setting says.
        if text == "u" && starts(all, at + 1, "&'") {
            self.inside = Inside::Text { escapes: false };
            return self.take(all, at, 3);
        }
        if self.words.len() < 4 {
            self.words.push(text.clone());
        }
        if self.has_body() && self.parentheses == 0 {
            match text.as_str() {
                "begin" => self.bodies += 1,
                "case" if self.bodies > 0 => self.bodies += 1,
                "end" => self.bodies = self.bodies.saturating_sub(1),
                _ => {}
            }
        }
        self.take(all, at, length)
    }

    /// CREATE [OR REPLACE] FUNCTION or PROCEDURE: between BEGIN and END a semicolon ends nothing.
    fn has_body(&self) -> bool {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        matches!(
            words[..],
            ["create", "function" | "procedure", ..] | ["create", "or", "replace", "function" | "procedure", ..]
        )
    }

    fn backslash(&mut self, all: &[char], at: usize, events: &mut Vec<Event>) -> usize {
        let mut length = all[at..].iter().take_while(|c| is_of_command(**c)).count();
        if length == 0 {
            // `\;` and `\:` belong to the statement, and `\\` separates commands.
            match all.get(at) {
                Some('\\') => return at + 1,
                Some(c) => self.buffer.push(*c),
                None => {}
            }
            return at + 1;
        }
        // `\!` needs no space behind it.
        if all[at] == '!' {
            length = 1;
        }
        let name: String = all[at..at + length].iter().collect();
        let begin = at + length;
        let end = match WHOLE_LINE.contains(&name.as_str()) {
            true => all.len(),
            false => begin + arguments(&all[begin..]),
        };
        let rest: String = all[begin..end].iter().collect();
        match name.as_str() {
            sending if SENDING.contains(&sending) => self.send(events),
            "r" | "reset" => self.forget(),
            _ => events.push(Event::Command {
                name,
                rest: rest.trim().to_owned(),
            }),
        }
        end
    }

    fn send(&mut self, events: &mut Vec<Event>) {
        events.push(Event::Statement(self.buffer.trim().to_owned()));
        self.forget();
    }

    fn forget(&mut self) {
        self.buffer.clear();
        self.words.clear();
        self.parentheses = 0;
        self.bodies = 0;
    }
}

/// How many characters belong to a command: up to the next backslash outside of quotes.
fn arguments(rest: &[char]) -> usize {
    let mut quote = None;
    for (at, one) in rest.iter().enumerate() {
        match (quote, one) {
            (None, '\\') => return at,
            (None, '\'' | '"' | '`') => quote = Some(*one),
            (Some(open), one) if open == *one => quote = None,
            _ => {}
        }
    }
    rest.len()
}

/// `$$` or `$tag$` at the beginning.
fn dollar_tag(all: &[char]) -> Option<String> {
    let length = all[1..]
        .iter()
        .take_while(|c| continues_word(**c) && **c != '$')
        .count();
    let closed = all.get(length + 1) == Some(&'$');
    let begins_well = length == 0 || begins_word(all[1]);
    (closed && begins_well).then(|| all[..length + 2].iter().collect())
}

fn starts(all: &[char], at: usize, text: &str) -> bool {
    text.chars().enumerate().all(|(i, c)| all.get(at + i) == Some(&c))
}

fn begins_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn is_of_command(c: char) -> bool {
    c.is_alphanumeric() || "_!?+".contains(c)
}
