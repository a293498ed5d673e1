//! Layers in whole numbers against the same layers in f32, plainly written. On a processor without AVX-512 VNNI there
//! is nothing to compare, and the tests say so.

use integer_encoder::{Encoder, HEAD, LayerWeights, Linear, Norm};

const DIMENSION: usize = 4 * HEAD;
const INNER: usize = 8 * HEAD;

/// Numbers between -1 and 1, the same in every run (Knuth's linear congruential generator).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn many(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }

    fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        let per_root = 1.0 / (inputs as f32).sqrt();
        let weight = self.many(inputs * outputs).iter().map(|number| number * per_root * 3.0).collect();
        Linear { weight, bias: self.many(outputs) }
    }

    fn norm(&mut self) -> Norm {
        Norm {
            scale: self.many(DIMENSION).iter().map(|number| 1.0 + number).collect(),
            shift: self.many(DIMENSION),
        }
    }

    fn layer(&mut self) -> LayerWeights {
        LayerWeights {
            query_key_value: self.linear(DIMENSION, 3 * DIMENSION),
            attended: self.linear(DIMENSION, DIMENSION),
            attended_norm: self.norm(),
            widen: self.linear(DIMENSION, INNER),
            narrow: self.linear(INNER, DIMENSION),
            output_norm: self.norm(),
        }
    }
}

fn times(linear: &Linear, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let outputs = || linear.weight.chunks(linear.weight.len() / linear.bias.len()).zip(&linear.bias);
    rows.iter().map(|row| outputs().map(|(weights, bias)| bias + dot(weights, row)).collect()).collect()
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn normalised(norm: &Norm, rows: &[Vec<f32>], added: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let sums = rows.iter().zip(added).map(|(row, added)| row.iter().zip(added).map(|(a, b)| a + b).collect());
    sums.map(|row: Vec<f32>| {
        let mean = row.iter().sum::<f32>() / row.len() as f32;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / row.len() as f32;
        let shaped = row.iter().zip(&norm.scale).zip(&norm.shift);
        shaped.map(|((x, scale), shift)| (x - mean) / variance.sqrt() * scale + shift).collect()
    })
    .collect()
}

/// The error function, off by 1.5e-7 at most (Abramowitz and Stegun 1964, 7.1.26).
fn erf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let powers = [0.254_829_6, -0.284_496_74, 1.421_413_7, -1.453_152, 1.061_405_4];
    let sum = powers.iter().rev().fold(0.0, |sum, power| (sum + power) * t);
    (1.0 - sum * (-x * x).exp()).copysign(x)
}

fn attended(rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut attended = vec![vec![0.0; DIMENSION]; rows.len()];
    for head in (0..DIMENSION).step_by(HEAD) {
        let part = |row: usize, part: usize| &rows[row][part * DIMENSION + head..][..HEAD];
        for (query, attended) in attended.iter_mut().enumerate() {
            let scores = (0..rows.len()).map(|key| dot(part(query, 0), part(key, 1)) / (HEAD as f32).sqrt());
            let shares: Vec<_> = scores.map(f32::exp).collect();
            let sum: f32 = shares.iter().sum();
            for (key, share) in shares.iter().enumerate() {
                for (attended, value) in attended[head..].iter_mut().zip(part(key, 2)) {
                    *attended += share / sum * value;
                }
            }
        }
    }
    attended
}

fn plainly(layer: &LayerWeights, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mixed = times(&layer.attended, &attended(&times(&layer.query_key_value, rows)));
    let rows = normalised(&layer.attended_norm, rows, &mixed);
    let mut wide = times(&layer.widen, &rows);
    for x in wide.iter_mut().flatten() {
        *x *= 0.5 * (1.0 + erf(*x / std::f32::consts::SQRT_2));
    }
    normalised(&layer.output_norm, &rows, &times(&layer.narrow, &wide))
}

/// How far states are from the exact ones, in parts of their length.
fn off(states: &[f32], exact: &[f32]) -> f32 {
    let length = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| x * x).sum::<f32>().sqrt();
    length(&mut states.iter().zip(exact).map(|(a, b)| a - b)) / length(&mut exact.iter().copied())
}

fn encoder(layers: &[LayerWeights]) -> Option<Encoder> {
    let encoder = Encoder::new(layers);
    if encoder.is_none() {
        eprintln!("this processor has no AVX-512 VNNI: nothing to test");
    }
    encoder
}

#[test]
fn texts_of_any_length_come_out_as_in_f32() {
    let mut numbers = Numbers(1);
    let layers = [numbers.layer(), numbers.layer()];
    let Some(encoder) = encoder(&layers) else { return };
    for pieces in [1, 2, 7, 8, 15, 16, 17, 50] {
        let mut states = numbers.many(pieces * DIMENSION);
        let rows: Vec<_> = states.chunks(DIMENSION).map(<[f32]>::to_vec).collect();
        let exact = layers.iter().fold(rows, |rows, layer| plainly(layer, &rows)).concat();
        encoder.run(&mut states, &[pieces]);
        let off = off(&states, &exact);
        assert!(off < 0.03, "{pieces} pieces are off by {off}");
    }
}

#[test]
fn a_text_does_not_depend_on_those_beside_it() {
    let mut numbers = Numbers(2);
    let Some(encoder) = encoder(&[numbers.layer()]) else { return };
    let lengths = [3, 0, 21, 1];
    let states = numbers.many(25 * DIMENSION);
    let mut together = states.clone();
    encoder.run(&mut together, &lengths);
    let mut first = 0;
    for length in lengths {
        let span = first * DIMENSION..(first + length) * DIMENSION;
        let mut alone = states[span.clone()].to_vec();
        encoder.run(&mut alone, &[length]);
        assert_eq!(alone, together[span]);
        first += length;
    }
}

#[test]
fn a_number_out_of_line_coarsens_its_own_group_alone() {
    let mut numbers = Numbers(3);
    let mut layer = numbers.layer();
    // Only the second group of 64 counts for what is added to the states, the first holds the number.
    for linear in [&mut layer.query_key_value, &mut layer.widen] {
        for weights in linear.weight.chunks_mut(DIMENSION) {
            weights[..64].fill(0.0);
        }
    }
    let Some(encoder) = encoder(std::slice::from_ref(&layer)) else { return };
    let mut states = numbers.many(DIMENSION);
    states[0] = 40.0;
    let exact = plainly(&layer, &[states.clone()]).concat();
    encoder.run(&mut states, &[1]);
    let off = off(&states[64..], &exact[64..]);
    assert!(off < 0.015, "the other group is off by {off}");
}

#[test]
fn rows_of_zeros_and_of_huge_numbers_stay_numbers() {
    let mut numbers = Numbers(4);
    let Some(encoder) = encoder(&[numbers.layer()]) else { return };
    let mut states = vec![0.0; DIMENSION];
    states.extend(numbers.many(DIMENSION).iter().map(|number| number * 1e6));
    encoder.run(&mut states, &[2]);
    assert!(states.iter().all(|state| state.is_finite()), "{states:?}");
}

#[test]
fn shapes_that_do_not_divide_are_refused() {
    let mut numbers = Numbers(5);
    let mut layer = numbers.layer();
    layer.widen = numbers.linear(DIMENSION, INNER + 1);
    layer.narrow = numbers.linear(INNER + 1, DIMENSION);
    assert!(Encoder::new(&[layer]).is_none());
    assert!(Encoder::new(&[]).is_none());
}
