//! Everything the mock knows, behind one lock, and the one way to change it.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};

use crate::{
    clock::Clock,
    counters::Counters,
    envelope::Refusal,
    form::Form,
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
    pub(crate) usage: Usage,
    pub(crate) counters: Counters,
}

impl World {
    /// Starts empty, or where the state file ended.
    fn open(settings: &Settings, form: &Form) -> io::Result<Self> {
        let saved = settings.state_file.as_deref().map(state_file::read).transpose()?.flatten();
        let mut store = Store::new(form, settings.quirks.unique_ignores_case);
        let seed = settings.seed.unwrap_or_else(rand::random);
        let (ids, tokens, records) = saved
            .map_or_else(|| (Ids::new(seed), Tokens::default(), vec![]), |s| (s.ids, s.tokens, s.records));
        for record in records {
            store.put(record);
        }
        Ok(Self { store, tokens, ids, usage: Usage::default(), counters: Counters::default() })
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
    clock: Arc<dyn Clock>,
    world: Mutex<World>,
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
        form: Form,
        base_url: String,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let world = Mutex::new(World::open(&settings, &form)?);
        let started = clock.now();
        Ok(Self(Arc::new(Inner { settings, form, base_url, started, clock, world })))
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

    /// Forgets everything but the id counters: a client may still hold ids and tokens from before, and none of
    /// them may come to mean something else.
    pub(crate) fn reset(&self) -> Result<(), Refusal> {
        self.change(|world| {
            world.store = Store::new(&self.form, self.settings.quirks.unique_ignores_case);
            world.tokens = Tokens::default();
            world.counters = Counters::default();
            world.usage.reset();
        })
    }
}
