//! The Lambda Runtime API (version 2018-06-01), as much of it as functions ask for: a function that is started with
//! [`RuntimeApi::address`] as its `AWS_LAMBDA_RUNTIME_API` gets the events that are given to [`RuntimeApi::invoke`].
//!
//! Several polls may wait at the same time, as with Lambda Managed Instances.

mod http;

use std::collections::{HashMap, VecDeque};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use http::Request;

/// Where a function finds its events.
const ROOT: &str = "/2018-06-01/runtime/";

/// A running API; it ends with this value.
#[derive(Debug)]
pub struct RuntimeApi {
    address: String,
    shared: Arc<Shared>,
}

/// An event that was given, and not yet answered.
#[derive(Debug)]
pub struct Pending {
    answer: Receiver<Answer>,
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it reported an error.
    pub is_error: bool,
    /// The body of the answer, or of the error.
    pub body: String,
    /// When all of it was here.
    pub at: Instant,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Events that nobody has polled.
    events: VecDeque<Event>,
    /// Where the answers go, by request id.
    asked: HashMap<String, Sender<Answer>>,
    /// Polls that wait for an event.
    waiting: usize,
    is_over: bool,
}

#[derive(Debug)]
struct Event {
    id: String,
    text: String,
    deadline: SystemTime,
}

impl RuntimeApi {
    /// Starts on a free port of this machine.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
        let address = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.lock().is_over {
                    return;
                }
                let served = Arc::clone(&served);
                std::thread::spawn(move || served.serve(&stream));
            }
        });
        Ok(Self { address, shared })
    }

    /// Host and port, for `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Gives an event to whoever polls next, to be answered within this time.
    pub fn invoke(&self, event: impl Into<String>, within: Duration) -> Pending {
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        let (sender, answer) = channel();
        let mut state = self.shared.lock();
        state.asked.insert(id.clone(), sender);
        state.events.push_back(Event {
            id,
            text: event.into(),
            deadline: now() + within,
        });
        drop(state);
        self.shared.changed.notify_all();
        Pending { answer }
    }

    /// Waits until so many polls wait for an event: a function has started, or is done.
    pub fn wait_for_polls(&self, polls: usize, limit: Duration) -> Result<()> {
        let started = Instant::now();
        let mut state = self.shared.lock();
        while state.waiting < polls {
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() {
                bail!("{} polls wait, not {polls}", state.waiting);
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        // So that the listener looks up once more.
        drop(TcpStream::connect(&self.address));
    }
}

impl Pending {
    /// The answer, once it is here.
    pub fn wait(&self, limit: Duration) -> Result<Answer> {
        let answer = self.answer.recv_timeout(limit);
        answer.context("no answer in time")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the requests of one connection until it closes.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = http::Reader::new(stream);
        while let Ok(Some(request)) = reader.read() {
            if self.answer(stream, &request).is_err() {
                break;
            }
        }
        drop(stream.shutdown(Shutdown::Both));
    }

    fn answer(&self, stream: &TcpStream, request: &Request) -> Result<()> {
        let path = request.path.strip_prefix(ROOT).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["invocation", "next"] => self.next(stream),
            ["invocation", id, outcome @ ("response" | "error")] => {
                let sender = self.lock().asked.remove(*id);
                let answer = Answer {
                    is_error: *outcome == "error",
                    body: request.body.clone(),
                    at: Instant::now(),
                };
                let sender = sender.context("nobody asked for this")?;
                // Whoever asked may be gone.
                drop(sender.send(answer));
                http::write(stream, 202, &[], "{\"status\":\"OK\"}")
            }
            ["init", "error"] => http::write(stream, 202, &[], "{\"status\":\"OK\"}"),
            _ => http::write(stream, 404, &[], ""),
        }
    }

    fn next(&self, stream: &TcpStream) -> Result<()> {
        let mut state = self.lock();
        state.waiting += 1;
        self.changed.notify_all();
        let event = loop {
            if state.is_over {
                bail!("it is over");
            }
            match state.events.pop_front() {
                Some(event) => break event,
                None => {
                    let waited = self.changed.wait(state);
                    state = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        state.waiting -= 1;
        drop(state);
        let deadline = event
            .deadline
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let headers = [
            ("Lambda-Runtime-Aws-Request-Id", event.id),
            (
                "Lambda-Runtime-Deadline-Ms",
                deadline.as_millis().to_string(),
            ),
            ("Lambda-Runtime-Invoked-Function-Arn", FUNCTION.to_owned()),
            ("Lambda-Runtime-Trace-Id", TRACE.to_owned()),
        ];
        http::write(stream, 200, &headers, &event.text)
    }
}

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:model-serving-fn";
const TRACE: &str = "Root=1-58406520-a006649127e371903a2de979;Sampled=0";

#[expect(clippy::disallowed_methods, reason = "deadlines are times of day")]
fn now() -> SystemTime {
    SystemTime::now()
}
