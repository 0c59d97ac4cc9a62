//! IBM hexadecimal doubles: a sign, seven bits of an exponent to the base 16, and a fraction of 14 hexadecimal digits.

/// Number of bits in the fraction.
const FRACTION: u32 = 56;

/// Number in a cell of two to eight bytes, which are the first bytes of a double; `None` for a missing value, `.`, `._`
/// or `.A` to `.Z`. Numbers of more than 53 significant bits, which only a mainframe writes, are rounded to the
/// nearest.
pub(super) fn from_ibm(cell: &[u8]) -> Option<f64> {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(cell).for_each(|(byte, given)| *byte = *given);
    if is_missing(bytes) {
        return None;
    }
    let bits = u64::from_be_bytes(bytes);
    let fraction = bits & ((1 << FRACTION) - 1);
    let sixteens = i32::from(bytes[0] & 0x7F) - 64;
    let size = fraction as f64 * power_of_two(4 * sixteens - FRACTION as i32);
    Some(if bytes[0] & 0x80 == 0 { size } else { -size })
}

/// Whether a cell is a special missing value, with a letter or `_`.
pub(super) fn is_special(cell: &[u8]) -> bool {
    cell.first() != Some(&b'.') && from_ibm(cell).is_none()
}

/// Exact IBM double of a number; `None` if the number is not finite, or is outside the range of 5.4e-79 to 7.2e75.
pub(super) fn to_ibm(value: f64) -> Option<[u8; 8]> {
    const DIGITS: u32 = f64::MANTISSA_DIGITS - 1;
    let sign = value.to_bits() >> 63 << 63;
    if value == 0.0 {
        return Some(sign.to_be_bytes());
    }
    if !value.is_normal() {
        return None;
    }
    let bits = value.abs().to_bits();
    let fraction = bits & ((1 << DIGITS) - 1) | (1 << DIGITS);
    let exponent = (bits >> DIGITS) as i32 - (f64::MAX_EXP - 1) - DIGITS as i32;
    let shift = exponent.rem_euclid(4);
    let sixteens = u64::try_from((exponent - shift + FRACTION as i32) / 4 + 64).ok()?;
    (sixteens < 128).then(|| (sign | sixteens << FRACTION | fraction << shift).to_be_bytes())
}

/// Ordinary missing value, `.`.
pub(super) const MISSING: [u8; 8] = [b'.', 0, 0, 0, 0, 0, 0, 0];

fn is_missing(bytes: [u8; 8]) -> bool {
    bytes[1..] == [0; 7] && matches!(bytes[0], b'.' | b'_' | b'A'..=b'Z')
}

/// 2 to the power of an exponent in the range of normal numbers.
fn power_of_two(power: i32) -> f64 {
    f64::from_bits(((power + f64::MAX_EXP - 1) as u64) << (f64::MANTISSA_DIGITS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_of_the_record_layout() {
        for (value, bytes) in [
            (0.0, 0),
            (1.0, 0x4110_0000_0000_0000),
            (-118.625, 0xC276_A000_0000_0000),
            (0.1, 0x4019_9999_9999_999A),
            (2.0, 0x4120_0000_0000_0000),
            (2_f64.powi(-260), 0x0010_0000_0000_0000_u64),
            (2_f64.powi(252) - 2_f64.powi(199), 0x7FFF_FFFF_FFFF_FFF8),
        ] {
            assert_eq!(to_ibm(value).map(u64::from_be_bytes), Some(bytes), "{value}");
            assert_eq!(from_ibm(&bytes.to_be_bytes()), Some(value));
        }
        assert_eq!(
            to_ibm(-0.0).and_then(|cell| from_ibm(&cell)).map(f64::to_bits),
            Some((-0.0_f64).to_bits())
        );
        for beyond in [7.3e75, 5.3e-79, 1e300, -1e-300, 5e-324, f64::INFINITY, f64::NAN] {
            assert_eq!(to_ibm(beyond), None, "{beyond}");
        }
        // Half-way between two numbers of 53 bits: to the even one.
        assert_eq!(from_ibm(&0x4E80_0000_0000_0004_u64.to_be_bytes()), Some(2_f64.powi(55)));
        assert_eq!(from_ibm(&[0x41, 0x10, 0]), Some(1.0));
    }

    #[test]
    fn missing_numbers() {
        for code in [b'.', b'_', b'A', b'Z'] {
            let cell = [code, 0, 0, 0, 0, 0, 0, 0];
            assert_eq!((from_ibm(&cell), from_ibm(&cell[..3])), (None, None));
            assert_eq!(is_special(&cell), code != b'.');
        }
        assert_eq!(from_ibm(&MISSING), None);
        assert!(!is_special(&[0x41, 0x10, 0]));
    }

    proptest! {
        #[test]
        fn every_number_in_range_comes_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let is_in_range = value.is_finite() && (2_f64.powi(-260)..2_f64.powi(252)).contains(&value.abs());
            let back = to_ibm(value).and_then(|cell| from_ibm(&cell)).map(f64::to_bits);
            prop_assert_eq!(back, (is_in_range || value == 0.0).then_some(bits));
        }

        #[test]
        fn every_cell_is_a_number_or_missing(cell in any::<[u8; 8]>(), length in 2..=8_usize) {
            prop_assert!(from_ibm(&cell[..length]).is_none_or(f64::is_finite));
        }
    }
}
