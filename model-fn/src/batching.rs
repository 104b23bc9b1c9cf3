//! Runs of several requests as one, where requests come at the same time.
//!
//! The first request of a batch waits for those that are being read, for a bounded time, and runs the model for
//! all of them. Nobody waits for requests that have not come. What a request asks for besides its rows, and what is
//! wrong with it, stays its own: where a batch fails, each of its requests runs alone.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::RunError;
use crate::tensor::{Datatype, Tensor};

/// How large a batch may be, and how long it may be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The most rows of a batch.
    pub rows: usize,
    /// The longest wait for requests that are being read.
    pub delay: Duration,
}

/// The batches of one version of a model.
#[derive(Debug)]
pub struct Batcher {
    settings: Settings,
    state: Mutex<State>,
    /// Somebody has come, or has been found not to come.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that are being read.
    coming: usize,
    /// Batches that others may join.
    open: Vec<Batch>,
    /// The name of the next batch.
    next: u64,
}

#[derive(Debug)]
struct Batch {
    name: u64,
    rows_alike: RowsAlike,
    rows: usize,
    /// All but the first.
    others: Vec<Other>,
}

/// Of each input, its datatype and the shape of its rows: what requests must have in common.
type RowsAlike = Vec<(Datatype, Vec<usize>)>;

/// A request that has joined a batch.
#[derive(Debug)]
struct Other {
    inputs: Vec<Tensor>,
    answer: SyncSender<Answer>,
}

/// What becomes of a request that has joined a batch.
enum Answer {
    Outputs(Vec<Tensor>, Shared),
    /// The batch has failed, so here are the request's inputs again.
    Alone(Vec<Tensor>),
}

/// What of the run was a batch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// How many requests ran together.
    pub requests: usize,
    /// Whether this request is the one that ran the model.
    pub is_first: bool,
}

impl Shared {
    /// A run of one request.
    pub const ALONE: Self = Self {
        requests: 1,
        is_first: true,
    };
}

/// A request that is being read.
#[derive(Debug)]
pub struct Coming<'a>(Option<&'a Batcher>);

enum Turn {
    /// The first of the batch of this name.
    First(u64),
    Other(Receiver<Answer>),
}

impl Batcher {
    /// Nothing is open yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Says that there will be a request, once it is read.
    pub fn coming(&self) -> Coming<'_> {
        self.lock().coming += 1;
        Coming(Some(self))
    }

    /// Runs a model on the inputs of a request, together with those of others where there are any.
    pub fn run(
        &self,
        coming: Coming<'_>,
        inputs: Vec<Tensor>,
        model: impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>, RunError>,
    ) -> Result<(Vec<Tensor>, Shared), RunError> {
        let alone = |inputs| model(inputs).map(|outputs| (outputs, Shared::ALONE));
        let rows = rows(&inputs).filter(|rows| *rows < self.settings.rows);
        let Some(rows) = rows else {
            drop(coming);
            return alone(inputs);
        };
        let mut inputs = Some(inputs);
        match self.join(coming, rows, &mut inputs) {
            Turn::First(name) => {
                let others = self.wait(name);
                lead(
                    inputs.unwrap_or_default(),
                    rows,
                    others,
                    self.settings.rows,
                    &model,
                )
            }
            Turn::Other(answer) => match answer.recv() {
                Ok(Answer::Outputs(outputs, shared)) => Ok((outputs, shared)),
                Ok(Answer::Alone(inputs)) => alone(inputs),
                Err(_) => Err(RunError::Panicked),
            },
        }
    }

    /// Joins an open batch with room for these rows, and leaves the inputs there; otherwise opens one.
    fn join(&self, coming: Coming<'_>, rows: usize, inputs: &mut Option<Vec<Tensor>>) -> Turn {
        let rows_alike = rows_alike(inputs.as_deref().unwrap_or_default());
        let mut state = self.lock();
        coming.has_come(&mut state);
        let fits = |batch: &&mut Batch| {
            batch.rows_alike == rows_alike && batch.rows + rows <= self.settings.rows
        };
        let turn = match state.open.iter_mut().find(fits) {
            Some(batch) => {
                let (answer, receiver) = sync_channel(1);
                let inputs = inputs.take().unwrap_or_default();
                batch.rows += rows;
                batch.others.push(Other { inputs, answer });
                Turn::Other(receiver)
            }
            None => {
                let name = state.next;
                state.next += 1;
                state.open.push(Batch {
                    name,
                    rows_alike,
                    rows,
                    others: Vec::new(),
                });
                Turn::First(name)
            }
        };
        drop(state);
        self.changed.notify_all();
        turn
    }

    /// Waits until a batch is full, nobody is coming, or it is time; then closes it.
    fn wait(&self, name: u64) -> Vec<Other> {
        let opened = Instant::now();
        let mut state = self.lock();
        loop {
            let left = self.settings.delay.saturating_sub(opened.elapsed());
            let Some(place) = state.open.iter().position(|batch| batch.name == name) else {
                return Vec::new();
            };
            let is_full = |batch: &Batch| batch.rows >= self.settings.rows;
            if state.coming == 0 || left.is_zero() || state.open.get(place).is_some_and(is_full) {
                return state.open.swap_remove(place).others;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the model for the first request of a batch and the others.
fn lead(
    inputs: Vec<Tensor>,
    rows: usize,
    others: Vec<Other>,
    most: usize,
    model: &impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>, RunError>,
) -> Result<(Vec<Tensor>, Shared), RunError> {
    if others.is_empty() {
        return model(inputs).map(|outputs| (outputs, Shared::ALONE));
    }
    let Some(answers) = together(&inputs, rows, &others, most, model) else {
        for Other { inputs, answer } in others {
            // Whoever is gone does not want it.
            drop(answer.send(Answer::Alone(inputs)));
        }
        return model(inputs).map(|outputs| (outputs, Shared::ALONE));
    };
    let requests = answers.len();
    let mut answers = answers.into_iter();
    let first = answers.next().unwrap_or_default();
    let shared = |is_first| Shared { requests, is_first };
    for (other, outputs) in others.into_iter().zip(answers) {
        drop(other.answer.send(Answer::Outputs(outputs, shared(false))));
    }
    Ok((first, shared(true)))
}

/// The outputs of each request of a batch; nothing where they cannot be had from one run.
///
/// The model makes a plan for each number of rows, and keeps few: batches have a power of two.
fn together(
    inputs: &[Tensor],
    rows: usize,
    others: &[Other],
    most: usize,
    model: &impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>, RunError>,
) -> Option<Vec<Vec<Tensor>>> {
    let of_others = others.iter().map(|other| self::rows(&other.inputs));
    let counts = std::iter::once(Some(rows)).chain(of_others);
    let counts: Vec<usize> = counts.collect::<Option<_>>()?;
    let total = counts.iter().sum::<usize>();
    let padded = total.next_power_of_two().min(most).max(total);
    let stacked = inputs.iter().enumerate().map(|(place, input)| {
        let of_others = others.iter().map(|other| other.inputs.get(place));
        let parts = std::iter::once(Some(input)).chain(of_others);
        Tensor::stacked(&parts.collect::<Option<Vec<_>>>()?, padded)
    });
    let outputs = model(stacked.collect::<Option<_>>()?).ok()?;
    let mut answers = vec![Vec::with_capacity(outputs.len()); counts.len()];
    for output in outputs {
        let parts = output
            .split(&counts)
            .filter(|_| output.rows() == Some(padded))?;
        for (answer, part) in answers.iter_mut().zip(parts) {
            answer.push(part);
        }
    }
    Some(answers)
}

/// How many rows all inputs have; nothing where they have none, or not the same number.
fn rows(inputs: &[Tensor]) -> Option<usize> {
    let rows = inputs.first()?.rows().filter(|rows| *rows > 0)?;
    let is_same = inputs.iter().all(|input| input.rows() == Some(rows));
    is_same.then_some(rows)
}

fn rows_alike(inputs: &[Tensor]) -> RowsAlike {
    let alike = |input: &Tensor| {
        let row = input.shape().get(1..).unwrap_or_default();
        (input.datatype(), row.to_vec())
    };
    inputs.iter().map(alike).collect()
}

impl Coming<'_> {
    fn has_come(mut self, state: &mut State) {
        if self.0.take().is_some() {
            state.coming = state.coming.saturating_sub(1);
        }
    }
}

/// It will not come: nobody need wait for it any longer.
impl Drop for Coming<'_> {
    fn drop(&mut self) {
        if let Some(batcher) = self.0.take() {
            let mut state = batcher.lock();
            state.coming = state.coming.saturating_sub(1);
            drop(state);
            batcher.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests;
