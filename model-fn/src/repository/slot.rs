//! The place of one version: what runs there, if anything does, and what it has done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::recipe::{Loaded, Recipe, Took};
use crate::batching::Batcher;
use crate::pipeline::Pipeline;
use crate::statistics::Statistics;
use crate::tensor::Tensor;

/// The place of a version that is served.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) statistics: Statistics,
    /// Where requests may run as one.
    pub(super) batcher: Option<Batcher>,
    /// Inputs that the version takes, if they are few, once it was loaded.
    example: OnceLock<Vec<Tensor>>,
    /// How long its first load took.
    took: OnceLock<Took>,
    /// How it is loaded on its first use; nothing where it was loaded at the start, for then it stays.
    recipe: Option<Recipe>,
    running: RwLock<Option<Arc<Pipeline>>>,
    /// When it was used last, in uses of all versions.
    used: AtomicU64,
}

impl Slot {
    /// Of a version that is loaded, and stays so.
    pub(super) fn kept(loaded: Loaded, batcher: Option<Batcher>) -> Self {
        let slot = Self {
            statistics: Statistics::default(),
            batcher,
            example: OnceLock::new(),
            took: OnceLock::new(),
            recipe: None,
            running: RwLock::default(),
            used: AtomicU64::default(),
        };
        slot.arrive(loaded);
        slot
    }

    /// Of a version that is loaded when it is asked for.
    pub(super) fn lazy(recipe: Recipe) -> Self {
        Self {
            statistics: Statistics::default(),
            batcher: recipe.description.batcher(&recipe.limits),
            example: OnceLock::new(),
            took: OnceLock::new(),
            recipe: Some(recipe),
            running: RwLock::default(),
            used: AtomicU64::default(),
        }
    }

    pub(super) fn recipe(&self) -> Option<&Recipe> {
        self.recipe.as_ref()
    }

    /// What runs. Whoever holds it keeps it from leaving.
    pub(super) fn running(&self) -> Option<Arc<Pipeline>> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.clone()
    }

    pub(super) fn is_running(&self) -> bool {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        running.is_some()
    }

    pub(super) fn example(&self) -> Option<&[Tensor]> {
        self.example.get().map(Vec::as_slice)
    }

    pub(super) fn took(&self) -> Option<Took> {
        self.took.get().copied()
    }

    /// A model is there; the same, for whoever waits for it.
    pub(super) fn arrive(&self, loaded: Loaded) -> Arc<Pipeline> {
        let Loaded {
            model,
            example,
            took,
        } = loaded;
        if let Some(example) = example {
            // Each load finds the same.
            self.example.get_or_init(|| example);
        }
        self.took.get_or_init(|| took);
        let model = Arc::new(model);
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        *running = Some(Arc::clone(&model));
        drop(running);
        model
    }

    /// Lets the model go, unless somebody uses it; whether it has gone.
    pub(super) fn leave(&self) -> bool {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        // Nobody takes it while the lock is held: a count of one is the slot's own.
        let gone = running.take_if(|model| Arc::strong_count(model) == 1);
        drop(running);
        gone.is_some()
    }

    pub(super) fn use_at(&self, now: u64) {
        self.used.fetch_max(now, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}
