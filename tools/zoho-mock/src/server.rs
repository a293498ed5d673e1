//! The process: routes, start and stop.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{MethodRouter, delete, get, patch, post},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    accounts, add, admin,
    clock::{Clock, SystemClock},
    codes, consent,
    counters::{CallKind, Counters},
    delete as delete_call,
    envelope::{self, Refusal},
    faults::{self, Plan, PlanError},
    form::{Form, FormError},
    gate::guarded,
    get as get_call, legacy, many, meta,
    request_log::{self, RequestLog},
    settings::Settings,
    steering,
    store::Record,
    update,
    world::Shared,
};

/// 200 records with every multi line field full, in bytes.
pub(crate) const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// Why the mock does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing protects the mock: it must not be reachable from elsewhere.
    #[error("{0} is not a loopback address; the mock listens on 127.0.0.1 or ::1 only")]
    NotLoopback(IpAddr),
    /// The port is taken, or may not be used.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The form file is unusable.
    #[error("form file {0}")]
    Form(PathBuf, #[source] FormError),
    /// The faults that were asked for make no sense.
    #[error("faults")]
    Faults(#[source] PlanError),
    /// The state file exists but cannot be read.
    #[error("state file {0} cannot be read")]
    State(PathBuf, #[source] io::Error),
    /// The request log cannot be opened.
    #[error("request log {0} cannot be opened")]
    RequestLog(PathBuf, #[source] io::Error),
}

/// A running mock. Dropping it stops it; [`Mock::stop`] also waits until it has.
pub struct Mock {
    shared: Shared,
    served: JoinHandle<()>,
    guard: DropGuard,
}

impl Mock {
    /// Starts on the machine's clock. With [`Settings::default`] it takes any free loopback port.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_with(settings, Arc::new(SystemClock)).await
    }

    /// Starts on a clock of the caller's.
    pub async fn start_with(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let form = settings.form_file.as_ref().map_or_else(
            || Ok(Form::tickets()),
            |path| Form::read(path).map_err(|error| StartError::Form(path.clone(), error)),
        )?;
        let plan = Plan::of(&settings.faults).map_err(StartError::Faults)?;
        let (listener, address) = listen(&settings).await?;
        let state_file = settings.state_file.clone().unwrap_or_default();
        let shared = Shared::open(settings, plan, form, format!("http://{address}"), clock)
            .map_err(|error| StartError::State(state_file, error))?;
        let router = router(&shared, open_log(&shared)?);
        let stop = shared.stop.clone();
        let served = tokio::spawn(serve(listener, router, stop.clone()));
        Ok(Self { shared, served, guard: stop.drop_guard() })
    }

    /// Where it listens, like `http://127.0.0.1:5002`: base URL of both accounts and Creator.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.base_url
    }

    /// Every record, in the order of creation.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.shared.world().store.all().cloned().collect()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.world().counters.clone()
    }

    /// Puts another plan of faults in the place of the old one; [`Plan::default`] ends all faults.
    ///
    /// # Errors
    /// When a rule makes no sense.
    pub fn set_faults(&self, plan: Plan) -> Result<(), PlanError> {
        self.shared.set_faults(plan.checked()?);
        Ok(())
    }

    /// Runs the calls that are late, up to the mock's present. Calls that come in do so by themselves.
    pub async fn land_due(&self) {
        self.shared.land_due().await;
    }

    /// Calls that will run later.
    #[must_use]
    pub fn held_calls(&self) -> usize {
        self.shared.held().len()
    }

    /// Stops listening, lets the calls under way finish, and returns when the port is free.
    pub async fn stop(self) {
        drop(self.guard);
        if let Err(error) = self.served.await {
            tracing::error!(%error, "the mock did not stop cleanly");
        }
    }
}

async fn listen(settings: &Settings) -> Result<(TcpListener, SocketAddr), StartError> {
    if !settings.host.is_loopback() {
        return Err(StartError::NotLoopback(settings.host));
    }
    let asked = SocketAddr::new(settings.host, settings.port);
    let failed = |error| StartError::Listen(asked, error);
    let listener = TcpListener::bind(asked).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn open_log(shared: &Shared) -> Result<Option<RequestLog>, StartError> {
    let path = shared.settings.request_log.as_deref();
    let open =
        |path| RequestLog::open(path, shared).map_err(|error| StartError::RequestLog(path.to_owned(), error));
    path.map(open).transpose()
}

async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the mock stopped serving");
    }
}

fn router(shared: &Shared, log: Option<RequestLog>) -> Router {
    let router = Router::new()
        .nest("/creator/v2.1/data", data_calls(shared))
        .nest("/creator/v2.1/meta", meta_calls(shared))
        .nest("/api/v2.1", data_calls(shared).merge(meta_calls(shared)))
        .method_not_allowed_fallback(wrong_method)
        .fallback(invalid_url)
        .layer(middleware::from_fn_with_state(shared.clone(), envelope::finish))
        .route("/oauth/v2/token", token_route(shared))
        .route("/oauth/v2/auth", get(consent::page))
        .route("/zoho/mock/records", post(legacy::add))
        .route("/__mock/records", get(admin::records))
        .route("/__mock/counters", get(admin::counters))
        .route("/__mock/codes", get(admin::codes))
        .route("/__mock/dump", get(admin::dump))
        .route("/__mock/reset", post(admin::reset))
        .route("/__mock/clock", get(steering::clock).post(steering::turn_clock))
        .route(
            "/__mock/faults",
            get(steering::faults).post(steering::set_faults).delete(steering::end_faults),
        )
        .route("/__mock/grant-codes", post(consent::self_client))
        .route("/health", get(admin::health))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let router = match log {
        Some(log) => router.layer(middleware::from_fn_with_state(log, request_log::log)),
        None => router,
    };
    router.with_state(shared.clone())
}

fn token_route(shared: &Shared) -> MethodRouter<Shared> {
    post(accounts::token).route_layer(middleware::from_fn_with_state(shared.clone(), faults::token_layer))
}

fn data_calls(shared: &Shared) -> Router<Shared> {
    use CallKind::{Add, Delete, DeleteMany, Get, GetOne, Update, UpdateMany};
    let report = guarded(shared, Get, get(get_call::get_records))
        .merge(guarded(shared, UpdateMany, patch(many::update)))
        .merge(guarded(shared, DeleteMany, delete(many::delete)));
    let one = guarded(shared, GetOne, get(get_call::get_one))
        .merge(guarded(shared, Update, patch(update::update_one)))
        .merge(guarded(shared, Delete, delete(delete_call::delete_one)));
    Router::new()
        .route("/{owner}/{app}/form/{form}", guarded(shared, Add, post(add::add_records)))
        .route("/{owner}/{app}/report/{report}", report)
        .route("/{owner}/{app}/report/{report}/{id}", one)
}

fn meta_calls(shared: &Shared) -> Router<Shared> {
    Router::new()
        .route("/{owner}/{app}/form/{form}/fields", guarded(shared, CallKind::Fields, get(meta::fields)))
        .route("/applications", guarded(shared, CallKind::Applications, get(meta::applications)))
}

async fn wrong_method() -> Refusal {
    Refusal::new(codes::WRONG_METHOD)
}

async fn invalid_url() -> Refusal {
    Refusal::new(codes::INVALID_URL)
}
