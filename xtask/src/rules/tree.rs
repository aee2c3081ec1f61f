//! The text files of the repository, read once for all rules.

use crate::sh;
use std::process::Command;

/// A text file; its path is relative to the top and has slashes.
pub struct Text {
    pub path: String,
    pub text: String,
}

/// All text files that are in the repository or would be added to it.
pub struct Tree {
    pub files: Vec<Text>,
    /// Paths of all files, also of those that are no text.
    names: Vec<String>,
}

impl Tree {
    /// Reads what git lists; ignored files are nobody's.
    pub fn read() -> Result<Self, String> {
        let mut list = Command::new("git");
        list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        let list = sh::output(list.current_dir(sh::root()))?;
        let mut tree = Self {
            files: Vec::new(),
            names: Vec::new(),
        };
        for name in list.lines() {
            // A file that was deleted and is not committed yet is listed, and is not there.
            let Ok(bytes) = std::fs::read(sh::root().join(name)) else {
                continue;
            };
            tree.add(name, bytes);
        }
        Ok(tree)
    }

    fn add(&mut self, name: &str, bytes: Vec<u8>) {
        self.names.push(name.to_owned());
        if let Ok(text) = String::from_utf8(bytes)
            && !text.contains('\0')
        {
            self.files.push(Text {
                path: name.to_owned(),
                text,
            });
        }
    }

    /// A tree of made-up files.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self {
            files: Vec::new(),
            names: Vec::new(),
        };
        for (path, text) in files {
            tree.add(path, text.as_bytes().to_vec());
        }
        tree
    }

    /// The Rust sources.
    pub fn rust(&self) -> impl Iterator<Item = &Text> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    /// Paths of all files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

/// Whether a path lies in a folder; `folder` has no slash at its end.
pub fn is_under(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
