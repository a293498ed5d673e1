//! Everything the mock knows, behind one lock, and the one way to change it.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, SteeredClock},
    counters::{CallKind, Counters},
    envelope::Refusal,
    faults::{Held, Hit, Plan, Schedule},
    form::Form,
    grants::Grants,
    ids::Ids,
    limits::Usage,
    settings::Settings,
    state_file::{self, Saving},
    store::Store,
    tokens::Tokens,
};

/// What changes while the mock runs.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) tokens: Tokens,
    pub(crate) ids: Ids,
    pub(crate) grants: Grants,
    pub(crate) usage: Usage,
    pub(crate) counters: Counters,
    pub(crate) faults: Schedule,
}

impl World {
    /// Starts empty, or where the state file ended.
    fn open(settings: &Settings, plan: Plan, form: &Form) -> io::Result<Self> {
        let saved = settings.state_file.as_deref().map(state_file::read).transpose()?.flatten();
        let mut store = Store::new(form, settings.quirks.unique_ignores_case);
        let seed = settings.seed.unwrap_or_else(rand::random);
        let (ids, tokens, records) = saved
            .map_or_else(|| (Ids::new(seed), Tokens::default(), vec![]), |s| (s.ids, s.tokens, s.records));
        for record in records {
            store.put(record);
        }
        let (faults, grants) = (Schedule::new(plan, seed), Grants::default());
        Ok(Self {
            store,
            tokens,
            ids,
            grants,
            usage: Usage::default(),
            counters: Counters::default(),
            faults,
        })
    }

    /// The fault that befalls the next call of that kind, counted.
    pub(crate) fn befalls(&mut self, call: CallKind) -> Option<Hit> {
        let hit = self.faults.next(call)?;
        self.counters.count_fault(hit.fault);
        Some(hit)
    }

    fn save(&self, path: &std::path::Path) -> io::Result<()> {
        let records = self.store.all().collect();
        state_file::write(path, &Saving { ids: &self.ids, tokens: &self.tokens, records })
    }
}

/// The world and what it is run by; handed to every handler.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) form: Form,
    pub(crate) base_url: String,
    pub(crate) started: DateTime<Utc>,
    pub(crate) clock: SteeredClock,
    pub(crate) stop: CancellationToken,
    /// Held by whoever runs late calls: one at a time, in the order of their times.
    pub(crate) landing: tokio::sync::Mutex<()>,
    world: Mutex<World>,
    held: Mutex<Held>,
}

/// A handle to the world.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

impl std::ops::Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Shared {
    pub(crate) fn open(
        settings: Settings,
        plan: Plan,
        form: Form,
        base_url: String,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let world = Mutex::new(World::open(&settings, plan, &form)?);
        let clock = SteeredClock::new(clock, settings.clock_speed);
        let (started, stop) = (clock.now(), CancellationToken::new());
        let (landing, held) = (tokio::sync::Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Inner { settings, form, base_url, started, clock, stop, landing, world, held })))
    }
}

impl Inner {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The world, to look at or to count in; what must survive a restart goes through [`Inner::change`].
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls that are held back.
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another plan, from its first call on; late calls of the old one still run.
    pub(crate) fn set_faults(&self, plan: Plan) {
        let mut world = self.world();
        world.faults = Schedule::new(plan, self.settings.seed.unwrap_or_else(rand::random));
    }

    /// Changes the world and saves it before anybody hears of the change, so that whatever was answered survives.
    /// Saving under the lock keeps the file in the order of the changes.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> Result<T, Refusal> {
        let mut world = self.world();
        let outcome = change(&mut world);
        let path: Option<&PathBuf> = self.settings.state_file.as_ref();
        path.map_or(Ok(()), |path| world.save(path)).map_err(|error| {
            tracing::error!(%error, "state file not written");
            Refusal::not_saved()
        })?;
        Ok(outcome)
    }

    /// Forgets everything but clock, plan of faults and the id counters: a client may still hold ids and tokens from
    /// before, and none of them may come to mean something else.
    pub(crate) fn reset(&self) -> Result<(), Refusal> {
        self.held().drop_all();
        self.change(|world| {
            world.store = Store::new(&self.form, self.settings.quirks.unique_ignores_case);
            world.tokens = Tokens::default();
            world.grants = Grants::default();
            world.counters = Counters::default();
            world.usage.reset();
        })
    }
}
