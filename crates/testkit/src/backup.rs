//! Dumps, base backups and restores, with the tools that people use for them.

use crate::cluster::{Cluster, Stop};
use crate::endpoint::dir_size;
use crate::os;
use crate::wait::{PATIENCE, wait_until};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where recovery is to end.
#[derive(Debug, Clone)]
pub enum Target {
    /// A point named by `pg_create_restore_point`.
    Name(String),
    /// A write-ahead log position, inclusive.
    Lsn(String),
    /// A point in time.
    Time(String),
    /// The commit of a transaction, by its number.
    Xid(String),
    /// As soon as the backup is consistent.
    Immediate,
    /// All of the archived write-ahead log.
    End,
}

/// A physical copy made by `pg_basebackup`, kept in the folder of the cluster it came from.
pub struct BaseBackup {
    pub path: PathBuf,
}

impl BaseBackup {
    /// Bytes of all its files.
    pub fn size(&self) -> u64 {
        dir_size(&self.path)
    }
}

/// A number for file names, new at each call.
fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Cluster {
    /// `pg_basebackup` with the write-ahead log it needs to be consistent.
    pub fn basebackup(&self) -> BaseBackup {
        let path = self.dir.join(format!("backup-{}", next()));
        os::run_ok(
            self.command("pg_basebackup")
                .args(["--checkpoint=fast", "--no-sync", "--wal-method=stream", "--pgdata"])
                .arg(&path),
        );
        BaseBackup { path }
    }

    /// Makes sure that everything written so far is in the archive.
    pub fn archive_now(&self) {
        let client = self.connect("postgres");
        let segment = client.text("SELECT pg_walfile_name(pg_current_wal_insert_lsn())");
        client.sql("SELECT pg_switch_wal()");
        let file = self.archive().join(&segment);
        // When the segment was empty, the switch did nothing, and its predecessor is there.
        let written = client.text("SELECT pg_walfile_name(pg_current_wal_insert_lsn())") != segment;
        if written {
            wait_until("the archiver", PATIENCE, || file.exists());
        }
    }

    /// A second server beside this one, from a base backup and the archived log up to the target;
    /// returned when it takes writes. This one may be running or not.
    pub fn restore_to(&self, name: &str, backup: &BaseBackup, target: &Target) -> Cluster {
        let restored = self.prepare_restore(name, backup, target);
        restored.start();
        restored.wait_primary();
        restored
    }

    /// As [`Cluster::restore_to`], but not started, for tests that change something first.
    pub fn prepare_restore(&self, name: &str, backup: &BaseBackup, target: &Target) -> Cluster {
        if self.is_running() {
            self.archive_now();
        }
        self.prepare_restore_through(name, backup, target, &[self])
    }

    /// The same with the archives of several servers, each of which went on where another was restored to: the newest
    /// timeline that they lead to is followed.
    pub fn prepare_restore_through(
        &self,
        name: &str,
        backup: &BaseBackup,
        target: &Target,
        archives: &[&Cluster],
    ) -> Cluster {
        let restored = self.copy_of(name, &backup.path);
        // A server that was restored itself still has its own target.
        restored.drop_conf("recovery_target");
        restored.set_archiving();
        let copy = |from: &&Cluster| format!("cp {}/%f %p", from.archive().display());
        let command: Vec<String> = archives.iter().map(copy).collect();
        restored.set_conf(&[
            ("restore_command", &command.join(" 2> /dev/null || ")),
            ("recovery_target_action", "promote"),
        ]);
        match target {
            Target::Name(name) => restored.set_conf(&[("recovery_target_name", name)]),
            Target::Lsn(lsn) => restored.set_conf(&[("recovery_target_lsn", lsn)]),
            Target::Xid(xid) => restored.set_conf(&[("recovery_target_xid", xid)]),
            Target::Time(time) => restored.set_conf(&[("recovery_target_time", time)]),
            Target::Immediate => restored.set_conf(&[("recovery_target", "immediate")]),
            Target::End => {}
        }
        restored.touch("recovery.signal");
        restored
    }

    /// Waits until recovery has ended and the server takes writes.
    pub fn wait_primary(&self) {
        wait_until("the end of recovery", PATIENCE, || {
            self.try_connect_as("postgres", "postgres")
                .and_then(|client| client.try_text("SELECT pg_is_in_recovery()"))
                .is_ok_and(|answer| answer.as_deref() == Some("f"))
        });
    }

    /// A streaming standby of this server, started and caught up with its start.
    pub fn standby(&self, name: &str) -> Cluster {
        let backup = self.basebackup();
        let standby = self.copy_of(name, &backup.path);
        standby.set_conf(&[(
            "primary_conninfo",
            &format!("host={} user=postgres", self.dir.display()),
        )]);
        standby.touch("standby.signal");
        standby.start();
        standby
    }

    /// Gives another server the service key: members of one cluster share it, not the marker.
    pub fn share_service_key(&self, with: &Cluster) {
        let there = with.state_dir();
        os::make_dir(&there);
        let key = self.state_dir().join("service_key");
        os::run_ok(os::as_server("cp", &there).arg("-p").arg(key).arg(&there));
    }

    /// A cluster whose data directory is a copy of this one's, as a storage snapshot of a stopped
    /// server is; not started. State outside the data directory is not copied.
    pub fn copy_stopped(&self, name: &str) -> Cluster {
        assert!(!self.is_running(), "a copy of a running server's files is no copy");
        self.copy_of(name, &self.data())
    }

    /// Copies a data directory into a new cluster and points the settings to its new place.
    fn copy_of(&self, name: &str, data: &Path) -> Cluster {
        let copy = Cluster::empty(name);
        os::run_ok(os::as_server("cp", &copy.dir).arg("-a").arg(data).arg(copy.data()));
        copy.set_place();
        copy
    }

    /// Makes an empty file in the data directory.
    pub fn touch(&self, name: &str) {
        os::run_ok(os::as_server("touch", &self.dir).arg(self.data().join(name)));
    }

    /// `pg_dump` with these options; returns the file it wrote.
    pub fn pg_dump(&self, database: &str, options: &[&str]) -> PathBuf {
        os::check(self.try_pg_dump(database, options))
    }

    /// `pg_dump`, or its complaint.
    pub fn try_pg_dump(&self, database: &str, options: &[&str]) -> Result<PathBuf, String> {
        let file = self.dir.join(format!("dump-{}", next()));
        os::run(
            self.command("pg_dump")
                .args(options)
                .arg("--file")
                .arg(&file)
                .arg(database),
        )
        .map(|_| file)
    }

    /// `pg_restore` of a dump into an existing database; panics at the first error.
    pub fn pg_restore(&self, database: &str, options: &[&str], dump: &Path) {
        os::run_ok(
            self.command("pg_restore")
                .args(["--exit-on-error", "--dbname", database])
                .args(options)
                .arg(dump),
        );
    }

    /// Feeds a plain dump to psql, stopping at the first error.
    pub fn psql_file(&self, database: &str, file: &Path) {
        os::run_ok(
            self.command("psql")
                .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-f"])
                .arg(file),
        );
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) {
        self.connect("postgres").sql(&format!("CREATE DATABASE {name}"));
    }

    /// Stops it for good, so that its place in the story is a backup and nothing else.
    pub fn retire(&self) {
        if self.is_running() {
            self.stop(Stop::Immediate);
        }
    }
}
