//! Calls that run after their client gave them up.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use chrono::{DateTime, Utc};

use crate::world::Shared;

/// How often a held call's time is looked at, in real time; calls that come in look too, so that the order on the mock's
/// clock is kept.
const LOOK: Duration = Duration::from_millis(20);

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The calls that are held back, with the times at which they run.
#[derive(Default)]
pub(crate) struct Held(Vec<(DateTime<Utc>, Call)>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.0.len()).finish()
    }
}

impl Held {
    /// The earliest of those whose time has come.
    fn due(&mut self, now: DateTime<Utc>) -> Option<Call> {
        let due = self.0.iter().enumerate().filter(|(_, (at, _))| *at <= now);
        let (place, _) = due.min_by_key(|(_, (at, _))| *at)?;
        Some(self.0.remove(place).1)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn drop_all(&mut self) {
        self.0.clear();
    }
}

impl Shared {
    /// Lets `call` run at that time of the mock.
    pub(super) fn hold(&self, at: DateTime<Utc>, call: impl Future<Output = ()> + Send + 'static) {
        self.held().0.push((at, Box::pin(call)));
        let shared = self.clone();
        tokio::spawn(async move {
            while shared.held().len() > 0 && !shared.stop.is_cancelled() {
                shared.land_due().await;
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    /// Runs the held calls whose time has come. Whoever comes meanwhile waits: what is late by the clock has happened
    /// before whatever comes now.
    pub(crate) async fn land_due(&self) {
        let _landing = self.landing.lock().await;
        loop {
            let due = self.held().due(self.now());
            let Some(call) = due else { return };
            call.await;
        }
    }
}
