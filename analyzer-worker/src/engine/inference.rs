//! The life of a model's thread: load, answer batches, load again where other heads shall answer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{AnalyzeError, Job, Request, Shared, StartError, batch::Pace, state::State, timed};
use crate::{
    analyst::{Analyst, Analyzed},
    metric,
    settings::ModelSettings,
};

/// Before loading again what did not load.
const PAUSE: Duration = Duration::from_secs(10);

/// A model's thread, before it runs.
pub(super) struct Inference {
    settings: ModelSettings,
    shared: Arc<Shared>,
    /// Hears how the first attempt to load went.
    ready: mpsc::Sender<Result<(), StartError>>,
}

impl Inference {
    pub(super) const fn new(
        settings: ModelSettings,
        shared: Arc<Shared>,
        ready: mpsc::Sender<Result<(), StartError>>,
    ) -> Self {
        Self { settings, shared, ready }
    }

    /// Runs until nobody can ask any more.
    pub(super) fn run(self) {
        // Both hold for the calling thread only. The guard outlives every panic; a closure's would not.
        tch::set_num_threads(i32::from(self.settings.threads));
        let _no_gradients = tch::no_grad_guard();
        let Some(mut analyst) = self.load_at_last() else { return };
        let mut heads_dir = self.settings.heads_dir.clone();
        let mut pace = Pace::new(Duration::from_millis(u64::from(self.settings.batch_ms)));
        let mut left_over = None;
        while let Some((batch, rest)) = self.next_batch(left_over.take(), &pace) {
            left_over = rest;
            let wanted = self.shared.heads.borrow().clone();
            if wanted != heads_dir {
                self.switch(&mut analyst, &wanted);
                heads_dir = wanted;
            }
            let (pieces, started) = (Pace::length(&batch), Instant::now());
            metric::batched(batch.len());
            answer(&analyst, batch);
            pace.observe(pieces, started.elapsed());
        }
    }

    /// The model, however long that takes; none when nobody needs it any more.
    fn load_at_last(&self) -> Option<Analyst> {
        loop {
            match load(&self.settings, &self.settings.heads_dir) {
                Ok(analyst) => {
                    let model = analyst.heads().model();
                    tracing::info!(model = model.name, revision = model.revision, "the model is loaded");
                    self.shared.state.send_replace(State::ready(&analyst));
                    // Whoever started the engine may not wait for it.
                    let _ = self.ready.send(Ok(()));
                    return Some(analyst);
                }
                Err(error) => self.report(error),
            }
            if self.is_unneeded() {
                return None;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Another thread's model may answer all the same.
    fn report(&self, error: StartError) {
        tracing::error!(%error, "the model does not load; trying again");
        self.shared.state.send_if_modified(|state| {
            let is_news = state.model().is_none();
            if is_news {
                *state = State::Failed(error.to_string());
            }
            is_news
        });
        let _ = self.ready.send(Err(error));
    }

    fn is_unneeded(&self) -> bool {
        self.shared.jobs.lock().unwrap_or_else(PoisonError::into_inner).is_closed()
    }

    /// What waits, and the job that did not fit; none when nobody can ask any more. The threads take turns at the queue: one
    /// waits there, and whoever has a job in hand does not wait for it.
    fn next_batch(&self, left_over: Option<Job>, pace: &Pace) -> Option<(Vec<Job>, Option<Job>)> {
        if let Some(first) = left_over {
            return Some(match self.shared.jobs.try_lock() {
                Ok(mut jobs) => pace.fill(first, &mut jobs),
                Err(_) => (vec![first], None),
            });
        }
        let mut jobs = self.shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let first = jobs.blocking_recv()?;
        Some(pace.fill(first, &mut jobs))
    }

    /// Heads that do not load leave things as they are.
    fn switch(&self, analyst: &mut Analyst, heads_dir: &Path) {
        match load(&self.settings, heads_dir) {
            Ok(loaded) => {
                let model = loaded.heads().model();
                tracing::info!(model = model.name, revision = model.revision, "another model answers");
                *analyst = loaded;
                self.shared.state.send_replace(State::ready(analyst));
            }
            Err(error) => {
                tracing::error!(%error, "the promoted model does not load; the earlier one goes on");
            }
        }
    }
}

fn load(settings: &ModelSettings, heads_dir: &Path) -> Result<Analyst, StartError> {
    let settings = settings.with_heads(heads_dir.to_owned());
    match catch_unwind(AssertUnwindSafe(|| Analyst::load(&settings))) {
        Ok(loaded) => Ok(loaded?),
        Err(panic) => Err(StartError::Panicked(speakable(&*panic))),
    }
}

fn answer(analyst: &Analyst, mut batch: Vec<Job>) {
    // Nobody waits for them any more.
    batch.retain(|job| !job.reply.is_closed());
    let requests: Vec<_> = batch.iter().map(|job| &job.request).collect();
    match attempt(analyst, &requests) {
        Ok(answers) => batch.into_iter().zip(answers).for_each(|(job, answer)| reply(job, Ok(answer))),
        Err(error) if batch.len() == 1 => batch.into_iter().for_each(|job| reply(job, Err(error.clone()))),
        // One bad ticket must not fail the others: each gets its own attempt.
        Err(_) => batch.into_iter().for_each(|job| answer(analyst, vec![job])),
    }
}

fn attempt(analyst: &Analyst, requests: &[&Request]) -> Result<Vec<Analyzed>, AnalyzeError> {
    match catch_unwind(AssertUnwindSafe(|| analyst.answer(requests))) {
        Ok(answers) => answers.map_err(|error| Arc::new(error).into()),
        Err(panic) => Err(AnalyzeError::Panicked(speakable(&*panic))),
    }
}

fn reply(job: Job, answer: Result<Analyzed, AnalyzeError>) {
    // The caller may have gone away meanwhile.
    let _ = job.reply.send(answer.map(|answer| timed(answer, job.since)));
}

/// What may be said about a panic: libtorch's first line (the rest is kilobytes of C++ backtrace). A panic of Rust
/// code may quote the text it stumbled over, so nothing of it is repeated.
fn speakable(panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic.downcast_ref::<String>().filter(|message| message.contains("Torch("));
    let first_line = message.and_then(|message| message.lines().next()).unwrap_or("not in libtorch");
    first_line.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::speakable;

    #[test]
    fn a_panic_that_may_quote_a_ticket_is_not_repeated() {
        let quoting = "byte index 3 is not a char boundary of `my password is`".to_owned();
        assert_eq!(speakable(&quoting), "not in libtorch");
        let torch =
            "called `Result::unwrap()` on an `Err` value: Torch(\"index out of range\nframe #0".to_owned();
        assert!(speakable(&torch).ends_with("index out of range"));
    }
}
