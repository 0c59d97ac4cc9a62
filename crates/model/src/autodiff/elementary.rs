//! Natural logarithm and exponential in plain arithmetic.
//!
//! A C library chooses an implementation by the processor, with fused multiply–add where available, and the last bits
//! differ. The functions of this module use no fused operations and give the same bits on every platform, at the same
//! speed. A table reduces the argument so far that a short polynomial suffices; results are within a few units in the
//! last place of the library's. Arguments that are zero, negative, subnormal or not finite (`ln`), or beyond ±700
//! (`exp`), go to the standard library.

/// Number of intervals of the tables per factor of two.
const PARTS: usize = 256;
const BITS: u32 = PARTS.trailing_zeros();
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const ONE: u64 = 1.0f64.to_bits();

/// 2⁵²; the mantissa bits of a number from 2⁵² to 2⁵³ are the integer by which it exceeds 2⁵².
const WHOLE: f64 = (1u64 << MANTISSA_BITS) as f64;

/// Table index from which a number counts as just below the next power of two, so that the tabulated ln is small around
/// one.
const UPPER: usize = 107;

/// The pair 1/c and ln c, or from [`UPPER`] on ln(c/2), for c = 1 + j/256, j = 0..=256.
static LOGARITHMS: [(f64, f64); PARTS + 1] = {
    let mut table = [(0.0, 0.0); PARTS + 1];
    let mut j = 0;
    while j <= PARTS {
        let c = 1.0 + j as f64 / PARTS as f64;
        // 2·artanh((p − 1)/(p + 1)), the small terms first.
        let part = if j < UPPER { c } else { 0.5 * c };
        let s = (part - 1.0) / (part + 1.0);
        let (mut sum, mut n) = (0.0, 41);
        while n > 1 {
            sum = (sum + 1.0 / n as f64) * (s * s);
            n -= 2;
        }
        table[j] = (1.0 / c, 2.0 * s + 2.0 * s * sum);
        j += 1;
    }
    table
};

/// 2^(i/256) for i = 0..256.
static POWERS: [f64; PARTS] = {
    let mut table = [1.0; PARTS];
    let mut i = 1;
    while i < PARTS {
        let r = i as f64 * (std::f64::consts::LN_2 / PARTS as f64);
        let (mut sum, mut n) = (0.0, 24);
        while n > 1 {
            sum = (sum + 1.0) * (r / n as f64);
            n -= 1;
        }
        table[i] = 1.0 + (r + r * sum);
        i += 1;
    }
    table
};

/// Whether a number is zero, subnormal, infinite, negative or NaN.
#[inline(always)]
fn has_no_ordinary_logarithm(x: f64) -> bool {
    !(f64::MIN_POSITIVE..=f64::MAX).contains(&x)
}

/// Natural logarithm.
#[inline(always)]
pub(super) fn ln(x: f64) -> f64 {
    if has_no_ordinary_logarithm(x) { x.ln() } else { ordinary_ln(x) }
}

/// The natural logarithm of each element, bit for bit equal to [`ln`].
#[inline(always)]
pub(super) fn ln_of_each<const W: usize>(x: [f64; W]) -> [f64; W] {
    of_each_unless(x, has_no_ordinary_logarithm, ln, ordinary_ln)
}

/// The natural logarithm of each element, without a check that it is a positive normal number.
#[inline(always)]
pub(super) fn ln_of_each_ordinary<const W: usize>(x: [f64; W]) -> [f64; W] {
    of_each(x, ordinary_ln)
}

/// The exponential eˣ without a branch, with x clamped to ±700.
#[inline(always)]
pub(super) fn exp_within(x: f64) -> f64 {
    const LARGEST: f64 = 700.0;
    let above = if x < -LARGEST { -LARGEST } else { x };
    near_exp(if above > LARGEST { LARGEST } else { above })
}

/// The exponential eˣ.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    if is_far(x) { x.exp() } else { near_exp(x) }
}

/// The exponential of each element, bit for bit equal to [`exp`].
#[inline(always)]
pub(super) fn exp_of_each<const W: usize>(x: [f64; W]) -> [f64; W] {
    of_each_unless(x, is_far, exp, near_exp)
}

/// Applies `otherwise` to each element in one pass, or `alone` one by one if any element is exceptional.
#[inline(always)]
fn of_each_unless<const W: usize>(
    x: [f64; W],
    is_exceptional: impl Fn(f64) -> bool,
    alone: fn(f64) -> f64,
    otherwise: impl Fn(f64) -> f64,
) -> [f64; W] {
    let mut exceptional = false;
    for x in x {
        exceptional |= is_exceptional(x);
    }
    if exceptional { one_by_one(x, alone) } else { of_each(x, otherwise) }
}

/// Applies a function to each element; unlike `array::map`, it is inlined and compiled for the caller's processor
/// features.
#[inline(always)]
pub(super) fn of_each<const W: usize>(mut x: [f64; W], of: impl Fn(f64) -> f64) -> [f64; W] {
    for x in &mut x {
        *x = of(*x);
    }
    x
}

#[cold]
#[inline(never)]
fn one_by_one<const W: usize>(x: [f64; W], of: fn(f64) -> f64) -> [f64; W] {
    x.map(of)
}

#[inline(always)]
fn ordinary_ln(x: f64) -> f64 {
    let bits = x.to_bits();
    // x = 2ⁿ·z with z in [1, 2); c is z rounded to the table.
    let fraction = bits & ((1 << MANTISSA_BITS) - 1);
    let nearest = (fraction + (1 << (MANTISSA_BITS - BITS - 1))) >> (MANTISSA_BITS - BITS);
    let z = f64::from_bits(fraction | ONE);
    let c = f64::from_bits((nearest << (MANTISSA_BITS - BITS)) + ONE);
    let (inverse, ln_c) = LOGARITHMS[nearest as usize];
    let r = (z - c) * inverse;
    // The exponent n, plus one for the upper part of the table, in the last bits of a sum that is then exact.
    let upper = (nearest + (PARTS - UPPER) as u64) >> BITS;
    let exponent = f64::from_bits(((bits >> MANTISSA_BITS) + upper) | WHOLE.to_bits()) - (WHOLE + 1023.0);
    let start = exponent * std::f64::consts::LN_2 + ln_c;
    let r2 = r * r;
    let tail = (1.0 / 3.0 - 0.25 * r) + r2 * (0.2 - r * (1.0 / 6.0));
    (start + (r - 0.5 * r2)) + (r2 * r) * tail
}

/// Whether eˣ is subnormal or not finite, or nearly so, or x is NaN.
#[inline(always)]
fn is_far(x: f64) -> bool {
    !(-700.0 < x && x < 700.0)
}

#[inline(always)]
fn near_exp(x: f64) -> f64 {
    /// ln 2 / 256 in two parts; the product of the first part with any count that occurs is exact.
    const STEP: f64 = f64::from_bits((std::f64::consts::LN_2 / PARTS as f64).to_bits() & !((1 << 18) - 1));
    const REST: f64 = (LN_2_HIGH - STEP * PARTS as f64 + LN_2_LOW) / PARTS as f64;
    const LN_2_HIGH: f64 = std::f64::consts::LN_2;
    const LN_2_LOW: f64 = 2.319_046_813_846_299_6e-17;
    /// Adding this constant rounds to an integer, which the last bits of the sum then hold.
    const ROUND: f64 = 1.5 * (1u64 << MANTISSA_BITS) as f64;
    let shifted = x * (PARTS as f64 / std::f64::consts::LN_2) + ROUND;
    let count = shifted - ROUND;
    let bits = shifted.to_bits();
    let power = POWERS[bits as usize % PARTS].to_bits();
    let scale = f64::from_bits(power.wrapping_add((bits >> BITS) << MANTISSA_BITS));
    let scale = scale - scale * (count * REST);
    let r = x - count * STEP;
    let r2 = r * r;
    scale + scale * ((r + 0.5 * r2) + (r2 * r) * (1.0 / 6.0 + r * (1.0 / 24.0)))
}

#[cfg(test)]
mod tests {
    use super::{exp, ln};
    use proptest::prelude::*;

    #[test]
    fn agree_with_the_library_at_the_edges() {
        for x in [
            0.0,
            -0.0,
            -1.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE / 8.0,
            1.0,
            f64::MAX,
        ] {
            assert_eq!(ln(x).to_bits(), x.ln().to_bits(), "ln {x:e}");
        }
        for x in [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 709.9, -745.0, 1e300, -1e300] {
            assert_eq!(exp(x).to_bits(), x.exp().to_bits(), "exp {x:e}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]
        #[test]
        fn logarithm_of_any_number(bits in 1..f64::INFINITY.to_bits()) {
            let x = f64::from_bits(bits);
            prop_assert!((ln(x) - x.ln()).abs() <= 7e-16 * x.ln().abs(), "{x:e}: {:e} {:e}", ln(x), x.ln());
        }
        #[test]
        fn logarithm_near_one(d in -40.0..-0.7f64, up in any::<bool>()) {
            let x = if up { 1.0 + d.exp2() } else { 1.0 - d.exp2() };
            prop_assert!((ln(x) - x.ln()).abs() <= 6e-16 * x.ln().abs(), "{x:e}: {:e} {:e}", ln(x), x.ln());
        }
        #[test]
        fn exponential(x in -745.0..709.0f64) {
            prop_assert!((exp(x) - x.exp()).abs() <= 7e-16 * x.exp(), "{x:e}: {:e} {:e}", exp(x), x.exp());
        }
        #[test]
        fn exponential_of_a_small_number(d in -60.0..2.0f64, up in any::<bool>()) {
            let x = if up { d.exp2() } else { -d.exp2() };
            prop_assert!((exp(x) - x.exp()).abs() <= 5e-16 * x.exp(), "{x:e}: {:e} {:e}", exp(x), x.exp());
        }
    }
}
