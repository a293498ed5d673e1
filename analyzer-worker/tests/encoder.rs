//! The packed forward pass against rust-bert's own model, on the real weights.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use analyzer_worker::{
    model::{
        encoder::{Weights, embeddings},
        precision::{Encoder, Precision, choose},
        tokenizer::{MAX_TOKENS, Tokenizer},
    },
    settings::PrecisionChoice,
};
use tch::{Kind, Tensor};

const TEXTS: [&str; 5] = [
    "The printer jams.",
    "",
    "Grüße aus Győr 👋: der VPN-Client bricht mit Fehler 809 ab, 2001:db8::17 ist nicht erreichbar!",
    "short",
    support::TICKET,
];

fn tokens(tokenizer: &Tokenizer) -> Vec<Vec<i64>> {
    let mut tokens: Vec<_> = TEXTS.iter().map(|text| tokenizer.encode(text).ids).collect();
    tokens.push(tokenizer.encode(&"very long ".repeat(400)).ids);
    tokens
}

fn load() -> (Tokenizer, Weights) {
    let dir = support::settings(PrecisionChoice::F32).model_dir;
    (Tokenizer::load(&dir).unwrap(), Weights::load(&dir).unwrap())
}

fn largest_difference(one: &Tensor, other: &Tensor) -> f64 {
    (one - other).abs().max().double_value(&[])
}

#[test]
fn the_packed_pass_agrees_with_rust_bert() {
    let (tokenizer, weights) = load();
    let tokens = tokens(&tokenizer);
    let slices: Vec<_> = tokens.iter().map(Vec::as_slice).collect();
    let packed = tch::no_grad(|| weights.encoder(Kind::Float).states(&slices));
    let mut start = 0;
    for ids in &tokens {
        let packed = packed.narrow(0, start, ids.len() as i64);
        start += ids.len() as i64;
        let input = Tensor::from_slice(ids).unsqueeze(0);
        let reference = tch::no_grad(|| {
            let mask = input.ones_like();
            weights.reference.forward_t(Some(&input), Some(&mask), None, None, None, None, None, false)
        });
        let difference = largest_difference(&reference.unwrap().hidden_state.squeeze_dim(0), &packed);
        assert!(difference < 1e-5, "{} pieces differ by {difference}", ids.len());
    }
}

fn each_format(weights: &Weights) -> Vec<Encoder> {
    let formats = [Precision::F32, Precision::Bf16, Precision::Int8, Precision::Gpu];
    formats.into_iter().filter_map(|format| Encoder::new(weights, format)).collect()
}

#[test]
fn an_embedding_does_not_depend_on_its_batch() {
    let (tokenizer, weights) = load();
    let tokens = tokens(&tokenizer);
    let slices: Vec<_> = tokens.iter().map(Vec::as_slice).collect();
    for encoder in each_format(&weights) {
        let within =
            if matches!(encoder.precision(), Precision::Bf16 | Precision::Gpu) { 1e-2 } else { 1e-5 };
        let together = tch::no_grad(|| encoder.embed(&slices));
        for (index, ids) in slices.iter().enumerate() {
            let alone = tch::no_grad(|| encoder.embed(&[ids]));
            let difference = largest_difference(&together.get(index as i64), &alone.get(0));
            assert!(difference < within, "{difference} in {}", encoder.precision());
        }
    }
}

#[test]
fn fewer_bits_point_the_same_way() {
    let (tokenizer, weights) = load();
    let tokens = tokens(&tokenizer);
    let slices: Vec<_> = tokens.iter().map(Vec::as_slice).collect();
    let exact = tch::no_grad(|| weights.encoder(Kind::Float).states(&slices));
    let exact = embeddings(&exact, &slices);
    for encoder in each_format(&weights) {
        let least = match encoder.precision() {
            Precision::F32 => 0.999_999,
            Precision::Bf16 | Precision::Gpu => 0.999,
            // The empty text has two pieces only: its rounding averages out the least.
            Precision::Int8 => 0.998,
        };
        let products = tch::no_grad(|| encoder.embed(&slices)) * &exact;
        let cosines = products.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float);
        let cosine = cosines.min().double_value(&[]);
        assert!(cosine > least, "{cosine} in {}", encoder.precision());
    }
}

#[test]
fn a_format_that_the_machine_lacks_is_refused_by_its_name() {
    let (tokenizer, weights) = load();
    match choose(&weights, &tokenizer, PrecisionChoice::Gpu) {
        Ok(encoder) => assert!(tch::Cuda::is_available() && encoder.precision() == Precision::Gpu),
        Err(refusal) => {
            assert!(!tch::Cuda::is_available() && refusal.to_string().contains("GPU"), "{refusal}");
        }
    }
}

#[test]
fn a_long_text_is_cut_and_pieces_know_their_place() {
    let (tokenizer, _) = load();
    assert_eq!(tokenizer.encode(&"very long ".repeat(400)).ids.len(), MAX_TOKENS);
    let windows = tokenizer.windows(&"very long ".repeat(400));
    assert_eq!(windows.iter().map(|window| window.ids.len()).collect::<Vec<_>>(), [256, 256, 256, 40]);
    assert_eq!(windows[0].ids, tokenizer.encode(&"very long ".repeat(400)).ids);
    assert!(windows.iter().all(|window| window.ids[0] == windows[0].ids[0]), "a window lacks its marker");
    let tokens = tokenizer.encode("Grüße von srv");
    let text: Vec<char> = "Grüße von srv".chars().collect();
    let pieces: Vec<String> =
        tokens.offsets.iter().flatten().map(|range| text[range.clone()].iter().collect()).collect();
    assert_eq!(pieces.concat(), "Grüßevonsrv");
}
