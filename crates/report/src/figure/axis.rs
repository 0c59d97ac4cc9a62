//! Axes: the mapping from values to px, and the positions of the ticks.

/// Spacing of values along an axis.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Space {
    Log,
    Linear,
}

impl Space {
    /// The coordinate of a value on the axis; `None` for a value that cannot be drawn: not a number, infinite
    /// (on a linear axis, 1e300 or more in absolute value), or not above zero on a log axis.
    pub(super) fn coordinate(self, value: f64) -> Option<f64> {
        match self {
            Self::Log => (value.is_finite() && value > 0.0).then(|| value.log10()),
            // Values beyond these limits would make the width of the axis overflow or vanish.
            Self::Linear if value.abs() < 1e-290 => Some(0.0),
            Self::Linear => (value.abs() < 1e300).then_some(value),
        }
    }
}

/// The smallest range, in axis coordinates, that holds a set of values.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    lo: f64,
    hi: f64,
}

impl Extent {
    /// The extent of the values that can be drawn on an axis of the given spacing.
    pub(super) fn of(space: Space, values: impl IntoIterator<Item = f64>) -> Self {
        values.into_iter().filter_map(|value| space.coordinate(value)).fold(
            Self { lo: f64::INFINITY, hi: f64::NEG_INFINITY },
            |extent, at| Self { lo: extent.lo.min(at), hi: extent.hi.max(at) },
        )
    }

    /// Whether the extent holds no value.
    pub(super) fn is_empty(self) -> bool {
        self.lo > self.hi
    }

    /// Width of the extent; zero when it is empty.
    pub(super) fn width(self) -> f64 {
        (self.hi - self.lo).max(0.0)
    }

    /// The smallest extent that holds both extents.
    pub(super) fn with(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// The extent grown towards `other`, by at most `reach` on each side; `other` itself when the extent is
    /// empty.
    pub(super) fn towards(self, other: Self, reach: f64) -> Self {
        if self.is_empty() {
            return other;
        }
        Self {
            lo: self.lo.min(other.lo.max(self.lo - reach)),
            hi: self.hi.max(other.hi.min(self.hi + reach)),
        }
    }
}

/// Label of a tick.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Label {
    Plain(String),
    /// A `base` followed by a raised exponent.
    Power {
        base: String,
        exponent: String,
    },
}

/// A tick at a distance in px from the start of the axis; a tick without a label is a minor tick.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: Option<Label>,
}

/// An axis with its range in axis coordinates and its length in px.
pub(super) struct Axis {
    space: Space,
    lo: f64,
    hi: f64,
    length: f64,
    steps: &'static [f64],
}

impl Axis {
    /// An axis of values, with a margin at both ends. A log axis covers at least a factor of five, so that it
    /// holds at least two of the labels 1, 2, 5.
    pub(super) fn of_values(space: Space, extent: Extent, length: f64) -> Self {
        let mut axis = Self::bare(space, extent, length, &[]);
        if space == Space::Linear && axis.lo > 0.0 && axis.lo < 0.5 * axis.hi {
            axis.lo = 0.0;
        }
        axis.pad(0.05);
        axis
    }

    /// An axis of time; `steps` are the natural tick distances of the time unit, ascending.
    pub(super) fn of_time(extent: Extent, length: f64, steps: &'static [f64]) -> Self {
        let mut axis = Self::bare(Space::Linear, extent, length, steps);
        axis.pad(0.015);
        axis
    }

    fn bare(space: Space, extent: Extent, length: f64, steps: &'static [f64]) -> Self {
        let Extent { lo, hi } = if extent.is_empty() { Extent { lo: 0.0, hi: 1.0 } } else { extent };
        let least = match space {
            Space::Log => 0.7,
            // Wide enough that neighbouring labels of few digits differ.
            Space::Linear if lo == 0.0 && hi == 0.0 => 1.0,
            Space::Linear => 0.01 * lo.abs().max(hi.abs()),
        };
        let lack = (0.5 * (least - (hi - lo))).max(0.0);
        Self { space, lo: lo - lack, hi: hi + lack, length, steps }
    }

    fn pad(&mut self, part: f64) {
        let air = part * (self.hi - self.lo);
        self.lo -= air;
        self.hi += air;
    }

    /// Distance of a value in px from the start of the axis, also beyond its ends; `None` for a value that
    /// cannot be drawn.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        self.space.coordinate(value).map(|at| self.px(at))
    }

    /// Distance in px of a point of a curve, as [`Axis::place`] gives it; zero on a log axis lies well below
    /// the start, so that the curve leaves the panel through its lower edge instead of breaking off.
    pub(super) fn place_on_curve(&self, value: f64) -> Option<f64> {
        if self.space == Space::Log && value == 0.0 { Some(-2.0 * self.length) } else { self.place(value) }
    }

    fn px(&self, at: f64) -> f64 {
        (at - self.lo) / (self.hi - self.lo) * self.length
    }

    /// Ticks of the axis, with about `most` labels at most.
    pub(super) fn ticks(&self, most: usize) -> Vec<Tick> {
        match self.space {
            Space::Log => self.log_ticks(most as f64),
            Space::Linear => self.linear_ticks(most as f64),
        }
    }

    fn log_ticks(&self, most: f64) -> Vec<Tick> {
        let decades = self.hi - self.lo;
        let step = (decades / most).ceil().max(1.0);
        // In a short range, labels at the decades alone are too few to read a value from.
        let few = decades < 1.6;
        let labelled = |mantissa: i32, decade: f64| match mantissa {
            1 => decade.rem_euclid(step) == 0.0,
            2 | 5 => few,
            _ => false,
        };
        let (first, last) = (self.lo.floor(), self.hi.floor());
        let mantissas = if decades > 8.0 { 1..=1 } else { 1..=9 };
        let candidates = (0..=(last - first) as i64)
            .map(|i| first + i as f64)
            .filter(|decade| decades <= 40.0 || labelled(1, *decade))
            .flat_map(|decade| mantissas.clone().map(move |mantissa| (mantissa, decade)));
        let inside: Vec<(i32, f64, f64)> = candidates
            .map(|(mantissa, decade)| (mantissa, decade, decade + f64::from(mantissa).log10()))
            .filter(|&(_, _, at)| (self.lo..=self.hi).contains(&at))
            .collect();
        // All labels of an axis use one notation.
        let plain = inside
            .iter()
            .filter(|&&(mantissa, decade, _)| labelled(mantissa, decade))
            .all(|&(_, decade, _)| (-3.0..=4.0).contains(&decade));
        let label = |mantissa: i32, decade: f64| {
            if plain {
                let digits = (-decade).max(0.0) as usize;
                Label::Plain(format!("{:.digits$}", f64::from(mantissa) * 10_f64.powf(decade)))
            } else if mantissa == 1 {
                Label::Power { base: "10".into(), exponent: minus(&format!("{decade}")) }
            } else {
                Label::Power { base: format!("{mantissa}×10"), exponent: minus(&format!("{decade}")) }
            }
        };
        inside
            .into_iter()
            .map(|(mantissa, decade, at)| Tick {
                at: self.px(at),
                label: labelled(mantissa, decade).then(|| label(mantissa, decade)),
            })
            .collect()
    }

    fn linear_ticks(&self, most: f64) -> Vec<Tick> {
        let span = self.hi - self.lo;
        let rough = span / most;
        let step = match self.steps.iter().find(|&&step| step >= rough) {
            Some(&step) if span >= 2.0 * step => step,
            _ => round_step(rough),
        };
        let largest = self.lo.abs().max(self.hi.abs());
        let (first, last) = ((self.lo / step).ceil(), (self.hi / step).floor());
        (0..=(last - first) as i64)
            .map(|i| (first + i as f64) * step)
            .map(|value| Tick { at: self.px(value), label: Some(linear_label(value, step, largest)) })
            .collect()
    }
}

/// The smallest of 1, 2, 5 × 10ⁿ that is not below `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.999).unwrap_or(10.0);
    factor * power
}

fn linear_label(value: f64, step: f64, largest: f64) -> Label {
    if value == 0.0 {
        Label::Plain("0".into())
    } else if largest < 1e6 && step >= 1e-4 {
        let digits = (-(1.001 * step).log10().floor()).max(0.0) as usize;
        Label::Plain(minus(&format!("{value:.digits$}")))
    } else {
        // All labels share the exponent of the step, so they are short and differ in their leading digits.
        let decade = (1.001 * step).log10().floor();
        Label::Power {
            base: minus(&format!("{:.0}×10", value / 10_f64.powf(decade))),
            exponent: minus(&format!("{decade}")),
        }
    }
}

fn minus(number: &str) -> String {
    number.replace('-', "−")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, most: usize) -> Vec<String> {
        axis.ticks(most)
            .into_iter()
            .filter_map(|tick| tick.label)
            .map(|label| match label {
                Label::Plain(text) => text,
                Label::Power { base, exponent } => format!("{base}^{exponent}"),
            })
            .collect()
    }

    fn log(values: &[f64]) -> Axis {
        Axis::of_values(Space::Log, Extent::of(Space::Log, values.iter().copied()), 200.0)
    }

    fn linear(values: &[f64]) -> Axis {
        Axis::of_values(Space::Linear, Extent::of(Space::Linear, values.iter().copied()), 200.0)
    }

    #[test]
    fn log_axes_label_decades_with_minor_ticks_between() {
        let axis = log(&[1.0, 1000.0, -3.0, f64::NAN, 0.0]);
        assert_eq!(labels(&axis, 6), ["1", "10", "100", "1000"]);
        let minor = axis.ticks(6).iter().filter(|tick| tick.label.is_none()).count();
        // 2…9 in three decades, and 0.8 and 0.9 in the margin of 0.15 decades below.
        assert_eq!(minor, 3 * 8 + 2);
        assert!((axis.place(10.0).unwrap() - axis.place(1.0).unwrap() - 200.0 / 3.3).abs() < 1e-9);
    }

    #[test]
    fn short_log_axes_label_two_and_five_and_keep_one_notation() {
        assert_eq!(labels(&log(&[30.0, 200.0]), 6), ["50", "100", "200"]);
        assert_eq!(labels(&log(&[42.0, 42.0]), 6), ["20", "50", "100"]);
        assert_eq!(labels(&log(&[1.1e5, 9.9e5]), 6), ["10^5", "2×10^5", "5×10^5", "10^6"]);
        assert_eq!(labels(&log(&[0.002, 0.009]), 6), ["0.002", "0.005", "0.01"]);
    }

    #[test]
    fn wide_log_axes_thin_their_labels_out() {
        assert_eq!(labels(&log(&[1e-12, 1e12]), 6), ["10^−10", "10^−5", "10^0", "10^5", "10^10"]);
        let axis = log(&[f64::from_bits(1), f64::MAX]);
        assert!((3..=8).contains(&labels(&axis, 6).len()) && axis.ticks(6).len() < 10);
    }

    #[test]
    fn linear_axes_take_round_steps() {
        assert_eq!(labels(&linear(&[0.0, 10.0]), 6), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(&linear(&[-0.3, 0.3]), 4), ["−0.2", "0", "0.2"]);
        assert_eq!(labels(&linear(&[0.0, 2e7]), 5), ["0", "5×10^6", "10×10^6", "15×10^6", "20×10^6"]);
    }

    #[test]
    fn no_range_makes_ticks_without_end_or_places_without_number() {
        let nasty = [0.0, 1e-300, -1e-300, 5.0, 1e15, 1e15 + 1.0, -1e299, 1e299, f64::MAX, f64::INFINITY];
        for &a in &nasty {
            for &b in &nasty {
                for axis in [linear(&[a, b]), log(&[a, b])] {
                    let ticks = axis.ticks(6);
                    assert!(ticks.len() < 100, "{a} {b}: {}", ticks.len());
                    assert!(ticks.iter().all(|t| (-1e-6..=200.0 + 1e-6).contains(&t.at)), "{a} {b}");
                    assert!(ticks.iter().any(|t| t.label.is_some()), "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn time_ticks_follow_the_calendar() {
        const DAYS: &[f64] = &[1.0, 2.0, 7.0, 14.0, 28.0, 56.0];
        let axis = Axis::of_time(Extent::of(Space::Linear, [0.0, 308.0]), 700.0, DAYS);
        assert_eq!(labels(&axis, 12)[..3], ["0", "28", "56"]);
        let axis = Axis::of_time(Extent::of(Space::Linear, [0.0, 0.5]), 700.0, DAYS);
        assert_eq!(labels(&axis, 6), ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
    }

    #[test]
    fn zero_on_a_log_curve_lies_below_the_floor() {
        let axis = log(&[1.0, 10.0]);
        assert_eq!(axis.place(0.0), None);
        assert!(axis.place_on_curve(0.0).unwrap() < -100.0);
        assert_eq!(axis.place_on_curve(-1.0), None);
    }

    #[test]
    fn an_extent_reaches_only_so_far() {
        let own = Extent::of(Space::Log, [1.0, 10.0]);
        let far = Extent::of(Space::Log, [1e-9, 1e3]);
        let grown = own.towards(far, 3.0);
        assert_eq!((grown.lo, grown.hi), (-3.0, 3.0));
        let unchanged = own.towards(Extent::of(Space::Log, []), 3.0);
        assert_eq!((unchanged.lo, unchanged.hi), (0.0, 1.0));
    }
}
