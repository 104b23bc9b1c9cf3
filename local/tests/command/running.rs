//! A running `tollgate dev`, and calls to it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::NamedTempFile;

/// A running `tollgate dev` on ports of its own; stopped when it is dropped.
pub(crate) struct Running {
    process: Child,
    log: NamedTempFile,
    /// What it printed for people.
    pub(crate) block: String,
    /// The issuer's URL.
    pub(crate) issuer: String,
    /// The gateway's URL.
    pub(crate) gateway: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to do if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The command, without the variables that a developer may have set.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    let names = [
        "MODEL_SOURCE",
        "ACCESS_FILE",
        "DEFAULT_MODEL",
        "AUTHORIZER_TTL",
        "TOLLGATE_CLIENT_SECRET",
        "TOLLGATE_PASSWORD",
        "TOLLGATE_TOKEN",
        "ISSUER",
        "AUDIENCE",
    ];
    for name in names {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(checkout())
        .stdin(Stdio::null());
    command
}

/// The root of the workspace.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Starts the command and reads what it prints until it is ready.
pub(crate) fn start(arguments: &[&str]) -> Running {
    let mut command = command(&["--port", "0", "--issuer-port", "0"]);
    let log = NamedTempFile::new().unwrap();
    let mut process = command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(log.reopen().unwrap())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut running = Running {
        process,
        log,
        block: String::new(),
        issuer: String::new(),
        gateway: String::new(),
    };
    for line in lines.by_ref() {
        if let Some(url) = line.strip_prefix("issuer ") {
            running.issuer = url.to_owned();
        } else if let Some(url) = line.strip_prefix("ready ") {
            running.gateway = url.to_owned();
            return running;
        } else {
            running.block.push_str(&line);
            running.block.push('\n');
        }
    }
    panic!(
        "it ended before it was ready:\n{}{}",
        running.block,
        running.log()
    );
}

impl Running {
    /// What it wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// A token of its own issuer.
    pub(crate) fn token(&self, arguments: &[&str]) -> String {
        let output = command(&["token", "--issuer", &self.issuer])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stderr, b"", "nothing but the token is printed");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        text.trim().to_owned()
    }

    /// Sends one request; answers the status, the head in lower case and the body.
    pub(crate) fn call(&self, line: &str, headers: &[&str], body: &[u8]) -> (u16, String, String) {
        send(&self.gateway, line, headers, body)
    }

    /// Sends `{}` and checks the status; answers head and body.
    #[track_caller]
    pub(crate) fn check(&self, line: &str, headers: &[&str], status: u16) -> (String, String) {
        let (found, head, body) = self.call(line, headers, b"{}");
        assert_eq!(found, status, "{line} {headers:?}: {body}");
        (head, body)
    }

    /// Sends a signal; answers the exit code.
    pub(crate) fn signal(&mut self, name: &str) -> i32 {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
        self.process
            .wait()
            .unwrap()
            .code()
            .expect("an exit code, not an end by signal")
    }
}

/// Sends one request to an `http:` origin; answers the status, the head in lower case and the body.
pub(crate) fn send(
    origin: &str,
    line: &str,
    headers: &[&str],
    body: &[u8],
) -> (u16, String, String) {
    let host = origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let headers: String = headers
        .iter()
        .map(|header| format!("{header}\r\n"))
        .collect();
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

/// The header for a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
