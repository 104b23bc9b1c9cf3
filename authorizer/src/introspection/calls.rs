//! Who asks about a token while another waits for the answer about it waits for the same answer. Which call is made,
//! and what of it is remembered, is `endpoint`'s business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::cache::TokenDigest;

/// Most tokens whose calls are shared at one time: as many as there are waiting events, unless those are a flood.
const MAX_SHARED: usize = 1_000;

/// Calls that are under way, by the token that each is about.
#[derive(Debug)]
pub(crate) struct Calls<V> {
    open: Mutex<HashMap<TokenDigest, Arc<OnceCell<V>>>>,
}

/// A place among those who wait for one call. The last to leave it, and the first once the call has ended, closes
/// the call to those who come later.
#[derive(Debug)]
struct Seat<'a, V> {
    calls: &'a Calls<V>,
    token: TokenDigest,
    call: Arc<OnceCell<V>>,
}

impl<V> Default for Calls<V> {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
        }
    }
}

impl<V: Clone> Calls<V> {
    /// What `call` comes to, or the one about this token that is under way. Where whoever makes that one is gone
    /// before it has ended, the next who waits makes its own.
    pub(crate) async fn share(&self, token: TokenDigest, call: impl Future<Output = V>) -> V {
        let seat = self.join(token);
        seat.call.get_or_init(|| call).await.clone()
    }

    fn join(&self, token: TokenDigest) -> Seat<'_, V> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let known = open.get(&token).map(Arc::clone);
        let call = known.unwrap_or_else(|| {
            let call = Arc::new(OnceCell::new());
            if open.len() < MAX_SHARED {
                open.insert(token, Arc::clone(&call));
            }
            call
        });
        Seat {
            calls: self,
            token,
            call,
        }
    }
}

impl<V> Drop for Seat<'_, V> {
    fn drop(&mut self) {
        let open = self.calls.open.lock();
        let mut open = open.unwrap_or_else(PoisonError::into_inner);
        let known = open.get(&self.token);
        let is_open = known.is_some_and(|call| Arc::ptr_eq(call, &self.call));
        // One is the table's, one is this.
        let is_last = Arc::strong_count(&self.call) == 2;
        if is_open && (is_last || self.call.initialized()) {
            open.remove(&self.token);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;
    use std::pin::Pin;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    type Waiting<'a> = Pin<Box<dyn Future<Output = u32> + 'a>>;

    fn token(number: usize) -> TokenDigest {
        TokenDigest::of(&number.to_string())
    }

    fn waits(waiting: &mut Waiting<'_>) -> bool {
        waiting.now_or_never().is_none()
    }

    fn open(calls: &Calls<u32>) -> usize {
        calls.open.lock().unwrap().len()
    }

    #[test]
    fn those_who_ask_at_once_share_one_call() {
        let (calls, made) = (Calls::default(), Cell::new(0));
        let (end, ended) = oneshot::channel();
        let mut first: Waiting<'_> = Box::pin(calls.share(token(1), ended.map(Result::unwrap)));
        assert!(waits(&mut first));
        let own = async { made.replace(made.get() + 1) };
        let mut second: Waiting<'_> = Box::pin(calls.share(token(1), own));
        assert!(waits(&mut second));
        end.send(7).unwrap();
        assert_eq!(first.now_or_never(), Some(7));
        // Whoever comes now asks anew, though the second has not looked yet.
        assert_eq!(open(&calls), 0);
        assert_eq!(calls.share(token(1), async { 8 }).now_or_never(), Some(8));
        assert_eq!(second.now_or_never(), Some(7));
        assert_eq!(made.get(), 0);
    }

    #[test]
    fn other_tokens_do_not_wait() {
        let calls = Calls::default();
        let mut first: Waiting<'_> = Box::pin(calls.share(token(1), pending()));
        assert!(waits(&mut first));
        assert_eq!(calls.share(token(2), async { 2 }).now_or_never(), Some(2));
        assert_eq!(open(&calls), 1);
    }

    #[test]
    fn whoever_waits_for_one_who_is_gone_makes_its_own_call() {
        let calls = Calls::default();
        let mut first: Waiting<'_> = Box::pin(calls.share(token(1), pending()));
        let mut second: Waiting<'_> = Box::pin(calls.share(token(1), async { 2 }));
        let mut third: Waiting<'_> = Box::pin(calls.share(token(1), async { 3 }));
        for waiting in [&mut first, &mut second, &mut third] {
            assert!(waits(waiting));
        }
        drop(first);
        assert_eq!(second.now_or_never(), Some(2));
        assert_eq!(third.now_or_never(), Some(2));
        assert_eq!(open(&calls), 0);
    }

    #[test]
    fn a_call_that_nobody_waits_for_is_forgotten() {
        let calls = Calls::default();
        let mut first: Waiting<'_> = Box::pin(calls.share(token(1), pending()));
        let mut second: Waiting<'_> = Box::pin(calls.share(token(1), pending()));
        assert!(waits(&mut first) && waits(&mut second));
        drop(first);
        assert_eq!(open(&calls), 1);
        drop(second);
        assert_eq!(open(&calls), 0);
    }

    #[test]
    fn beyond_the_bound_everybody_asks_alone() {
        let calls = Calls::default();
        let seats: Vec<_> = (0..=MAX_SHARED)
            .map(|number| calls.join(token(number)))
            .collect();
        assert_eq!(open(&calls), MAX_SHARED);
        let beyond = calls.share(token(MAX_SHARED), async { 1 });
        assert_eq!(beyond.now_or_never(), Some(1));
        drop(seats);
        assert_eq!(open(&calls), 0);
    }
}
