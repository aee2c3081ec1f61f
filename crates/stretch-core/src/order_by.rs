//! The `order_by` of a table: a list of its columns with directions, as `ORDER BY` writes it.

/// A text that is no such list, from the place on where it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("order_by cannot be read at: {0}")]
pub struct Unreadable(pub String);

type Result<T> = std::result::Result<T, Unreadable>;

/// One sort column by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderItem {
    pub column: String,
    pub descending: bool,
    pub nulls_first: bool,
}

impl OrderItem {
    /// The item as it is parsed.
    pub fn quoted(&self) -> String {
        let name = self.column.replace('"', "\"\"");
        let direction = if self.descending { " DESC" } else { "" };
        let nulls = if self.nulls_first { "FIRST" } else { "LAST" };
        format!("\"{name}\"{direction} NULLS {nulls}")
    }
}

/// Parses `a, "B" DESC, c ASC NULLS FIRST`. Whether the columns exist is the caller's question.
pub fn parse(text: &str) -> Result<Vec<OrderItem>> {
    split(text)?.iter().map(|item| parse_item(item)).collect()
}

/// Splits at commas outside double quotes.
fn split(text: &str) -> Result<Vec<String>> {
    let mut items = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(item) = items.last_mut() {
            item.push(c);
        }
    }
    if quoted || items.iter().any(|item| item.trim().is_empty()) {
        return Err(Unreadable(text.into()));
    }
    Ok(items)
}

fn parse_item(item: &str) -> Result<OrderItem> {
    let item = item.trim();
    let (column, rest) = match item.strip_prefix('"') {
        Some(tail) => quoted_name(tail).ok_or_else(|| Unreadable(item.into()))?,
        None => {
            let end = item.find(char::is_whitespace).unwrap_or(item.len());
            (item[..end].to_lowercase(), item[end..].to_string())
        }
    };
    let words: Vec<String> = rest.split_whitespace().map(str::to_uppercase).collect();
    let mut words = words.iter().map(String::as_str).peekable();
    let descending = match words.peek() {
        Some(&"DESC") => words.next().is_some(),
        Some(&"ASC") => words.next().is_none(),
        _ => false,
    };
    let nulls_first = match (words.next(), words.next()) {
        (None, None) => descending,
        (Some("NULLS"), Some("FIRST")) => true,
        (Some("NULLS"), Some("LAST")) => false,
        _ => return Err(Unreadable(item.into())),
    };
    if column.is_empty() || words.next().is_some() {
        return Err(Unreadable(item.into()));
    }
    Ok(OrderItem {
        column,
        descending,
        nulls_first,
    })
}

/// A quoted name after its opening quote; doubled quotes stand for one.
fn quoted_name(tail: &str) -> Option<(String, String)> {
    let mut name = String::new();
    let mut chars = tail.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c != '"' {
            name.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
            chars.next();
            name.push('"');
        } else {
            return Some((name, tail[i + 1..].to_string()));
        }
    }
    None
}

#[cfg(test)]
mod tests;
