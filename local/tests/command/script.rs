//! An HTTP server that answers from a script.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// A path, and the status and body it is answered with; `ORIGIN` in it is the server's URL.
pub(crate) type Step = (&'static str, u16, &'static str);

/// A server that answers the steps in order, and keeps the requests, head and body.
pub(crate) struct Script {
    /// The server's URL.
    pub(crate) url: String,
    /// Ends with the requests, once the script is played.
    pub(crate) requests: JoinHandle<Vec<String>>,
}

/// Starts a server.
pub(crate) fn script(steps: &[Step]) -> Script {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (mut steps, origin): (VecDeque<_>, _) = (steps.iter().copied().collect(), url.clone());
    let requests = thread::spawn(move || {
        let mut requests = Vec::new();
        while let Some((path, status, body)) = steps.pop_front() {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read(&mut stream);
            assert!(request.starts_with(path), "{path} was expected: {request}");
            requests.push(request);
            let body = body.replace("ORIGIN", &origin);
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .unwrap();
        }
        requests
    });
    Script { url, requests }
}

fn read(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request + &String::from_utf8(body).unwrap()
}
