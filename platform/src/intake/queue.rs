//! One chat's updates wait for each other here, before they take a connection: forty updates of one chat hold one
//! connection, not forty. Different chats run side by side.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use tokio_util::task::TaskTracker;

use crate::module::BoxFuture;
use crate::telemetry::metrics;

type Work = BoxFuture<'static, ()>;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overloaded;

/// The queues of all chats that have something in work. A chat at rest has none.
pub(super) struct ChatQueues {
    chats: Mutex<HashMap<i64, VecDeque<Work>>>,
    waiting: AtomicUsize,
    limit: usize,
}

impl ChatQueues {
    pub fn new(limit: usize) -> Self {
        Self { chats: Mutex::default(), waiting: AtomicUsize::new(0), limit }
    }

    /// Order is the order of calls. Without a chat there is no order to keep.
    pub fn push(self: &Arc<Self>, chat: Option<i64>, work: Work, tasks: &TaskTracker) -> Result<(), Overloaded> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Overloaded);
        }
        metrics().chats_waiting.inc();
        if let Some(id) = chat {
            let mut chats = self.chats.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(queue) = chats.get_mut(&id) {
                queue.push_back(work);
                return Ok(());
            }
            chats.insert(id, VecDeque::new());
        }
        tasks.spawn(self.clone().run(chat, work));
        Ok(())
    }

    async fn run(self: Arc<Self>, chat: Option<i64>, first: Work) {
        let mut next = Some(first);
        while let Some(work) = next.take() {
            // One that panics must not end its chat's queue: whatever came later would wait for ever.
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                tracing::error!("an update's work panicked");
            }
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            metrics().chats_waiting.dec();
            if let Some(id) = chat {
                let mut chats = self.chats.lock().unwrap_or_else(PoisonError::into_inner);
                next = chats.get_mut(&id).and_then(VecDeque::pop_front);
                if next.is_none() {
                    chats.remove(&id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_chat_keeps_its_order_and_does_not_hold_up_another() {
        let (queues, tasks) = (Arc::new(ChatQueues::new(100)), TaskTracker::new());
        let order = Arc::new(Mutex::new(Vec::new()));
        let (open, gate) = oneshot::channel::<()>();
        let mut gate = Some(gate);
        for n in 0..40 {
            let (order, gate) = (order.clone(), gate.take());
            let work = async move {
                if let Some(gate) = gate {
                    gate.await.unwrap();
                }
                order.lock().unwrap().push(n);
            };
            queues.push(Some(1), Box::pin(work), &tasks).unwrap();
        }
        let (done, other) = oneshot::channel();
        queues.push(Some(2), Box::pin(async move { done.send(()).unwrap() }), &tasks).unwrap();
        other.await.unwrap();
        assert!(order.lock().unwrap().is_empty());
        open.send(()).unwrap();
        tasks.close();
        tasks.wait().await;
        assert_eq!(*order.lock().unwrap(), (0..40).collect::<Vec<_>>());
        assert!(queues.chats.lock().unwrap().is_empty(), "a chat at rest costs nothing");
    }

    #[tokio::test]
    async fn work_that_panics_does_not_hold_up_what_comes_after_it() {
        let (queues, tasks) = (Arc::new(ChatQueues::new(2)), TaskTracker::new());
        let (done, next) = oneshot::channel();
        queues.push(Some(1), Box::pin(async { panic!("on purpose") }), &tasks).unwrap();
        queues.push(Some(1), Box::pin(async move { done.send(()).unwrap() }), &tasks).unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(10), next).await.unwrap().unwrap();
        tasks.close();
        tasks.wait().await;
        assert_eq!(queues.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn over_its_bound_the_queue_refuses() {
        let (queues, tasks) = (Arc::new(ChatQueues::new(2)), TaskTracker::new());
        let pending = || -> Work { Box::pin(std::future::pending()) };
        assert_eq!(queues.push(Some(1), pending(), &tasks), Ok(()));
        assert_eq!(queues.push(Some(1), pending(), &tasks), Ok(()));
        assert_eq!(queues.push(Some(2), pending(), &tasks), Err(Overloaded));
    }
}
