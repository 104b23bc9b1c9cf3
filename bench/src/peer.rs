//! A contender in a process of its own, which answers each line with one line; of tokens, `time ALGORITHM COUNT`
//! with nanoseconds, `accept TOKEN` with `true` or `false`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::contender::Contender;

/// A running peer; it ends with its input.
pub(crate) struct Peer {
    name: String,
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `NAME=COMMAND`; in the command, `WORKLOAD` stands for the path of the workload.
    pub(crate) fn start(text: &str, workload: &str) -> Result<Self> {
        let (name, command) = text
            .split_once('=')
            .with_context(|| format!("`{text}` is not NAME=COMMAND"))?;
        let mut words = command.split(' ').map(|word| match word {
            "WORKLOAD" => workload,
            word => word,
        });
        let program = words.next().context("no command")?;
        Self::run(name, Command::new(program).args(words))
    }

    /// Starts a command under a name.
    pub(crate) fn run(name: &str, command: &mut Command) -> Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{name}` does not start"))?;
        let output = process.stdout.take().context("no output")?;
        Ok(Self {
            name: name.to_owned(),
            input: process.stdin.take(),
            output: BufReader::new(output),
            process,
        })
    }

    /// One line, and its answer.
    pub(crate) fn ask(&mut self, line: &str) -> Result<String> {
        let input = self.input.as_mut().context("the peer is stopped")?;
        writeln!(input, "{line}")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        if answer.is_empty() {
            bail!("`{}` has stopped", self.name);
        }
        Ok(answer.trim_end().to_owned())
    }
}

impl Contender for Peer {
    fn name(&self) -> &str {
        &self.name
    }

    fn time(&mut self, algorithm: &str, count: usize) -> Result<Duration> {
        let nanoseconds = self.ask(&format!("time {algorithm} {count}"))?;
        Ok(Duration::from_nanos(nanoseconds.parse()?))
    }

    fn accepts(&mut self, token: &str) -> Result<Option<bool>> {
        Ok(Some(self.ask(&format!("accept {token}"))?.parse()?))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}
