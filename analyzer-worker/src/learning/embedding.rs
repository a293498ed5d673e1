//! Embeddings of many texts, for whoever waits.

use tch::Tensor;

use super::progress::progress;

/// Texts read together.
const CHUNK: usize = 64;

/// What `embed` makes of all texts, a row each, under a bar that says `what` goes on.
pub(super) fn of_all(what: &'static str, texts: &[&str], embed: impl Fn(&[&str]) -> Tensor) -> Tensor {
    let bar = progress(what, texts.len());
    let of_some = |chunk: &[&str]| {
        bar.inc(chunk.len() as u64);
        tch::no_grad(|| embed(chunk))
    };
    let parts: Vec<_> = texts.chunks(CHUNK).map(of_some).collect();
    bar.finish_and_clear();
    Tensor::cat(&parts, 0)
}
