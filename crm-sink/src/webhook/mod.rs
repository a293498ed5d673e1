//! A receiver of signed webhooks, after the Standard Webhooks specification (standardwebhooks.com): the second system that
//! tickets can be delivered to. One message per ticket when it is analyzed, one per change after that.
//!
//! A receiver cannot be asked what it has got, so a message whose answer is lost is sent again under the same id, which is
//! how receivers are told to recognise repetitions.
//!
//! Reading order:
//! - [`settings`]: where to, and the secret
//! - [`message`]: what is said of a ticket
//! - [`signature`]: how a receiver knows that we said it
//! - [`receiver`]: the one call, and what its answers mean

pub mod message;
pub mod receiver;
pub mod settings;
pub mod signature;

pub use receiver::Receiver;
pub use settings::WebhookSettings;

/// The sink's name, in events, on the work list and in metrics.
pub const SYSTEM: &str = "webhook";
