//! The page, as blocks with names. A block opens with its language and `run:` or `save:` and its name.

use std::fs;
use std::path::Path;

/// What is to be done with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Commands of a shell.
    Shell,
    /// Statements for psql.
    Sql,
    /// A program to be saved under the block's name.
    Program,
}

/// A block between fences.
pub struct Block {
    pub name: String,
    pub what: Use,
    pub text: String,
}

pub struct Page {
    blocks: Vec<Block>,
}

impl Page {
    /// Reads it; panics where a block has no name or that of another one.
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/backup-and-restore.md");
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(info), None) => {
                    let block = opened(info);
                    let twice = blocks.iter().any(|known| known.name == block.name);
                    assert!(!twice, "the page has two blocks {}", block.name);
                    open = Some(block);
                }
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "the last block of the page has no end");
        Self { blocks }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().map(|block| block.name.as_str())
    }

    /// The block of this name.
    #[track_caller]
    pub fn block(&self, name: &str) -> &Block {
        let found = self.blocks.iter().find(|block| block.name == name);
        found.unwrap_or_else(|| panic!("the page has no block {name}"))
    }
}

/// What the line says that opens a block.
fn opened(info: &str) -> Block {
    let parts = info
        .split_once(' ')
        .and_then(|(language, rest)| Some((language, rest.split_once(':')?)));
    let (what, name) = match parts {
        Some(("sh", ("run", name))) => (Use::Shell, name),
        Some(("sql", ("run", name))) => (Use::Sql, name),
        Some(("sh", ("save", name))) => (Use::Program, name),
        _ => panic!("a block of the page opens with {info:?}, so that no test can run it"),
    };
    Block {
        name: name.to_owned(),
        what,
        text: String::new(),
    }
}

#[test]
fn blocks_are_found_by_their_names() {
    let page =
        Page::parse("text\n```sh run:one\na\nb\n```\n```sql run:two\nSELECT 1;\n```\n```sh save:three\n#!x\n```\n");
    assert_eq!(page.names().collect::<Vec<_>>(), ["one", "two", "three"]);
    let one = page.block("one");
    assert_eq!((one.what, one.text.as_str()), (Use::Shell, "a\nb\n"));
    assert_eq!(page.block("two").what, Use::Sql);
    assert_eq!(page.block("three").what, Use::Program);
}
