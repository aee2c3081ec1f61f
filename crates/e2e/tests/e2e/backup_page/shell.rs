//! Runs blocks of the page as the server's user, with nothing but variables set around them.

use super::page::{Page, Use};
use super::scene::DATABASE;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use testkit::tree::Tree;
use testkit::{Client, Cluster, os};

/// Port of the original; its name is that of a socket in the cluster's folder.
const PORT: u16 = 5432;

/// What a test runs the page's commands in.
pub struct Shell<'a> {
    cluster: &'a Cluster,
    page: Page,
    variables: RefCell<BTreeMap<&'static str, String>>,
    /// Where programs of the page are saved, and its commands as they are run.
    programs: PathBuf,
    scripts: PathBuf,
    steps: Cell<u32>,
    /// Data directories of servers that the page may have started.
    copies: RefCell<BTreeSet<PathBuf>>,
}

impl<'a> Shell<'a> {
    pub fn new(cluster: &'a Cluster) -> Self {
        let shell = Self {
            cluster,
            page: Page::read(),
            variables: RefCell::default(),
            programs: cluster.scratch("programs"),
            scripts: cluster.scratch("scripts"),
            steps: Cell::new(0),
            copies: RefCell::default(),
        };
        let here = cluster.socket_dir();
        let bin = Tree::get().bin("psql");
        let bin = bin.parent().expect("programs are in a folder");
        let path = format!("{}:{}:/usr/bin:/bin", shell.programs.display(), bin.display());
        shell.set("PATH", &path);
        shell.set("PGDATA", &text(&cluster.data()));
        shell.set("PGHOST", &text(here));
        shell.set("PGUSER", "postgres");
        shell.set("SERVERLOG", &text(&here.join("log")));
        for (variable, folder) in [
            ("BACKUPS", "backups"),
            ("ARCHIVE", "archived"),
            ("REPO", "repo"),
            ("BARMAN_HOME", "barman"),
        ] {
            shell.set(variable, &text(&cluster.scratch(folder)));
        }
        for (variable, file) in [
            ("PGBACKREST_CONFIG", "pgbackrest.conf"),
            ("BARMAN_CONFIG", "barman.conf"),
            ("OLD_BRANCHES", "old_branches"),
        ] {
            shell.set(variable, &text(&here.join(file)));
        }
        shell.set("MASTER_PASSWORD", "a password that only this page knows");
        shell.at_original();
        shell
    }

    /// Sets a variable from now on.
    pub fn set(&self, name: &'static str, value: &str) {
        self.variables.borrow_mut().insert(name, value.to_owned());
    }

    fn get(&self, name: &'static str) -> String {
        self.variables.borrow().get(name).cloned().expect("it is set")
    }

    /// What follows is for the original.
    pub fn at_original(&self) {
        self.set("PGPORT", &PORT.to_string());
        self.set("PGDATABASE", DATABASE);
    }

    /// What follows is for a database beside the original, in its server.
    pub fn at_database(&self, name: &str) {
        self.set("PGPORT", &PORT.to_string());
        self.set("PGDATABASE", name);
    }

    /// A place for a server beside the original; there may be several.
    pub fn place_for_copy(&self, number: u16) {
        let data = self.cluster.socket_dir().join(format!("copy{number}"));
        self.set("COPY", &text(&data));
        self.set("COPY_PORT", &(PORT + number).to_string());
        self.copies.borrow_mut().insert(data);
    }

    /// What follows is for the server there.
    pub fn at_copy(&self, number: u16) {
        self.place_for_copy(number);
        self.set("PGPORT", &self.get("COPY_PORT"));
        self.set("PGDATABASE", DATABASE);
    }

    /// Connects to what the commands are for.
    #[track_caller]
    pub fn connect(&self) -> Client {
        let database = self.get("PGDATABASE");
        let mut config = self.cluster.config(&database);
        config.port(self.get("PGPORT").parse().expect("a number"));
        Client::try_connect(&config).unwrap_or_else(|e| panic!("cannot connect to {database}: {e}"))
    }

    /// Runs a block of the page, or saves it if it is a program: what it printed. A failure is one of the test.
    #[track_caller]
    pub fn step(&self, name: &str) -> String {
        match self.run(name) {
            Ok(printed) => printed,
            Err(why) => panic!("{name}, of the page: {why}"),
        }
    }

    /// Runs a block that must fail: its complaint.
    #[track_caller]
    pub fn refused(&self, name: &str) -> String {
        match self.run(name) {
            Ok(printed) => panic!("{name}, of the page, should have failed: {printed}"),
            Err(why) => why,
        }
    }

    #[track_caller]
    fn run(&self, name: &str) -> Result<String, String> {
        let block = self.page.block(name);
        let number = self.steps.get();
        self.steps.set(number + 1);
        let file = match block.what {
            Use::Program => self.programs.join(name),
            _ => self.scripts.join(format!("{number}-{name}")),
        };
        fs::write(&file, &block.text).expect("it can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("mode can be set");
        let mut command = match block.what {
            Use::Program => return Ok(String::new()),
            Use::Shell => self.cluster.command_at(Path::new("/bin/bash")),
            Use::Sql => self.cluster.command("psql"),
        };
        match block.what {
            Use::Sql => command.args(["-X", "-v", "ON_ERROR_STOP=1", "-f"]),
            _ => command.args(["-e", "-u", "-o", "pipefail"]),
        };
        let printed = os::run(command.arg(&file).envs(self.variables.borrow().iter()));
        if let Ok(printed) = &printed {
            println!("== {name}\n{}", printed.trim_end());
        }
        printed
    }
}

impl Drop for Shell<'_> {
    /// Servers that the page started end with the test.
    fn drop(&mut self) {
        for data in self.copies.borrow().iter() {
            if data.join("postmaster.pid").exists() {
                let mut stop = self.cluster.command("pg_ctl");
                os::run(stop.args(["stop", "-w", "-s", "-m", "immediate", "-D"]).arg(data)).ok();
            }
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
