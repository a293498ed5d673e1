//! The model on a thread of its own, behind a bounded queue and a cheap handle.
//!
//! libtorch's tensors may move between threads and not be shared, so one thread owns them. It takes what waits in
//! the queue, up to a budget of word pieces, and analyzes it as one batch: alone a ticket waits for nobody, and
//! under load batches fill by themselves.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Instant,
};

use schemas::{Analysis, analysis::ModelRef};
use tokio::sync::{mpsc, oneshot};

use crate::{
    analyst::{Analyst, Analyzed, AnswerError},
    model::{LoadError, embedder::TOKEN_BUDGET},
    settings::ModelSettings,
};

/// Bytes of English text that are one word piece, about.
const BYTES_PER_PIECE: usize = 4;

/// A ticket to analyze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The text.
    pub description: String,
    /// What the requester picked on the form, wrong about one time in five.
    pub request_type: String,
}

/// Why a ticket was not analyzed. None of the messages quotes it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The model broke on this ticket; it goes on with others.
    #[error("the model panicked: {0}")]
    Panicked(String),
    /// The model's answer could not be used.
    #[error("the model's answer cannot be used: {0}")]
    BadAnswer(#[from] Arc<AnswerError>),
    /// The model's thread is gone.
    #[error("the model has stopped")]
    Stopped,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The model could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The model broke while it was loaded.
    #[error("the model panicked while loading: {0}")]
    Panicked(String),
    /// No thread to run it on.
    #[error("starting the model's thread")]
    Thread(#[from] std::io::Error),
}

type Answer = Result<Analyzed, AnalyzeError>;

/// A ticket in the queue.
struct Job {
    request: Request,
    since: Instant,
    reply: oneshot::Sender<Answer>,
}

/// Handle of the model's thread. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct Engine {
    queue: mpsc::Sender<Job>,
    model: Arc<ModelRef>,
}

impl Engine {
    /// Loads the model on its thread and returns when it is ready. Blocks for about half a second.
    pub fn start(settings: &ModelSettings) -> Result<Self, StartError> {
        let (queue, jobs) = mpsc::channel(usize::from(settings.queue));
        let (ready, loaded) = std::sync::mpsc::sync_channel(1);
        let settings = settings.clone();
        thread::Builder::new().name("model".to_owned()).spawn(move || run(&settings, jobs, &ready))?;
        let model =
            loaded.recv().unwrap_or_else(|_| Err(StartError::Panicked("no word from it".to_owned())))?;
        Ok(Self { queue, model: Arc::new(model) })
    }

    /// What answers.
    #[must_use]
    pub fn model(&self) -> &ModelRef {
        &self.model
    }

    /// Whether the model's thread still takes tickets.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Analyzes a ticket; waits while the queue is full. A caller that goes away costs nothing but the work.
    pub async fn analyze(&self, request: Request) -> Result<Analyzed, AnalyzeError> {
        let (reply, answer) = oneshot::channel();
        let job = Job { request, since: Instant::now(), reply };
        self.queue.send(job).await.map_err(|_| AnalyzeError::Stopped)?;
        answer.await.map_err(|_| AnalyzeError::Stopped)?
    }

    /// Analyzes tickets together; one answer each, in order.
    pub async fn analyze_all(&self, requests: Vec<Request>) -> Vec<Result<Analyzed, AnalyzeError>> {
        futures::future::join_all(requests.into_iter().map(|request| self.analyze(request))).await
    }
}

/// The life of the model's thread.
fn run(
    settings: &ModelSettings,
    mut jobs: mpsc::Receiver<Job>,
    ready: &std::sync::mpsc::SyncSender<Result<ModelRef, StartError>>,
) {
    // Both hold for the calling thread only. The guard outlives every panic; a closure's would not.
    tch::set_num_threads(i32::from(settings.threads));
    let _no_gradients = tch::no_grad_guard();
    let analyst = match catch_unwind(AssertUnwindSafe(|| Analyst::load(settings))) {
        Ok(Ok(analyst)) => analyst,
        Ok(Err(error)) => return drop(ready.send(Err(error.into()))),
        Err(panic) => return drop(ready.send(Err(StartError::Panicked(speakable(&*panic))))),
    };
    let _ = ready.send(Ok(analyst.heads().model()));
    let mut left_over = None;
    while let Some(first) = left_over.take().or_else(|| jobs.blocking_recv()) {
        let batch;
        (batch, left_over) = fill(first, &mut jobs);
        answer(&analyst, batch);
    }
}

/// Takes what waits, up to about the budget; the job that no longer fits starts the next batch.
fn fill(first: Job, jobs: &mut mpsc::Receiver<Job>) -> (Vec<Job>, Option<Job>) {
    let mut pieces = word_pieces(&first);
    let mut batch = vec![first];
    while let Ok(job) = jobs.try_recv() {
        pieces += word_pieces(&job);
        if pieces > TOKEN_BUDGET {
            return (batch, Some(job));
        }
        batch.push(job);
    }
    (batch, None)
}

/// Word pieces of a ticket and, once more, of its sentences. An estimate is enough here: the embedder counts.
fn word_pieces(job: &Job) -> usize {
    2 * job.request.description.len() / BYTES_PER_PIECE
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

fn reply(job: Job, answer: Answer) {
    let duration_ms = job.since.elapsed().as_millis() as u32;
    let answer = answer.map(|Analyzed { analysis, embedding }| Analyzed {
        analysis: Analysis { duration_ms, ..analysis },
        embedding,
    });
    // The caller may have gone away meanwhile.
    let _ = job.reply.send(answer);
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
