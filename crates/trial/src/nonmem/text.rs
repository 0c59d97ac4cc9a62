//! Text format of NONMEM's output files.

/// Base name of the exported files: the name that programs look for first.
pub(super) const RUN: &str = "run1";

/// Formats a number as Fortran's S1PE12.5, in 13 characters.
pub(super) fn s1pe12_5(value: f64) -> String {
    format!("{:>13}", scientific(value, 5))
}

/// Formats a number as Fortran's S1PE15.8, in 16 characters.
pub(super) fn s1pe15_8(value: f64) -> String {
    format!("{:>16}", scientific(value, 8))
}

fn scientific(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    let text = format!("{value:.decimals$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}E{sign}{size:0>2}")
}

/// First line of an output file, with the estimation method.
pub(super) fn title(method: &str) -> String {
    format!(
        "TABLE NO.     1: {method}: Goal Function=MINIMUM VALUE OF OBJECTIVE FUNCTION: Problem=1 Subproblem=0 \
         Superproblem1=0 Iteration1=0 Superproblem2=0 Iteration2=0\n"
    )
}

/// Header line of names, each padded to the width of the numbers below it.
pub(super) fn header<'a>(names: impl IntoIterator<Item = &'a str>, width: usize) -> String {
    let mut line = String::new();
    for name in names {
        line += &format!(" {name:<0$}", width - 1);
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_fortran_writes_them() {
        // Output of NONMEM 7.4 for these numbers.
        assert_eq!(s1pe12_5(0.004_693_07), "  4.69307E-03");
        assert_eq!(s1pe12_5(-1e10), " -1.00000E+10");
        assert_eq!(s1pe12_5(0.0), "  0.00000E+00");
        assert_eq!(s1pe12_5(9.999_999_9), "  1.00000E+01");
        assert_eq!(s1pe12_5(1e-120), " 1.00000E-120");
        assert_eq!(s1pe15_8(100_001.0), "  1.00001000E+05");
    }
}
