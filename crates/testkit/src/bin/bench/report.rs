//! What was measured, as tables of the page about performance: printed, and written between its markers where that is
//! wanted.

use std::path::PathBuf;

/// One table: a line of heads, and of each statement.
pub struct Table {
    /// Its markers in the page have this name.
    pub name: &'static str,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(name: &'static str, head: &[&str]) -> Self {
        Self {
            name,
            head: head.iter().map(|text| (*text).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let below = format!("|{}\n", "---|".repeat(self.head.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.head) + &below + &rows
    }

    /// Prints it, and writes it into the page where `is_written`.
    pub fn show(&self, is_written: bool) {
        let text = self.markdown();
        println!("{text}");
        if is_written {
            let path = page();
            let there = std::fs::read_to_string(&path).expect("the page about performance can be read");
            let page = between(&there, self.name, &text).expect("the page has the markers of the table");
            std::fs::write(&path, page).expect("the page can be written");
        }
    }
}

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md")
}

/// The page with a text between the markers of a name; `None` where it has none.
fn between(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- measured: {name} -->\n"), format!("<!-- end: {name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

/// A number with as many digits as say something: three.
pub fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        small if small < 1.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let mut table = Table::new("cold", &["query", "heap"]);
        table.rows.push(vec!["`count(*)`".into(), digits(187.4)]);
        let page = "prose\n<!-- measured: cold -->\nold\n<!-- end: cold -->\nmore\n";
        let new = between(page, table.name, &table.markdown()).expect("markers");
        let expected = "| query | heap |\n|---|---|\n| `count(*)` | 187 |\n";
        assert_eq!(
            new,
            format!("prose\n<!-- measured: cold -->\n{expected}<!-- end: cold -->\nmore\n")
        );
        assert_eq!(between(&new, table.name, &table.markdown()), Some(new.clone()));
        assert_eq!(between(page, "hot", "text"), None);
    }
}
