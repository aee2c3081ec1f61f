//! The one folder under /tmp in which a test process keeps everything, gone when the process is gone.

use crate::os;
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

const PREFIX: &str = "pg_stretch-";

/// Waits for the end of our process, however it ends, then stops servers left over and removes
/// the folder. It holds the read end of a pipe whose write end only we hold, so not even a
/// SIGKILL of ours leaves anything behind. A line "keep" tells it to leave everything alone.
const JANITOR: &str = r#"
read word
[ "$word" = keep ] && exit 0
for pidfile in "$1"/*/*/postmaster.pid; do
  [ -e "$pidfile" ] && kill -QUIT "$(head -n 1 "$pidfile")" 2>/dev/null
done
for helper in "$1"/helper-*; do
  [ -e "$helper" ] && kill -KILL "${helper##*-}" 2>/dev/null
done
for round in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" 2>/dev/null
  [ -e "$1" ] || exit 0
  sleep 0.5
done
"#;

struct RunDir {
    path: PathBuf,
    janitor: Mutex<Option<ChildStdin>>,
}

/// The folder of this process, made at the first call. Readable by everybody.
pub fn path() -> &'static Path {
    &get().path
}

/// A new folder in it that belongs to the server's user: `<number>-<name>`.
pub fn fresh(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // A Unix socket's path must stay under 108 bytes.
    let short: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(24)
        .collect();
    let dir = path().join(format!("{number}-{short}"));
    os::make_dir(&dir);
    dir
}

/// Leaves the folder and running servers in place when this process ends.
pub fn keep() {
    if let Some(mut pipe) = get().janitor.lock().expect("no panic while held").take() {
        pipe.write_all(b"keep\n").expect("the janitor listens");
    }
}

/// Names a process of ours that must end with us, however we end.
pub fn also_kill(pid: u32) {
    fs::write(helper(pid), "").expect("the folder is writable");
}

/// The process named to [`also_kill`] has ended by itself.
pub fn gone(pid: u32) {
    fs::remove_file(helper(pid)).ok();
}

fn helper(pid: u32) -> PathBuf {
    path().join(format!("helper-{pid}"))
}

fn get() -> &'static RunDir {
    static DIR: OnceLock<RunDir> = OnceLock::new();
    DIR.get_or_init(|| {
        let base = std::env::var_os("PG_STRETCH_TEST_DIR").unwrap_or_else(|| "/tmp".into());
        let base = PathBuf::from(base);
        remove_stale(&base);
        let path = base.join(format!("{PREFIX}{}", std::process::id()));
        fs::remove_dir_all(&path).ok();
        os::make_dir(&path);
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "janitor"])
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal is for us, not for it.
            .process_group(0)
            .spawn()
            .expect("sh runs")
            .stdin;
        RunDir {
            path,
            janitor: Mutex::new(janitor),
        }
    })
}

/// Removes what dead processes left, for instance after a power cut; what was kept on purpose
/// has a running server and stays.
fn remove_stale(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix(PREFIX).filter(|p| p.parse::<u32>().is_ok()) else {
            continue;
        };
        let alive = Path::new("/proc").join(pid).exists() || has_server(&entry.path());
        if !alive {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn has_server(dir: &Path) -> bool {
    let folders = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    folders(dir)
        .flat_map(|cluster| folders(&cluster.path()))
        .filter_map(|data| fs::read_to_string(data.path().join("postmaster.pid")).ok())
        .filter_map(|text| text.lines().next().map(str::to_owned))
        .any(|pid| Path::new("/proc").join(pid).exists())
}
