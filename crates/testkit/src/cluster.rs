//! A private PostgreSQL server: built, started, stopped, killed and thrown away by one test.

use crate::client::{Client, SqlError};
use crate::endpoint;
use crate::tree::Tree;
use crate::wait::{PATIENCE, wait_for, wait_until};
use crate::{os, run_dir, timing};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio_postgres::Config;

/// How a cluster is to be made.
pub struct Builder {
    name: String,
    conf: Vec<(String, String)>,
    archiving: bool,
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Ends sessions, writes a checkpoint.
    Fast,
    /// As a crash would, but of all processes at once.
    Immediate,
}

/// One server with its folder, removed when dropped.
pub struct Cluster {
    /// `data`, `data.stretch`, the socket and the log are in here.
    pub(crate) dir: PathBuf,
    pub(crate) name: String,
    keep: bool,
}

impl Builder {
    /// One setting of postgresql.conf; a later one of the same name wins.
    pub fn conf(mut self, name: &str, value: &str) -> Self {
        self.conf.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Archives its write-ahead log into [`Cluster::archive`], so that it can be restored to a moment.
    pub fn archiving(mut self) -> Self {
        self.archiving = true;
        self
    }

    /// Makes the cluster and starts its server.
    pub fn start(self) -> Cluster {
        let cluster = self.init();
        cluster.start();
        cluster
    }

    /// Makes the cluster and leaves it stopped.
    pub fn init(self) -> Cluster {
        timing::start();
        let cluster = Cluster::empty(&self.name);
        os::run_ok(
            cluster
                .command("initdb")
                .arg("--pgdata")
                .arg(cluster.data())
                .args(["--auth=trust", "--no-sync", "--username=postgres"])
                .args(["--encoding=UTF8", "--locale=C.UTF-8"]),
        );
        let roots = endpoint::root();
        let roots = roots.to_string_lossy();
        cluster.set_conf(&[
            ("shared_preload_libraries", "pg_stretch"),
            ("listen_addresses", ""),
            ("wal_level", "replica"),
            ("fsync", "off"),
            ("max_worker_processes", "32"),
            ("log_line_prefix", "%m [%p] %b %q%u@%d %e "),
            ("timezone", "UTC"),
            ("stretch.naptime", "200ms"),
            ("stretch.lease_ttl", "2s"),
            // Tables of tests are small: their row groups have several pages all the same.
            ("stretch.page_rows", "50"),
            ("stretch.file_roots", &roots),
            // Tests count the segments that their batches made; those of compaction switch it on.
            ("stretch.compact", "off"),
            ("stretch.compact_rate", "0"),
            // Tests that take the endpoint away mean it.
            ("stretch.cache_size", "0"),
        ]);
        cluster.set_place();
        if self.archiving {
            cluster.set_archiving();
        }
        let conf: Vec<(&str, &str)> = self
            .conf
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        cluster.set_conf(&conf);
        cluster
    }
}

impl Cluster {
    /// A cluster in the making; the name is for people who read logs.
    pub fn builder(name: &str) -> Builder {
        Builder {
            name: name.to_owned(),
            conf: Vec::new(),
            archiving: false,
        }
    }

    /// Only the folder; whoever calls fills `data`.
    pub(crate) fn empty(name: &str) -> Cluster {
        Cluster {
            dir: run_dir::fresh(name),
            name: name.to_owned(),
            keep: false,
        }
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Where the extension keeps its service key and marker, by default.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join("data.stretch")
    }

    /// Where write-ahead log is archived, when asked for.
    pub fn archive(&self) -> PathBuf {
        self.dir.join("archive")
    }

    /// The folder of the Unix socket: `psql -h` this.
    pub fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// A new, empty folder for files that the server is to read or write.
    pub fn scratch(&self, name: &str) -> PathBuf {
        let dir = self.dir.join(name);
        os::make_dir(&dir);
        dir
    }

    /// The server's whole log so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Appends settings; they hold from the next start or [`Cluster::reload`].
    pub fn set_conf(&self, settings: &[(&str, &str)]) {
        let path = self.data().join("postgresql.conf");
        let mut file = OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap_or_else(|e| panic!("cannot open {}: {e}", path.display()));
        for (name, value) in settings {
            writeln!(file, "{name} = '{}'", value.replace('\'', "''")).expect("settings are written");
        }
    }

    /// Removes every setting whose name begins so.
    pub(crate) fn drop_conf(&self, beginning: &str) {
        let path = self.data().join("postgresql.conf");
        let text = fs::read_to_string(&path).expect("the settings are there");
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(beginning)).collect();
        fs::write(&path, kept.join("\n") + "\n").expect("settings are written");
    }

    /// What depends on the folder, and so changes in a copy.
    pub(crate) fn set_place(&self) {
        self.set_conf(&[("unix_socket_directories", &self.dir.to_string_lossy())]);
    }

    pub(crate) fn set_archiving(&self) {
        let archive = self.scratch("archive");
        let archive = archive.display();
        self.set_conf(&[
            ("archive_mode", "on"),
            // Never over an existing file, and never seen half written.
            (
                "archive_command",
                &format!("test ! -f {archive}/%f && cp %p {archive}/%f.part && mv {archive}/%f.part {archive}/%f"),
            ),
        ]);
    }

    /// A PostgreSQL program as the server's user, aimed at this server as user postgres.
    pub fn command(&self, program: &str) -> Command {
        self.command_at(&Tree::get().bin(program))
    }

    /// The same for a program by its path.
    pub fn command_at(&self, program: &Path) -> Command {
        let mut command = os::as_server(program, &self.dir);
        command
            .env("PGHOST", &self.dir)
            .env("PGUSER", "postgres")
            .env("PGDATABASE", "postgres");
        command
    }

    fn pg_ctl(&self, args: &[&str]) -> Result<String, String> {
        os::run(self.command("pg_ctl").arg("--pgdata").arg(self.data()).args(args))
    }

    /// Starts the server and waits until it answers; panics with its log when it does not.
    #[track_caller]
    pub fn start(&self) {
        if let Err(why) = self.try_start() {
            panic!("{} does not start: {why}\n{}", self.name, os::tail(&self.log(), 40));
        }
    }

    /// Starts the server, for tests that expect that it refuses.
    pub fn try_start(&self) -> Result<(), String> {
        let log = self.log_file();
        let log = log.to_string_lossy();
        self.pg_ctl(&["start", "--wait", "--timeout=120", "--silent", "--log", &log])
            .map(|_| ())
    }

    /// Stops the server and waits.
    pub fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "--mode=fast",
            Stop::Immediate => "--mode=immediate",
        };
        os::check(self.pg_ctl(&["stop", "--wait", "--timeout=120", "--silent", mode]));
    }

    /// Fast stop, then start.
    pub fn restart(&self) {
        self.stop(Stop::Fast);
        self.start();
    }

    /// Reads the configuration again.
    pub fn reload(&self) {
        os::check(self.pg_ctl(&["reload", "--silent"]));
    }

    /// Makes a standby a primary and waits until it writes.
    pub fn promote(&self) {
        os::check(self.pg_ctl(&["promote", "--wait", "--timeout=120", "--silent"]));
    }

    /// Process id of the postmaster, while there is one.
    pub fn postmaster_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let pid: u32 = text.lines().next()?.parse().ok()?;
        alive(pid).then_some(pid)
    }

    /// True while the server runs.
    pub fn is_running(&self) -> bool {
        self.postmaster_pid().is_some()
    }

    /// Process ids of the whole server, the postmaster's first.
    pub fn processes(&self) -> Vec<u32> {
        let postmaster = self.postmaster_pid().expect("the server runs");
        let mut pids = vec![postmaster];
        pids.extend(children(postmaster));
        pids
    }

    /// SIGKILL to the postmaster; returns when every process of the server is gone.
    pub fn kill9(&self) {
        let pids = self.processes();
        signal("KILL", pids[0]);
        self.bury(&pids);
    }

    /// Waits for the end of a server whose postmaster was killed, so that it can be started again.
    pub fn bury(&self, pids: &[u32]) {
        wait_until("the end of a killed server", PATIENCE, || {
            !pids.iter().any(|pid| alive(*pid))
        });
        // In a container whose first process reaps nobody, the dead postmaster stays a zombie, and
        // the next one would take these files' word that it lives.
        for left in [self.data().join("postmaster.pid"), self.dir.join(".s.PGSQL.5432.lock")] {
            fs::remove_file(&left).expect("a killed server leaves it");
        }
    }

    /// Kills one process of the server, after which the postmaster ends all others and recovers. Returns when it has
    /// ended the sessions: who connects from then on meets the recovered server.
    pub fn kill_process(&self, pid: i32) {
        let witness = self.connect("postgres");
        signal("KILL", pid.try_into().expect("a process id is positive"));
        wait_for("the end of the sessions", PATIENCE, || {
            witness.try_sql("SELECT 1").err()
        });
    }

    /// How to connect: by socket, as user postgres. Callers may change user and options.
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config
            .host_path(&self.dir)
            .user("postgres")
            .dbname(database)
            .application_name("testkit");
        config
    }

    /// Connects as superuser postgres.
    #[track_caller]
    pub fn connect(&self, database: &str) -> Client {
        self.connect_as("postgres", database)
    }

    /// Connects as somebody.
    #[track_caller]
    pub fn connect_as(&self, user: &str, database: &str) -> Client {
        match self.try_connect_as(user, database) {
            Ok(client) => client,
            Err(e) => panic!("cannot connect to {database} of {}: {e}", self.name),
        }
    }

    /// Connects as somebody; the error is the server's.
    pub fn try_connect_as(&self, user: &str, database: &str) -> Result<Client, SqlError> {
        Client::try_connect(self.config(database).user(user))
    }

    /// Waits until the server takes statements, for instance after a backend was killed.
    pub fn wait_ready(&self, database: &str) -> Client {
        wait_for("the server to take statements", PATIENCE, || {
            self.try_connect_as("postgres", database).ok()
        })
    }

    /// Runs a script through psql, stopping at the first error; standard output or the complaint.
    pub fn psql(&self, database: &str, script: &str) -> Result<String, String> {
        os::run(
            self.command("psql")
                .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
                .args(["-d", database, "-c", script]),
        )
    }

    /// Writes a checkpoint.
    pub fn checkpoint(&self) {
        self.connect("postgres").sql("CHECKPOINT");
    }

    /// Leaves server and folder in place when this process ends.
    pub fn keep(&mut self) {
        self.keep = true;
        run_dir::keep();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if std::thread::panicking() {
            eprintln!("--- end of the log of {}:\n{}", self.name, os::tail(&self.log(), 60));
        }
        if self.is_running() {
            self.pg_ctl(&["stop", "--wait", "--timeout=60", "--silent", "--mode=immediate"])
                .ok();
        }
        fs::remove_dir_all(&self.dir).ok();
    }
}

fn alive(pid: u32) -> bool {
    // A zombie has ended; only its parent has not looked yet.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|s| s.starts_with('Z')))
}

fn children(parent: u32) -> Vec<u32> {
    let stat = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    fs::read_dir("/proc")
        .expect("/proc is readable")
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok())
        .filter(|pid| {
            let text = stat(*pid);
            let after_name = text.rsplit(") ").next().unwrap_or_default();
            after_name.split(' ').nth(1) == Some(&parent.to_string())
        })
        .collect()
}

fn signal(name: &str, pid: u32) {
    os::run_ok(Command::new("kill").args(["-s", name, &pid.to_string()]));
}
