//! A private copy of the PostgreSQL installation, so that tests never touch the system's.
//!
//! The programs are copied, since a server finds its files relative to its own real path; the
//! rest is links under the same layout. The two folders that get our files are real folders.

use crate::{os, run_dir};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PG_CONFIG: &str = "/usr/lib/postgresql/15/bin/pg_config";

/// Where the private installation keeps its things.
pub struct Tree {
    bin: PathBuf,
    /// PKGLIBDIR: the extension's library is here.
    pub lib: PathBuf,
    /// SHAREDIR: `extension` is below it.
    pub share: PathBuf,
}

impl Tree {
    /// The private installation of this process, made at the first call.
    pub fn get() -> &'static Tree {
        static TREE: OnceLock<Tree> = OnceLock::new();
        TREE.get_or_init(Tree::make)
    }

    /// The path of a program, such as `pg_dump`.
    pub fn bin(&self, program: &str) -> PathBuf {
        self.bin.join(program)
    }

    fn make() -> Tree {
        let root = run_dir::path().join("tree");
        let system = |what: &str| PathBuf::from(os::run_ok(Command::new(PG_CONFIG).arg(what)).trim());
        let private = |path: &Path| root.join(path.strip_prefix("/").expect("an absolute path"));

        let (system_bin, system_lib, system_share) = (system("--bindir"), system("--pkglibdir"), system("--sharedir"));
        let bin = private(&system_bin);
        fs::create_dir_all(&bin).expect("the folder can be made");
        for entry in fs::read_dir(&system_bin).expect("readable").flatten() {
            fs::copy(entry.path(), bin.join(entry.file_name())).expect("programs can be copied");
        }
        let (lib, share) = (private(&system_lib), private(&system_share));
        link_all(&system_lib, &lib);
        link_all(&system_share, &share);
        let extension = share.join("extension");
        fs::remove_file(&extension).expect("it is a link");
        link_all(&system_share.join("extension"), &extension);

        let tree = Tree { bin, lib, share };
        tree.put_extension();
        tree
    }

    /// Our files, from the sources and from where cargo put the library.
    fn put_extension(&self) {
        let library = build_dir().join("libpg_stretch.so");
        assert!(
            library.exists(),
            "{} is not built; run `cargo xtask build`, or test through `cargo xtask test`",
            library.display()
        );
        put(&library, &self.lib.join("pg_stretch.so"));
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pg_stretch");
        for (dir, ending) in [(sources.clone(), "control"), (sources.join("sql"), "sql")] {
            for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|e| e == ending) {
                    put(&path, &self.share.join("extension").join(entry.file_name()));
                }
            }
        }
    }
}

/// `target/debug`, whether we are a test in `deps` or a program beside it.
pub fn build_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("the running program has a path");
    let dir = exe.parent().expect("in a folder");
    if dir.ends_with("deps") {
        dir.parent().expect("in another").to_path_buf()
    } else {
        dir.to_path_buf()
    }
}

/// Replaces a link of the farm too: the file itself is never written through it.
fn put(from: &Path, to: &Path) {
    fs::remove_file(to).ok();
    fs::copy(from, to).unwrap_or_else(|e| panic!("cannot put {}: {e}", to.display()));
}

fn link_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        symlink(entry.path(), to.join(entry.file_name())).expect("links can be made");
    }
}
