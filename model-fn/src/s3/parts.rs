//! Objects become files, read in parts, some at one time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_RANGE, ETAG};
use reqwest::{Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::listing::Object;
use super::{Bucket, FetchError, Folder};

/// Bytes of a part: large enough for the way to S3 not to count, and small enough to be had again.
const PART: u64 = 8 << 20;

/// Parts that are read at one time: more are not faster on the network that a function has.
const AT_ONCE: usize = 8;

/// How often a part is asked for.
const MOST_TRIES: u32 = 3;

/// Before the second time; four times as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// How often something was asked for in vain.
#[derive(Debug, Default)]
pub(super) struct Tries(u32);

/// A piece of an object, and where it goes.
#[derive(Debug)]
struct Part {
    object: Object,
    path: PathBuf,
    start: u64,
    bytes: u64,
}

impl Tries {
    /// Waits before it is worth trying again; the error where it is not.
    pub(super) async fn after(&mut self, error: FetchError) -> Result<(), FetchError> {
        self.0 += 1;
        let is_changed = matches!(error, FetchError::Changed(_));
        if self.0 == MOST_TRIES || is_changed || !error.is_outage() {
            return Err(error);
        }
        tokio::time::sleep(FIRST_PAUSE * 4_u32.pow(self.0 - 1)).await;
        Ok(())
    }
}

impl Bucket {
    /// Writes every object into the folder. The first that cannot be read ends it.
    pub(super) async fn read(
        &self,
        objects: &[Object],
        folder: &Folder,
        clock: fn() -> SystemTime,
    ) -> Result<(), FetchError> {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut parts = JoinSet::new();
        for object in objects {
            for part in Part::all(object, folder.path())? {
                let (bucket, turns) = (self.clone(), Arc::clone(&turns));
                parts.spawn(async move {
                    // Nobody closes it.
                    let _turn = turns.acquire_owned().await;
                    bucket.read_part(&part, clock).await
                });
            }
        }
        while let Some(ended) = parts.join_next().await {
            // A task that is dropped here is stopped.
            ended.map_err(|error| FetchError::Network(error.into()))??;
        }
        Ok(())
    }

    async fn read_part(&self, part: &Part, clock: fn() -> SystemTime) -> Result<(), FetchError> {
        let mut tries = Tries::default();
        loop {
            match self.try_part(part, clock()).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.after(error).await?,
            }
        }
    }

    async fn try_part(&self, part: &Part, now: SystemTime) -> Result<(), FetchError> {
        let object = &part.object;
        let range = part.range();
        let mut headers = vec![("if-match", object.etag.as_str())];
        headers.extend(range.as_deref().map(|range| ("range", range)));
        let request = self.get(&self.key(object), None, headers, now)?;
        let unanswered = |error: reqwest::Error| {
            FetchError::Unanswered(format!("`{}`", object.path), error.without_url())
        };
        let response = request.send().await.map_err(unanswered)?;
        let changed = || FetchError::Changed(object.path.clone());
        match response.status() {
            StatusCode::OK if range.is_none() => {}
            StatusCode::PARTIAL_CONTENT if part.is_answered(&response) => {}
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                return Err(FetchError::Shape(format!("`{}`", object.path)));
            }
            StatusCode::PRECONDITION_FAILED
            | StatusCode::NOT_FOUND
            | StatusCode::RANGE_NOT_SATISFIABLE => return Err(changed()),
            _ => {
                let what = format!("`{}`", object.path);
                return Err(self.refused(response, &what, "s3:GetObject").await);
            }
        }
        let etag = response.headers().get(ETAG);
        if etag.is_none_or(|etag| etag.as_bytes() != object.etag.as_bytes()) {
            return Err(changed());
        }
        part.write(response, unanswered).await
    }
}

impl Part {
    /// The parts of an object, and the file for them.
    fn all(object: &Object, folder: &Path) -> Result<Vec<Self>, FetchError> {
        let path = folder.join(&object.path);
        let failed = |error| FetchError::File(path.clone(), error);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        // Not kept open: there may be more objects than a process may have files.
        let file = File::create_new(&path).map_err(failed)?;
        file.set_len(object.bytes).map_err(failed)?;
        drop(file);
        let part = |start: u64| Self {
            object: object.clone(),
            path: path.clone(),
            start,
            bytes: PART.min(object.bytes - start),
        };
        let parts = object.bytes.div_ceil(PART).max(1);
        Ok((0..parts).map(|place| part(place * PART)).collect())
    }

    /// An object without a byte has no range.
    fn range(&self) -> Option<String> {
        let last = (self.start + self.bytes).checked_sub(1)?;
        Some(format!("bytes={}-{last}", self.start))
    }

    /// Whether it is this part of an object as long as this one.
    fn is_answered(&self, response: &Response) -> bool {
        let range = response.headers().get(CONTENT_RANGE);
        let last = (self.start + self.bytes).saturating_sub(1);
        let expected = format!("bytes {}-{last}/{}", self.start, self.object.bytes);
        range.is_some_and(|range| range.as_bytes() == expected.as_bytes())
    }

    async fn write(
        &self,
        mut response: Response,
        unanswered: impl Fn(reqwest::Error) -> FetchError,
    ) -> Result<(), FetchError> {
        let failed = |error| FetchError::File(self.path.clone(), error);
        let file = File::options().write(true).open(&self.path);
        let file = file.map_err(failed)?;
        let mut written = 0_u64;
        let shape = || FetchError::Shape(format!("`{}`", self.object.path));
        while let Some(chunk) = response.chunk().await.map_err(&unanswered)? {
            if chunk.len() as u64 > self.bytes - written {
                return Err(shape());
            }
            let written_at = file.write_all_at(&chunk, self.start + written);
            written_at.map_err(failed)?;
            written += chunk.len() as u64;
        }
        if written == self.bytes {
            Ok(())
        } else {
            Err(shape())
        }
    }
}
