//! A relay before a real server: what it breaks, the server itself cannot be brought to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// The longest body that is handed on.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// What happens to calls of the admin API that write.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// From this one on, the first being 1, they are answered with this status and not handed on.
    Refuse(usize, u16),
    /// From this one on nobody answers, nor to anything else.
    Silence(usize),
    /// This one is handed on, its answer is lost, and nobody answers from then on.
    LoseAnswer(usize),
    /// This one is held up.
    HoldUp(usize, Duration),
}

/// What has gone through.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    /// Calls that write.
    pub writes: usize,
    /// Requests for a token.
    pub sign_ins: usize,
    /// Answers of the server with status 401.
    pub unauthorized: usize,
}

/// Relays until the tests end.
#[derive(Debug)]
pub struct Relay {
    /// Without a slash at the end.
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

impl Relay {
    /// Before the server at this address, which is `http://HOST:PORT`.
    pub fn start(server: &str, fault: Fault) -> Result<Self> {
        let server = server
            .strip_prefix("http://")
            .context("no address")?
            .to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The caller asks one thing after the other, and whoever hangs up is answered no more.
                let _ = exchange(stream, &server, fault, &shared);
            }
        });
        Ok(Self { url, seen })
    }

    /// What has gone through until now.
    pub fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request and its answer, for each connection.
fn exchange(mut caller: TcpStream, server: &str, fault: Fault, seen: &Mutex<Seen>) -> Result<()> {
    let request = request(&mut caller)?;
    let writes = is_write(&request);
    let count = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.writes += usize::from(writes);
        seen.sign_ins += usize::from(is_sign_in(&request));
        seen.writes
    };
    match fault {
        Fault::Refuse(from, status) if writes && count >= from => {
            let answer =
                format!("HTTP/1.1 {status} \r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            return Ok(caller.write_all(answer.as_bytes())?);
        }
        Fault::Silence(from) if count >= from => return Ok(()),
        Fault::LoseAnswer(at) if count > at || (count == at && !writes) => return Ok(()),
        Fault::LoseAnswer(at) if count == at => return answer(server, &request).map(drop),
        Fault::HoldUp(at, pause) if writes && count == at => thread::sleep(pause),
        Fault::Refuse(..) | Fault::Silence(_) | Fault::LoseAnswer(_) | Fault::HoldUp(..) => {}
    }
    let answer = answer(server, &request)?;
    let refused = answer.starts_with(b"HTTP/1.1 401");
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .unauthorized += usize::from(refused);
    Ok(caller.write_all(&answer)?)
}

/// A request with its body, as one that ends the connection.
pub fn request(caller: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let mut chunk = [0; 4096];
        let count = caller.read(&mut chunk)?;
        anyhow::ensure!(count > 0, "the caller hung up");
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
    };
    let mut body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let length: usize = length.unwrap_or_default();
    anyhow::ensure!(length <= MAX_BODY_BYTES, "a body of {length} bytes");
    let had = body.len();
    body.resize(length, 0);
    caller.read_exact(body.get_mut(had..).unwrap_or_default())?;
    let mut request = head.trim_end().to_owned().into_bytes();
    request.extend_from_slice(b"\r\nconnection: close\r\n\r\n");
    request.extend(body);
    Ok(request)
}

fn answer(server: &str, request: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn is_write(request: &[u8]) -> bool {
    [&b"POST /admin/"[..], b"PUT /admin/", b"DELETE /admin/"]
        .iter()
        .any(|start| request.starts_with(start))
}

fn is_sign_in(request: &[u8]) -> bool {
    let line = request.split(|byte| *byte == b'\r').next();
    line.is_some_and(|line| {
        line.starts_with(b"POST ") && line.ends_with(b"/openid-connect/token HTTP/1.1")
    })
}
