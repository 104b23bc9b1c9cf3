//! MiniStack, an AWS emulator, as `tests/parts/ministack.sh` installs it. Where it is not there, tests are skipped, and
//! with `CI=true` they fail.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The emulator, until it is dropped.
pub(crate) struct Ministack {
    pub(crate) url: String,
    process: Child,
    pub(crate) folder: TempDir,
    pub(crate) client: reqwest::Client,
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // Its group: the emulator may have started others.
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }
}

fn installed() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = variable("TOLLGATE_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(variable("XDG_CACHE_HOME")?).join("tollgate")));
    let cache = cache.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache/tollgate")));
    let part = cache?.join("ministack");
    let found = part.join(".installed").is_file();
    assert!(
        found || std::env::var_os("CI").is_none_or(|value| value != "true"),
        "MiniStack is not installed: run `tests/parts/ministack.sh`"
    );
    found.then(|| part.join("bin/ministack"))
}

impl Ministack {
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = installed() else {
            eprintln!("skipped: MiniStack is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let mut process = Command::new(program)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .current_dir(folder.path())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stderr.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        let ready = lines.any(|line| line.contains("Running on http://"));
        assert!(ready, "MiniStack does not start");
        // It must be able to go on writing.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            url: format!("http://127.0.0.1:{port}"),
            process,
            folder,
            client: reqwest::Client::new(),
        })
    }

    pub(crate) async fn put_object(&self, path: &str, body: impl Into<reqwest::Body>) {
        let request = self.client.put(format!("{}/{path}", self.url)).body(body);
        let reply = request.send().await.unwrap();
        assert!(reply.status().is_success(), "{reply:?}");
    }

    pub(crate) async fn delete_object(&self, path: &str) {
        let request = self.client.delete(format!("{}/{path}", self.url));
        assert!(request.send().await.unwrap().status().is_success());
    }
}
