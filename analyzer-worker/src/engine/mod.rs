//! The model behind a bounded queue and a cheap handle.
//!
//! libtorch's tensors may move between threads and not be shared, and it leaks what belongs to a thread, so a fixed
//! number of threads, each with a model of its own, lives as long as the process. Each takes what waits in the queue, up to
//! what it can read within the latency budget, and analyzes it as one batch: alone a ticket waits for nobody, and under
//! load batches fill by themselves.
//!
//! - here: the handle, and what can go wrong
//! - [`state`]: whether the model can answer, and if not, why
//! - `inference`: the life of a model's thread
//! - `batch`: how much goes into one forward pass
//! - `reuse`: the same text to the same model is answered once

mod batch;
mod inference;
mod reuse;
pub mod state;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use schemas::analysis::ModelRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::{
    analyst::{Analyzed, AnswerError},
    metric,
    model::LoadError,
    settings::ModelSettings,
};
use inference::Inference;
use reuse::Reuse;
use state::State;

/// A ticket to analyze.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// There is no model that could answer.
    #[error("the model cannot run: {0}")]
    Unavailable(String),
    /// The answer did not come in time.
    #[error("the model did not answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// Callers that are to come back later have all the places they may have.
    #[error("the model has enough to do")]
    Busy,
}

impl AnalyzeError {
    /// Whether the same ticket may get an answer later, without anybody changing the model.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TooSlow(_) | Self::Busy)
    }

    /// Whether there is a model that answers others meanwhile.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::TooSlow(_) | Self::Busy)
    }
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
    /// Its place among the callers that are to come back later; free again when the job is gone.
    _place: Option<OwnedSemaphorePermit>,
}

/// What the threads share.
struct Shared {
    jobs: Mutex<mpsc::Receiver<Job>>,
    state: watch::Sender<State>,
    /// Where the heads are that shall answer.
    heads: watch::Sender<PathBuf>,
}

/// Handle of the model's threads. They end when the last handle is dropped.
#[derive(Clone)]
pub struct Engine {
    queue: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    reuse: Arc<Reuse>,
    /// Of the queue, for callers that can come back later: the log's tickets are never behind more of them.
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Engine {
    /// Loads the model on its threads and returns when one of them is ready. Blocks for about half a second.
    pub fn start(settings: &ModelSettings) -> Result<Self, StartError> {
        let (engine, first) = Self::spawn(settings)?;
        first.recv().unwrap_or_else(|_| Err(StartError::Panicked("no word from it".to_owned())))?;
        Ok(engine)
    }

    /// Starts the model's threads and returns at once. They go on trying where the model does not load.
    ///
    /// # Errors
    /// When there are no threads to be had.
    pub fn start_in_background(settings: &ModelSettings) -> Result<Self, StartError> {
        Ok(Self::spawn(settings)?.0)
    }

    fn spawn(
        settings: &ModelSettings,
    ) -> Result<(Self, std::sync::mpsc::Receiver<Result<(), StartError>>), StartError> {
        let engine = Self::without_threads(settings);
        let (ready, first) = std::sync::mpsc::channel();
        for index in 0..settings.workers {
            let inference = Inference::new(settings.clone(), engine.shared.clone(), ready.clone());
            thread::Builder::new().name(format!("model-{index}")).spawn(move || inference.run())?;
        }
        Ok((engine, first))
    }

    fn without_threads(settings: &ModelSettings) -> Self {
        let (queue, jobs) = mpsc::channel(usize::from(settings.queue));
        let shared = Shared {
            jobs: Mutex::new(jobs),
            state: watch::Sender::new(State::Loading),
            heads: watch::Sender::new(settings.heads_dir.clone()),
        };
        Self {
            queue,
            shared: Arc::new(shared),
            reuse: Arc::default(),
            places: Arc::new(Semaphore::new(usize::from(settings.queue).div_ceil(2))),
            patience: Duration::from_secs(u64::from(settings.patience)),
        }
    }

    /// What answers; none while no model is loaded.
    #[must_use]
    pub fn model(&self) -> Option<ModelRef> {
        self.shared.state.borrow().model().cloned()
    }

    /// Why no model answers, if none does; fit for a public answer.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.shared.state.borrow().problem()
    }

    /// Why a team's own labels are left out, if they are; fit for a public answer.
    #[must_use]
    pub fn own_labels_problem(&self) -> Option<String> {
        self.shared.state.borrow().own_problem().map(ToOwned::to_owned)
    }

    /// Whether a model answers.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.model().is_some()
    }

    /// Lets the heads in this folder answer as soon as they are loaded. Where they cannot be loaded, those that answer
    /// now go on.
    pub fn switch_to(&self, heads_dir: PathBuf) {
        self.shared.heads.send_replace(heads_dir);
        // The threads look at it when a ticket comes, so the next one must come to them.
        self.reuse.clear();
    }

    /// Analyzes a ticket, or repeats the answer that the same text got from the same model. Waits while the queue is full,
    /// but not longer than the patience that was set. A caller that goes away costs nothing but the work.
    pub async fn analyze(&self, request: Request) -> Result<Analyzed, AnalyzeError> {
        self.ask_patiently(request, None).await
    }

    /// The same for callers that can come back later: they have half of the queue, and where that is full they hear so at
    /// once.
    pub async fn try_analyze(&self, request: Request) -> Result<Analyzed, AnalyzeError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| AnalyzeError::Busy)?;
        self.ask_patiently(request, Some(place)).await
    }

    async fn ask_patiently(&self, request: Request, place: Option<OwnedSemaphorePermit>) -> Answer {
        let asked = tokio::time::timeout(self.patience, self.ask(request, place)).await;
        asked.unwrap_or_else(|_| {
            Err(match self.problem() {
                Some(_) => AnalyzeError::Unavailable("it is still being loaded".to_owned()),
                None => AnalyzeError::TooSlow(self.patience),
            })
        })
    }

    async fn ask(&self, request: Request, place: Option<OwnedSemaphorePermit>) -> Answer {
        let since = Instant::now();
        let model = self.loaded().await?;
        if let Some(answer) = self.reuse.find(&model, &request) {
            metric::reused();
            return Ok(timed(answer, since));
        }
        let (reply, answer) = oneshot::channel();
        let job = Job { request: request.clone(), since, reply, _place: place };
        let stopped = || AnalyzeError::Unavailable("it has stopped".to_owned());
        self.queue.send(job).await.map_err(|_| stopped())?;
        let answer = answer.await.map_err(|_| stopped())??;
        self.reuse.keep(&request, &answer);
        Ok(answer)
    }

    /// The model, waited for while it is loading.
    async fn loaded(&self) -> Result<ModelRef, AnalyzeError> {
        let mut state = self.shared.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Loading)).await;
        match settled.as_deref() {
            Ok(State::Ready { model, .. }) => Ok(model.clone()),
            Ok(State::Failed(reason)) => Err(AnalyzeError::Unavailable(reason.clone())),
            Ok(State::Loading) | Err(_) => Err(AnalyzeError::Unavailable("it is not loaded".to_owned())),
        }
    }

    /// Analyzes tickets together; one answer each, in order.
    pub async fn analyze_all(&self, requests: Vec<Request>) -> Vec<Result<Analyzed, AnalyzeError>> {
        futures::future::join_all(requests.into_iter().map(|request| self.analyze(request))).await
    }
}

/// The answer, with the time it took its asker to get it.
fn timed(mut answer: Analyzed, since: Instant) -> Analyzed {
    answer.analysis.duration_ms = since.elapsed().as_millis() as u32;
    answer
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, future::BoxFuture};

    use super::*;
    use crate::settings::PrecisionChoice;

    /// An engine whose model answers nobody.
    fn stuck() -> Engine {
        let engine = Engine::without_threads(&ModelSettings {
            model_dir: PathBuf::new(),
            heads_dir: PathBuf::new(),
            own_labels_dir: None,
            threads: 1,
            workers: 1,
            precision: PrecisionChoice::F32,
            queue: 4,
            batch_ms: 1,
            patience: 60,
        });
        let model = ModelRef { name: "m".to_owned(), revision: "r".to_owned(), sha256: "0".to_owned() };
        engine.shared.state.send_replace(State::Ready { model, own_problem: None });
        engine
    }

    fn request(text: &str) -> Request {
        Request { description: text.to_owned(), request_type: "Network".to_owned() }
    }

    fn waiting(engine: &Engine) -> Vec<String> {
        let mut jobs = engine.shared.jobs.lock().unwrap();
        std::iter::from_fn(|| jobs.try_recv().ok()).map(|job| job.request.description).collect()
    }

    #[tokio::test]
    async fn callers_that_can_come_back_have_half_of_the_queue_and_the_log_is_behind_no_more_of_them() {
        let engine = stuck();
        let mut asking: Vec<BoxFuture<'_, Answer>> = Vec::new();
        let mut outcomes = Vec::new();
        for n in 0..9 {
            let mut asked = engine.try_analyze(request(&format!("http {n}"))).boxed();
            outcomes.push(asked.as_mut().now_or_never().map(|answer| answer.unwrap_err().to_string()));
            asking.push(asked);
        }
        assert_eq!(outcomes[..2], [None, None]);
        assert!(outcomes[2..].iter().all(|outcome| outcome.as_deref() == Some("the model has enough to do")));
        let mut ticket = engine.analyze(request("ticket")).boxed();
        assert!(ticket.as_mut().now_or_never().is_none());
        assert_eq!(waiting(&engine), ["http 0", "http 1", "ticket"]);
        // The model took them, so their places are free.
        assert!(engine.try_analyze(request("http 9")).now_or_never().is_none());
        assert_eq!(waiting(&engine), ["http 9"]);
    }

    #[tokio::test]
    async fn a_caller_that_leaves_keeps_its_place_for_as_long_as_its_job_waits() {
        let engine = stuck();
        for _ in 0..2 {
            assert!(engine.try_analyze(request("gone")).now_or_never().is_none());
        }
        assert!(matches!(engine.try_analyze(request("next")).await, Err(AnalyzeError::Busy)));
    }
}
