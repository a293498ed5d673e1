//! The multiplication: rows of whole numbers by a matrix of whole numbers.
//!
//! `vpdpbusd` multiplies four unsigned 8-bit numbers by four signed ones and adds the products to a 32-bit sum, sixteen
//! times at once. The weights therefore lie in panels of 64 outputs, four inputs of an output side by side. A tile of
//! six rows by a panel keeps its 24 sums in registers for a group of 64 inputs; then the sums, each times the scales of
//! its row and its output there, go to the products.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_cvtusepi32_epi8,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_reduce_max_ps, _mm512_reduce_min_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512,
};

use crate::{
    Linear,
    lanes::{LANES, gelu, load, store},
};

/// Inputs that are rounded with scales of their own.
const GROUP: usize = 64;
/// Inputs that one instruction sums.
const STEP: usize = 4;
/// Steps of a group.
const STEPS: usize = GROUP / STEP;
/// Vectors of sixteen outputs side by side.
const VECTORS: usize = 4;
/// Outputs of a panel.
const PANEL: usize = VECTORS * LANES;

/// Rows whose sums stay near while a panel is read: 12 kB, in tiles of six.
const BLOCK: usize = 48;

/// What becomes of a product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    Gelu,
}

/// Weights and bias.
pub(crate) struct Matrix {
    /// Groups of inputs in each panel.
    groups: usize,
    /// Panel by panel.
    weights: Vec<Weights>,
    bias: Vec<f32>,
}

/// The weights of a group of inputs in a panel of outputs.
#[derive(Clone)]
struct Weights {
    /// Step by step, four vectors of sixteen outputs by four inputs.
    numbers: [[[i8; STEP * LANES]; VECTORS]; STEPS],
    /// What a step of each output's numbers is worth.
    scales: [f32; PANEL],
    /// The sum of each output's numbers: so often does the zero point of the states count.
    sums: [f32; PANEL],
}

impl Weights {
    const NONE: Self =
        Self { numbers: [[[0; STEP * LANES]; VECTORS]; STEPS], scales: [0.0; PANEL], sums: [0.0; PANEL] };

    /// Rounds what an output takes of this group.
    fn set(&mut self, output: usize, weights: &[f32]) {
        let largest = weights.iter().fold(f32::MIN_POSITIVE, |largest, weight| largest.max(weight.abs()));
        let scale = largest / f32::from(i8::MAX);
        self.scales[output] = scale;
        for (input, weight) in weights.iter().enumerate() {
            let number = (weight / scale).round();
            let vector = &mut self.numbers[input / STEP][output / LANES];
            vector[output % LANES * STEP + input % STEP] = number as i8;
            self.sums[output] += number;
        }
    }

    /// Adds to the sums of `R` rows their products with these weights; says how many rows that were. The states of a
    /// row lie `apart` from those of the row before.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn add_products<const R: usize>(
        &self,
        states: &[States],
        apart: usize,
        sums: &mut [[f32; PANEL]],
    ) -> usize {
        let mut rows = [&states[0]; R];
        for (row, place) in rows.iter_mut().enumerate() {
            *place = &states[row * apart];
        }
        let mut tile = [[_mm512_setzero_si512(); VECTORS]; R];
        for (step, weights) in self.numbers.iter().enumerate() {
            for (tile, row) in tile.iter_mut().zip(rows) {
                let states = _mm512_set1_epi32(bytemuck::cast(row.numbers[step]));
                for (sum, &weights) in tile.iter_mut().zip(weights) {
                    *sum = _mm512_dpbusd_epi32(*sum, states, bytemuck::cast::<_, __m512i>(weights));
                }
            }
        }
        for vector in 0..VECTORS {
            let lanes = vector * LANES..(vector + 1) * LANES;
            let (scales, whole) = (load(&self.scales[lanes.clone()]), load(&self.sums[lanes.clone()]));
            for ((tile, row), sums) in tile.iter().zip(rows).zip(sums.iter_mut()) {
                let steps = _mm512_cvtepi32_ps(tile[vector]);
                let steps = _mm512_fnmadd_ps(_mm512_set1_ps(row.zero), whole, steps);
                let scale = _mm512_mul_ps(_mm512_set1_ps(row.scale), scales);
                let sums = &mut sums[lanes.clone()];
                store(_mm512_fmadd_ps(steps, scale, load(sums)), sums);
            }
        }
        R
    }
}

impl Matrix {
    pub(crate) fn new(linear: &Linear) -> Self {
        let outputs = linear.bias.len();
        let inputs = linear.weight.len() / outputs;
        let groups = inputs / GROUP;
        let mut weights = vec![Weights::NONE; outputs / PANEL * groups];
        for (output, row) in linear.weight.chunks_exact(inputs).enumerate() {
            for (group, row) in row.chunks_exact(GROUP).enumerate() {
                weights[output / PANEL * groups + group].set(output % PANEL, row);
            }
        }
        Self { groups, weights, bias: linear.bias.clone() }
    }

    /// Rows times this matrix plus bias, `[rows, outputs]`.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(crate) fn multiply(&self, rows: &Rows, then: Then, products: &mut Vec<f32>) {
        let outputs = self.bias.len();
        products.resize(rows.0.len() / self.groups * outputs, 0.0);
        let blocks = rows.0.chunks(BLOCK * self.groups).zip(products.chunks_mut(BLOCK * outputs));
        let mut sums = [[0.0; PANEL]; BLOCK];
        for (states, products) in blocks {
            for (panel, bias) in self.bias.as_chunks::<PANEL>().0.iter().enumerate() {
                let sums = &mut sums[..states.len() / self.groups];
                sums.fill(*bias);
                self.add_panel(panel, states, sums);
                for (sums, row) in sums.iter().zip(products.chunks_exact_mut(outputs)) {
                    let row = row[panel * PANEL..][..PANEL].chunks_exact_mut(LANES);
                    for (sums, products) in sums.chunks_exact(LANES).zip(row) {
                        let sums = load(sums);
                        store(if then == Then::Gelu { gelu(sums) } else { sums }, products);
                    }
                }
            }
        }
    }

    /// Adds to each row's sums its products with a panel. Group by group, so that its weights are read from near.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn add_panel(&self, panel: usize, states: &[States], sums: &mut [[f32; PANEL]]) {
        for (group, weights) in self.weights[panel * self.groups..][..self.groups].iter().enumerate() {
            let mut row = 0;
            while row < sums.len() {
                let states = &states[row * self.groups + group..];
                let sums = &mut sums[row..];
                row += match sums.len() {
                    6.. => weights.add_products::<6>(states, self.groups, sums),
                    5 => weights.add_products::<5>(states, self.groups, sums),
                    4 => weights.add_products::<4>(states, self.groups, sums),
                    3 => weights.add_products::<3>(states, self.groups, sums),
                    2 => weights.add_products::<2>(states, self.groups, sums),
                    _ => weights.add_products::<1>(states, self.groups, sums),
                };
            }
        }
    }
}

/// Rows of states as whole numbers, group by group.
#[derive(Default)]
pub(crate) struct Rows(Vec<States>);

/// A group of states: each is its number less `zero`, times `scale`.
struct States {
    numbers: [[u8; STEP]; STEPS],
    zero: f32,
    scale: f32,
}

impl Rows {
    /// Rounds rows of states, whose width is a multiple of [`GROUP`].
    #[target_feature(enable = "avx512f")]
    pub(crate) fn round(&mut self, states: &[f32]) {
        self.0.clear();
        for states in states.as_chunks::<GROUP>().0 {
            self.0.push(States::round(states));
        }
    }
}

impl States {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn round(states: &[f32; GROUP]) -> Self {
        let (mut least, mut most) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        for lanes in states.chunks_exact(LANES) {
            least = _mm512_min_ps(least, load(lanes));
            most = _mm512_max_ps(most, load(lanes));
        }
        let (least, most) = (_mm512_reduce_min_ps(least), _mm512_reduce_max_ps(most));
        // Nothing but zeros has no range to divide by.
        let per_scale = f32::from(u8::MAX) / (most - least).max(1e-14);
        let zero = (-least * per_scale).round_ties_even();
        let mut numbers = [[0u8; LANES]; GROUP / LANES];
        for (lanes, numbers) in states.chunks_exact(LANES).zip(&mut numbers) {
            let steps = _mm512_cvtps_epi32(_mm512_mul_ps(load(lanes), _mm512_set1_ps(per_scale)));
            let steps = _mm512_add_epi32(steps, _mm512_set1_epi32(zero as i32));
            *numbers = bytemuck::cast(_mm512_cvtusepi32_epi8(steps));
        }
        Self { numbers: bytemuck::cast(numbers), zero, scale: 1.0 / per_scale }
    }
}
