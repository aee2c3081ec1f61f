//! Walking over tokens: looking, taking, and saying what was expected.

use crate::error::{Error, Kind, number};
use crate::lexer::{Token, TokenKind};
use crate::names::{Name, ObjectName, Secret};
use crate::position::Position;
use crate::values::Type;

/// Words that begin a statement or belong to its grammar: never a value without quotes.
pub(crate) const RESERVED: [&str; 43] = [
    "ADD",
    "ALTER",
    "AND",
    "AS",
    "BEGIN",
    "BETWEEN",
    "BY",
    "COMMIT",
    "CREATE",
    "DATABASE",
    "DECLARE",
    "DEFAULT",
    "DELETE",
    "DROP",
    "END",
    "EXEC",
    "EXECUTE",
    "FROM",
    "FUNCTION",
    "IF",
    "IN",
    "INSERT",
    "INTO",
    "IS",
    "KEY",
    "NOT",
    "NULL",
    "OFF",
    "ON",
    "OPEN",
    "OR",
    "PRINT",
    "RECONFIGURE",
    "RETURN",
    "SELECT",
    "SET",
    "TABLE",
    "TRANSACTION",
    "UPDATE",
    "USE",
    "WHERE",
    "WHILE",
    "WITH",
];

/// A place between tokens, and the variables that are declared so far.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    tokens: &'a [Token],
    next: usize,
    /// Declared variables, in lower case, with their types.
    pub variables: Vec<(String, Type)>,
}

/// What the cursor gives behind the last token.
static END: Token = Token {
    kind: TokenKind::End,
    at: Position::START,
    end: 0,
};

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str, tokens: &'a [Token]) -> Self {
        Self {
            text,
            tokens,
            next: 0,
            variables: Vec::new(),
        }
    }

    fn token(&self) -> &'a Token {
        self.tokens.get(self.next).or(self.tokens.last()).unwrap_or(&END)
    }

    /// The token behind the next one.
    pub fn second(&self) -> Option<&'a TokenKind> {
        self.tokens.get(self.next + 1).map(|token| &token.kind)
    }

    pub fn kind(&self) -> &'a TokenKind {
        &self.token().kind
    }

    pub fn at(&self) -> Position {
        self.token().at
    }

    pub fn at_end(&self) -> bool {
        *self.kind() == TokenKind::End
    }

    pub fn advance(&mut self) {
        if !self.at_end() {
            self.next += 1;
        }
    }

    /// The text from `from` to the end of the token taken last.
    pub fn text_since(&self, from: Position) -> &'a str {
        let end = self
            .next
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(0, |token| token.end);
        self.text.get(from.offset..end).unwrap_or_default()
    }

    /// The next token when it is a word without quotes.
    pub fn word(&self) -> Option<&'a str> {
        match self.kind() {
            TokenKind::Word { text, quoted: false } => Some(text),
            _ => None,
        }
    }

    pub fn is_word(&self, word: &str) -> bool {
        self.word().is_some_and(|w| w.eq_ignore_ascii_case(word))
    }

    pub fn take_word(&mut self, word: &str) -> bool {
        let taken = self.is_word(word);
        if taken {
            self.advance();
        }
        taken
    }

    /// Takes all of the words or none.
    pub fn take_words(&mut self, words: &[&str]) -> bool {
        let before = self.next;
        for word in words {
            if !self.take_word(word) {
                self.next = before;
                return false;
            }
        }
        true
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.kind(), TokenKind::Symbol(s) if *s == symbol)
    }

    pub fn take_symbol(&mut self, symbol: &str) -> bool {
        let taken = self.is_symbol(symbol);
        if taken {
            self.advance();
        }
        taken
    }

    pub fn expect_word(&mut self, word: &str) -> Result<(), Error> {
        if self.take_word(word) {
            Ok(())
        } else {
            Err(self.expected(word))
        }
    }

    pub fn expect_words(&mut self, words: &[&str]) -> Result<(), Error> {
        words.iter().try_for_each(|word| self.expect_word(word))
    }

    pub fn expect_symbol(&mut self, symbol: &str) -> Result<(), Error> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.expected(symbol))
        }
    }

    /// `= '…'`
    pub fn assigned_text(&mut self) -> Result<String, Error> {
        self.expect_symbol("=")?;
        match self.kind() {
            TokenKind::Text(text) => {
                if text.contains('\0') {
                    return Err(Error::syntax(self.at(), "a string literal holds a zero byte"));
                }
                self.advance();
                Ok(text.clone())
            }
            _ => Err(self
                .expected("a string literal")
                .supported("Write it in single quotes: '…' or N'…'.")),
        }
    }

    /// `= '…'`, not to be shown.
    pub fn assigned_secret(&mut self) -> Result<Secret, Error> {
        self.assigned_text().map(Secret)
    }

    /// A name of one part.
    pub fn name(&mut self, what: &str) -> Result<Name, Error> {
        match self.kind() {
            TokenKind::Word { text, quoted } if *quoted || !is_reserved(text) => {
                let name = Name {
                    text: text.clone(),
                    quoted: *quoted,
                    at: self.at(),
                };
                self.advance();
                Ok(name)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A name of up to `parts` parts.
    pub fn object_name(&mut self, what: &str, parts: usize) -> Result<ObjectName, Error> {
        let at = self.at();
        let mut names = vec![Some(self.name(what)?)];
        while self.take_symbol(".") {
            // database..object leaves the schema out
            if self.is_symbol(".") && names.len() == 1 {
                names.push(None);
            } else {
                names.push(Some(self.name(what)?));
            }
            if names.len() > parts {
                return Err(Error::syntax(at, format!("{what} has more than {parts} parts")));
            }
        }
        let object = names.pop().flatten().ok_or_else(|| self.expected(what))?;
        let schema = names.pop().flatten();
        let database = names.pop().flatten();
        Ok(ObjectName {
            database,
            schema,
            object,
        })
    }

    /// The type of a declared variable.
    pub fn declared(&self, variable: &str, at: Position) -> Result<(String, Type), Error> {
        let name = variable.to_lowercase();
        let found = self.variables.iter().find(|known| known.0 == name);
        found.cloned().ok_or_else(|| {
            Error::new(Kind::Name, number::NOT_DECLARED, at, "the variable is not declared")
                .supported("Declare it before, in the same block: DECLARE @name type.")
        })
    }

    /// What the next token is, without any text of the batch that could be a secret.
    pub fn found(&self) -> String {
        match self.kind() {
            TokenKind::Word { text, quoted: false } if is_reserved(text) => text.to_uppercase(),
            TokenKind::Word { .. } => "a name".into(),
            TokenKind::Variable(_) => "a variable".into(),
            TokenKind::Text(_) => "a string literal".into(),
            TokenKind::Number(_) => "a number".into(),
            TokenKind::Symbol(symbol) => (*symbol).into(),
            TokenKind::End => "the end of the text".into(),
        }
    }

    /// 102: something else was expected here.
    pub fn expected(&self, what: &str) -> Error {
        Error::syntax(self.at(), format!("expected {what}, found {}", self.found()))
    }
}

pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}
