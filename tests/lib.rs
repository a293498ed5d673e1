//! Tests of the system as a whole. Each file here is one of them:
//!
//! - `architecture.rs`: dependencies point one way, and only the analyzer links libtorch
//! - `journey.rs`: tickets through the real processes and the real model, while things go wrong around them
