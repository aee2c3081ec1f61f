//! How the demo speaks: progress bars on a terminal, plain lines anywhere else, a table at the end.

use crate::answers::Comparisons;
use crate::sizes::Sizes;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use testkit::{Cluster, run_dir};

/// Where the story is told.
pub struct Show {
    terminal: bool,
    began: Instant,
}

impl Show {
    pub fn new() -> Show {
        Show {
            // Bars go to standard error, the story to standard output.
            terminal: std::io::stderr().is_terminal() && std::io::stdout().is_terminal(),
            began: Instant::now(),
        }
    }

    pub fn chapter(&self, title: &str) {
        println!("\n{title}");
    }

    /// A remark under the last step.
    pub fn note(&self, text: &str) {
        for line in text.lines() {
            println!("      {line}");
        }
    }

    /// A step of unknown length.
    pub fn step<T>(&self, title: &str, work: impl FnOnce() -> T) -> T {
        self.run(
            title,
            ProgressBar::new_spinner(),
            "    {spinner} {msg}  {elapsed}",
            |_| work(),
        )
    }

    /// A step of known length; the work moves the bar.
    pub fn bar<T>(&self, title: &str, total: u64, work: impl FnOnce(&ProgressBar) -> T) -> T {
        let style = "    {spinner} {msg}  [{bar:30}] {percent:>3} %  {elapsed}";
        self.run(title, ProgressBar::new(total), style, work)
    }

    fn run<T>(&self, title: &str, bar: ProgressBar, style: &str, work: impl FnOnce(&ProgressBar) -> T) -> T {
        let began = Instant::now();
        let bar = if self.terminal {
            let style = ProgressStyle::with_template(style).expect("the template is right");
            bar.with_style(style).with_message(title.to_owned())
        } else {
            ProgressBar::hidden()
        };
        if self.terminal {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        let result = work(&bar);
        bar.finish_and_clear();
        println!("  ✓ {title}  ({:.1} s)", began.elapsed().as_secs_f64());
        result
    }

    /// The table of backup sizes.
    pub fn sizes(&self, sizes: &Sizes) {
        println!("\n  {:<42} {:>10} {:>10}", "", "before", "stretched");
        for (what, before, after) in [
            ("pg_dump -Fc", sizes.dump_before, sizes.dump_after),
            (
                "pg_basebackup, net of an empty cluster",
                sizes.base_before,
                sizes.base_after,
            ),
        ] {
            println!(
                "  {what:<42} {:>10} {:>10}  {:>3} %",
                bytes(before),
                bytes(after),
                after * 100 / before.max(1)
            );
        }
        println!(
            "  {:<42} {:>10} {:>10}",
            "objects on the endpoint",
            "",
            bytes(sizes.remote)
        );
    }

    /// The table of everything that was compared; true when all pairs are equal.
    pub fn comparisons(&self, compared: &Comparisons) -> bool {
        println!();
        for comparison in &compared.0 {
            let got = comparison.got.replace('\n', "; ");
            if comparison.holds() {
                println!("  equal    {:<52} {got}", comparison.what);
            } else {
                let expected = comparison.expected.replace('\n', "; ");
                println!("  DIFFERS  {:<52} {got}, expected {expected}", comparison.what);
            }
        }
        let differ = compared.0.iter().filter(|c| !c.holds()).count();
        let all = compared.0.len();
        let seconds = self.began.elapsed().as_secs_f64();
        if differ == 0 {
            println!("\nAll {all} pairs are equal. The whole story took {seconds:.0} s.");
        } else {
            println!("\n{differ} of {all} pairs differ.");
        }
        differ == 0
    }

    /// How to reach a server that was left running.
    pub fn kept(&self, what: &str, cluster: &Cluster) {
        println!(
            "\n{what}:\n  psql -h {} -U postgres postgres",
            cluster.socket_dir().display()
        );
    }

    /// How to get rid of what was kept.
    pub fn how_to_remove(&self) {
        let dir = run_dir::path().display();
        println!(
            "\nTo stop and remove all of it:\n  for f in {dir}/*/data/postmaster.pid; do kill -QUIT $(head -n 1 $f); \
             done; rm -rf {dir}"
        );
    }
}

/// A size for people.
pub fn bytes(size: u64) -> String {
    format!("{:.1} MB", size as f64 / 1e6)
}
