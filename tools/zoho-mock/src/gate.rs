//! How a Creator call is let in: counted, checked, and held against the quotas while it runs. Only then can a fault befall
//! it.

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};

use crate::{
    auth, codes,
    counters::CallKind,
    envelope::Refusal,
    faults,
    limits::LimitHit,
    world::{Shared, World},
};

/// Puts the gate before the methods of `route`. Unknown methods stay outside: they cost no quota.
pub(crate) fn guarded(shared: &Shared, kind: CallKind, route: MethodRouter<Shared>) -> MethodRouter<Shared> {
    route.route_layer(middleware::from_fn_with_state((shared.clone(), kind), pass))
}

async fn pass(
    State((shared, kind)): State<(Shared, CallKind)>,
    mut request: Request,
    next: Next,
) -> Response {
    shared.land_due().await;
    match enter(&shared, kind, request.headers()) {
        Ok(_permit) => {
            request.extensions_mut().insert(kind);
            faults::befall(&shared, kind, request, next).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// A call under way. Dropping it, also because the client hung up, frees its place.
struct Permit(Shared);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.world().usage.leave();
    }
}

/// Quotas are per user, so they come after the token: a call without one belongs to nobody.
fn enter(shared: &Shared, kind: CallKind, headers: &HeaderMap) -> Result<Permit, Refusal> {
    let (settings, now) = (&shared.settings, shared.now());
    let mut world = shared.world();
    world.counters.count_call(kind);
    auth::check_token(&world.tokens, headers, now)?;
    auth::check_scope(kind, settings)?;
    let entered = world.usage.enter(now, &settings.limits);
    entered.map_err(|hit| refuse(&mut world, hit, settings.limits.no_retry_after))?;
    world.counters.peak_in_flight = world.counters.peak_in_flight.max(world.usage.in_flight());
    drop(world);
    let permit = Permit(shared.clone());
    auth::check_accept(kind, headers)?;
    auth::check_environment(settings.quirks.environments, headers)?;
    Ok(permit)
}

fn refuse(world: &mut World, hit: LimitHit, no_retry_after: bool) -> Refusal {
    let violations = &mut world.counters.violations;
    match hit {
        LimitHit::Minute { wait } => {
            violations.minute += 1;
            // Rounded up: whoever waits that long finds the window open.
            let seconds = (wait.num_milliseconds() + 999) / 1000;
            Refusal::new(codes::TOO_MANY_CALLS).retry_after((!no_retry_after).then_some(seconds))
        }
        LimitHit::Concurrency => {
            violations.concurrency += 1;
            Refusal::new(codes::TOO_MANY_CALLS)
        }
        LimitHit::Day => {
            violations.daily += 1;
            Refusal::new(codes::DAILY_LIMIT)
        }
    }
}
