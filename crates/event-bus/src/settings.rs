//! What the stream must be. Somebody may alter it, or have made it before us: with a limit it forgets events, and only what
//! it forgot in its middle shows as a hole.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use schemas::subject;

/// De-duplication by message id: an optimisation for the relay's retries, never a guarantee.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);
/// As the server writes "no limit".
const NO_LIMIT: i64 = -1;

/// The settings the stream is made with.
pub(crate) fn wanted() -> Config {
    Config {
        name: subject::STREAM.to_owned(),
        subjects: vec![subject::ALL.to_owned()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        // Never drop an old message to make room: a full bus must say so.
        discard: DiscardPolicy::New,
        max_messages: NO_LIMIT,
        max_messages_per_subject: NO_LIMIT,
        max_bytes: NO_LIMIT,
        duplicate_window: DUPLICATE_WINDOW,
        allow_direct: true,
        description: Some("Cache of the event log; hubctl refills it from Postgres".to_owned()),
        ..Config::default()
    }
}

/// The first setting of a stream that is not as wanted. How many replicas it has, and where, is its operator's choice.
pub(crate) fn difference(kept: &Config) -> Option<&'static str> {
    let wanted = wanted();
    let same = [
        ("subjects", kept.subjects == wanted.subjects),
        ("storage", kept.storage == wanted.storage),
        ("sealed", !kept.sealed),
        ("retention", kept.retention == wanted.retention),
        ("discard", kept.discard == wanted.discard && !kept.discard_new_per_subject),
        ("max_msgs", kept.max_messages <= 0),
        ("max_msgs_per_subject", kept.max_messages_per_subject <= 0),
        ("max_bytes", kept.max_bytes <= 0),
        ("max_age", kept.max_age.is_zero()),
        ("max_msg_size", kept.max_message_size <= 0),
        ("max_consumers", kept.max_consumers <= 0),
        ("duplicate_window", kept.duplicate_window == wanted.duplicate_window),
        ("allow_direct", kept.allow_direct),
        ("no_ack", !kept.no_ack),
    ];
    same.into_iter().find_map(|(setting, same)| (!same).then_some(setting))
}

/// Whether a stream that differs in this is somebody else's, for all we know: it is left as it is.
pub(crate) fn is_of_another_stream(setting: &str) -> bool {
    matches!(setting, "subjects" | "storage")
}

/// The stream's settings with ours in the place of what was altered.
pub(crate) fn restored(kept: &Config) -> Config {
    let wanted = wanted();
    Config {
        retention: wanted.retention,
        discard: wanted.discard,
        discard_new_per_subject: wanted.discard_new_per_subject,
        max_messages: wanted.max_messages,
        max_messages_per_subject: wanted.max_messages_per_subject,
        max_bytes: wanted.max_bytes,
        max_age: wanted.max_age,
        max_message_size: wanted.max_message_size,
        duplicate_window: wanted.duplicate_window,
        allow_direct: wanted.allow_direct,
        no_ack: wanted.no_ack,
        ..kept.clone()
    }
}
