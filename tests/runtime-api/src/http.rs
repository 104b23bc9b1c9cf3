//! As much of HTTP/1.1 as runtimes speak: requests on connections that stay open, bodies of a length or in chunks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail};

/// Longer than any answer that Lambda takes.
const MOST_BYTES: usize = 16 << 20;

pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) body: String,
}

/// The requests of a connection.
pub(crate) struct Reader<'a>(BufReader<&'a TcpStream>);

impl<'a> Reader<'a> {
    pub(crate) fn new(stream: &'a TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// The next request; nothing where the connection is closed.
    pub(crate) fn read(&mut self) -> Result<Option<Request>> {
        let line = self.line()?;
        let Some(path) = line.split(' ').nth(1) else {
            return Ok(None);
        };
        let path = path.to_owned();
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').context("a header has a name")?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "transfer-encoding" => is_chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        let body = if is_chunked {
            self.chunks()?
        } else {
            self.bytes(length)?
        };
        let body = String::from_utf8(body).context("the body is text")?;
        Ok(Some(Request { path, body }))
    }

    /// A line without its end; empty at the end of the connection.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>> {
        if length > MOST_BYTES {
            bail!("a body of {length} bytes");
        }
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let length = self.line()?;
            let length = usize::from_str_radix(length.split(';').next().unwrap_or_default(), 16)?;
            all.extend(self.bytes(length)?);
            self.line()?;
            if length == 0 {
                return Ok(all);
            }
        }
    }
}

/// Writes an answer.
pub(crate) fn write(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(&str, String)],
    body: &str,
) -> Result<()> {
    let mut head = format!("HTTP/1.1 {status} \r\nContent-Type: application/json\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    Ok(())
}
