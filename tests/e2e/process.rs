//! Child processes that never outlive the tests: each one leads a process group of its own, and
//! the whole group is stopped when its owner is dropped, at the end, and on SIGINT or SIGTERM.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use crate::setup;

/// Between two looks at a process or its output; also the error of measured start times.
const POLL: Duration = Duration::from_millis(5);
/// How long a group may take to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// Every group that is running, for [`stop_all`].
static RUNNING: Mutex<Running> = Mutex::new(Running {
    stopped: false,
    groups: BTreeMap::new(),
});

struct Running {
    /// From then on nothing may start: nobody would stop it.
    stopped: bool,
    groups: BTreeMap<u32, Arc<Mutex<Child>>>,
}

/// A running process group; its output goes to files that live as long as it does.
#[derive(Debug)]
pub struct Process {
    group: u32,
    leader: Arc<Mutex<Child>>,
    output: tempfile::TempDir,
}

impl Process {
    /// Starts a program as the leader of a new process group, without standard input.
    pub fn start(command: &mut Command) -> Result<Self> {
        let output = tempfile::tempdir()?;
        let mut running = lock(&RUNNING);
        ensure!(!running.stopped, "the tests are being stopped");
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(File::create(output.path().join("stdout"))?)
            .stderr(File::create(output.path().join("stderr"))?)
            .spawn()
            .with_context(|| format!("cannot start `{}`", command.get_program().display()))?;
        let group = child.id();
        let leader = Arc::new(Mutex::new(child));
        running.groups.insert(group, Arc::clone(&leader));
        if let Some(record) = record(group) {
            fs::write(record, "")?;
        }
        Ok(Self {
            group,
            leader,
            output,
        })
    }

    /// Waits for a line that `find` takes something from, on standard output or error.
    pub fn wait_for<T>(&self, limit: Duration, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let started = Instant::now();
        loop {
            let ended = lock(&self.leader).try_wait()?;
            let texts = [self.stdout(), self.stderr()];
            if let Some(found) = texts
                .iter()
                .flat_map(|text| whole_lines(text))
                .find_map(&find)
            {
                return Ok(found);
            }
            if let Some(status) = ended {
                bail!(
                    "it ended with {status} instead of getting ready:\n{}",
                    self.log()
                );
            }
            if started.elapsed() > limit {
                bail!("it was not ready after {limit:?}:\n{}", self.log());
            }
            thread::sleep(POLL);
        }
    }

    /// Waits for a line that begins with `prefix` and gives the rest of it.
    pub fn wait_for_line(&self, prefix: &str, limit: Duration) -> Result<String> {
        self.wait_for(limit, |line| {
            line.strip_prefix(prefix).map(|rest| rest.trim().to_owned())
        })
        .with_context(|| format!("no line `{prefix}…`"))
    }

    /// Waits until the program ends by itself.
    pub fn wait(&self, limit: Duration) -> Result<ExitStatus> {
        wait(&self.leader, limit)?
            .with_context(|| format!("it still runs after {limit:?}:\n{}", self.log()))
    }

    /// Sends a signal such as `INT` to the whole group.
    pub fn signal(&self, name: &str) {
        signal_group(self.group, name);
    }

    /// What the program printed so far.
    pub fn stdout(&self) -> String {
        read(&self.output.path().join("stdout"))
    }

    /// What the program logged so far.
    pub fn stderr(&self) -> String {
        read(&self.output.path().join("stderr"))
    }

    /// Both outputs, for the report of a failure.
    pub fn log(&self) -> String {
        format!("{}{}", self.stdout(), self.stderr())
    }

    /// Stops the group and waits for its end; a second call does nothing.
    pub fn stop(&self) {
        if lock(&RUNNING).groups.contains_key(&self.group) {
            signal_group(self.group, "TERM");
            end(self.group, &self.leader);
            lock(&RUNNING).groups.remove(&self.group);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A loopback port that was free a moment ago, for programs that cannot choose one themselves.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Stops every group, all at once, and waits for their end. A second call waits for the first.
pub fn stop_all() {
    let mut running = lock(&RUNNING);
    running.stopped = true;
    for group in running.groups.keys() {
        signal_group(*group, "TERM");
    }
    for (group, leader) in std::mem::take(&mut running.groups) {
        end(group, &leader);
    }
}

/// From now on SIGINT and SIGTERM stop every group before they end this program.
pub fn stop_all_on_signal() {
    thread::spawn(|| -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let code = runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            tokio::select! {
                _ = terminate.recv() => anyhow::Ok(143),
                _ = interrupt.recv() => anyhow::Ok(130),
            }
        })?;
        stop_all();
        process::exit(code)
    });
}

/// Waits for a group that was told to end, and kills what is left of it.
fn end(group: u32, leader: &Mutex<Child>) {
    let _ = wait(leader, GRACE);
    signal_group(group, "KILL");
    let _ = wait(leader, GRACE);
    if let Some(record) = record(group) {
        let _ = fs::remove_file(record);
    }
}

fn wait(leader: &Mutex<Child>, limit: Duration) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = lock(leader).try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(POLL);
    }
    Ok(None)
}

/// The shell's `kill` knows groups, and needs no `unsafe` here.
fn signal_group(group: u32, name: &str) {
    let script = format!("kill -s {name} -- -{group}");
    let _ = Command::new("sh")
        .args(["-c", &script])
        .stderr(Stdio::null())
        .status();
}

fn record(group: u32) -> Option<PathBuf> {
    setup::groups().map(|folder| folder.join(group.to_string()))
}

/// The last line may still be in the writing.
fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
}

fn read(path: &Path) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// A case that panicked leaves the list of processes whole: it must still be stopped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
