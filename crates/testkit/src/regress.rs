//! PostgreSQL's own regression suite, run by its own driver against a private server.
//!
//! `cargo xtask prepare` brings the suite. Whoever asks what a library changes by being there compares two servers, and
//! not what the suite expects: this build of the server may not be a good one. [`Regress::session`] runs a file piece
//! by piece instead, and [`Regress::expected`] is what it should print.

use crate::cluster::Cluster;
use crate::psql::Psql;
use crate::tree::{Tree, build_dir};
use crate::{os, run_dir, timing};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The suite, laid out for this process.
pub struct Regress {
    input: PathBuf,
    /// Tests that run at the same time, in order: the suite's own schedule.
    schedule: Vec<Vec<String>>,
}

/// What each file of a run printed, by the file's name.
pub type Printed = BTreeMap<String, String>;

impl Regress {
    /// The suite, made at the first call: readable by the server's user, its functions in C compiled.
    pub fn get() -> &'static Regress {
        static REGRESS: OnceLock<Regress> = OnceLock::new();
        REGRESS.get_or_init(Regress::make)
    }

    fn make() -> Regress {
        timing::start();
        let source = build_dir().with_file_name("postgresql-regress");
        assert!(
            source.join("prepared").exists(),
            "{} is missing; run `cargo xtask prepare`",
            source.display()
        );
        let input = run_dir::fresh("regress");
        for folder in ["sql", "expected", "data"] {
            copy_all(&source.join(folder), &input.join(folder));
        }
        let headers = os::run_ok(Command::new(Tree::get().bin("pg_config")).arg("--includedir-server"));
        os::run_ok(
            Command::new("cc")
                .args(["-O1", "-fPIC", "-shared", "-w", "-o"])
                .arg(Tree::get().lib.join("regress.so"))
                .arg(format!("-I{}", system_path(headers.trim())))
                .arg(source.join("regress.c")),
        );
        let schedule = fs::read_to_string(source.join("parallel_schedule")).expect("the suite has a schedule");
        let groups = schedule.lines().filter_map(|line| line.strip_prefix("test:"));
        Regress {
            input,
            schedule: groups
                .map(|group| group.split_whitespace().map(str::to_owned).collect())
                .collect(),
        }
    }

    /// Every file of the suite, in the groups of its schedule.
    pub fn schedule(&self) -> &[Vec<String>] {
        &self.schedule
    }

    /// The script of a file.
    pub fn script(&self, name: &str) -> String {
        read(&self.input.join("sql").join(format!("{name}.sql")))
    }

    /// What a file is to print: one text, or several of which one is right.
    pub fn expected(&self, name: &str) -> Vec<String> {
        let path = |variant: &str| self.input.join("expected").join(format!("{name}{variant}.out"));
        let variants = (0..10).map(|number| match number {
            0 => path(""),
            _ => path(&format!("_{number}")),
        });
        variants.filter(|path| path.exists()).map(|path| read(&path)).collect()
    }

    /// The version of the package that the suite is of.
    pub fn version(&self) -> String {
        read(&build_dir().with_file_name("postgresql-regress").join("prepared"))
    }

    /// A psql in database `regression`, as the driver would start it for a file. `output` is a folder for what the
    /// files write, the same for all of them.
    pub fn session(&self, cluster: &Cluster, output: &Path, name: &str) -> Psql {
        os::make_dir(&output.join("results"));
        let (input, output) = (self.input.to_string_lossy(), output.to_string_lossy());
        let library = Tree::get().lib.to_string_lossy();
        let environment = [
            ("PGAPPNAME", format!("pg_regress/{name}")),
            ("PG_ABS_SRCDIR", input.into_owned()),
            ("PG_ABS_BUILDDIR", output.into_owned()),
            ("PG_LIBDIR", library.into_owned()),
            ("PG_DLSUFFIX", ".so".to_owned()),
            ("PGCLIENTENCODING", "UTF8".to_owned()),
            ("PGTZ", "America/Los_Angeles".to_owned()),
            ("PGDATESTYLE", "Postgres, MDY".to_owned()),
            ("PGOPTIONS", "-c intervalstyle=postgres_verbose".to_owned()),
        ];
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Psql::start(cluster, "regression", &environment)
    }

    /// Runs groups of files one after the other, in a database `regression` that is made anew. `options` are settings
    /// of each session, such as `-c debug_discard_caches=1`.
    pub fn run(&self, cluster: &Cluster, groups: &[Vec<String>], options: &str) -> Printed {
        make_database(cluster);
        let output = cluster.scratch("regress");
        for folder in ["sql", "expected"] {
            os::make_dir(&output.join(folder));
        }
        let schedule = output.join("schedule");
        let lines: Vec<String> = groups
            .iter()
            .map(|group| format!("test: {}\n", group.join(" ")))
            .collect();
        fs::write(&schedule, lines.concat()).expect("writable");
        let driver = Tree::get().lib.join("pgxs/src/test/regress/pg_regress");
        let ended = cluster
            .command_at(&driver)
            .env("PGOPTIONS", options)
            .arg(format!("--host={}", cluster.socket_dir().display()))
            .arg(format!("--bindir={}", Tree::get().bin("").display()))
            .arg(format!("--inputdir={}", self.input.display()))
            .arg(format!("--outputdir={}", output.display()))
            .arg(format!("--dlpath={}", Tree::get().lib.display()))
            .arg(format!("--schedule={}", schedule.display()))
            .args(["--use-existing", "--encoding=UTF8", "--no-locale", "--user=postgres"])
            .output()
            .expect("pg_regress comes with postgresql-server-dev");
        let printed = printed(&output.join("results"));
        let complaint = || {
            let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
            os::tail(&said, 40)
        };
        for name in groups.iter().flatten() {
            assert!(printed.contains_key(name), "{name} did not run:\n{}", complaint());
        }
        printed
    }
}

/// The database `regression` as the driver itself would make it for a server of its own.
pub fn make_database(cluster: &Cluster) {
    let db = cluster.connect("postgres");
    db.sql("DROP DATABASE IF EXISTS regression");
    db.sql("CREATE DATABASE regression TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
    for (setting, value) in [
        ("lc_messages", "C"),
        ("lc_monetary", "C"),
        ("lc_numeric", "C"),
        ("lc_time", "C"),
        ("bytea_output", "hex"),
        ("timezone_abbreviations", "Default"),
    ] {
        db.sql(&format!("ALTER DATABASE regression SET {setting} TO '{value}'"));
    }
}

/// `pg_config` of the private tree tells where headers would be in it; they are at the system's place.
fn system_path(private: &str) -> &str {
    private.find("/usr/").map_or(private, |at| &private[at..])
}

fn copy_all(from: &Path, to: &Path) {
    os::make_dir(to);
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file of the suite can be copied");
        }
    }
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn printed(results: &Path) -> Printed {
    let files = fs::read_dir(results).into_iter().flatten().flatten();
    files
        .map(|entry| {
            let text = fs::read(entry.path()).expect("readable");
            let name = entry.path().file_stem().expect("a name").to_string_lossy().into_owned();
            (name, String::from_utf8_lossy(&text).into_owned())
        })
        .collect()
}
