//! Courses of exposure solved from the model.
//!
//! The solution is evaluated on a mesh that is graded after each dose, and an interval is halved while its midpoint
//! deviates from the chord. Of the resulting points, the knots are those that linear interpolation needs to stay within
//! [`TOLERANCE`] of all of them.

use crate::chords::chords;
use crate::exposure::{ExposureCourse, exposures};
use omafit_model::{
    Analyte, Course, Dose, Output, OutputRows, OutputTime, PopulationModel, PredictionError, Subject,
};

/// Largest deviation of linear interpolation between knots from the solution: relative to the local value, or to a
/// thousandth of the highest value if that is larger; absolute for the logarithm of free IgE.
pub const TOLERANCE: f64 = 2e-3;
/// Fraction of the tolerance allowed at the midpoints of the mesh; the chords between knots have the rest.
const OF_MESH: f64 = 0.25;
/// Fraction of the highest value below which a value is negligible.
const NEGLIGIBLE: f64 = 1e-3;
/// First point of the mesh after a dose, days; later points grow by a fraction of the time since the dose, up to a
/// longest step.
const FIRST: f64 = 1.0 / 256.0;
const GROWTH: f64 = 0.3;
const LONGEST: f64 = 2.0;
/// Interval, days, below which the mesh is not halved.
const SHORTEST: f64 = 1e-4;
/// Rounds of halving, from the longest interval of the mesh to the shortest.
const ROUNDS: usize = 14;

/// The reason a subject has no course of exposure.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoExposure {
    /// A model that cannot be solved.
    #[error(transparent)]
    Unsolved(#[from] PredictionError),
    /// Records that end with the first dose.
    #[error("the records end with the first dose")]
    NoDays,
    /// A model without free IgE, or a day without free IgE.
    #[error("there is no free IgE on day {day}")]
    NoIge {
        /// Days after the first dose.
        day: f64,
    },
}

/// A point of the solution.
#[derive(Clone, Copy)]
struct Point {
    at: OutputTime,
    values: [f64; 4],
}

/// The points between two events (doses, ends of infusions), both included, and whether each interval may need halving.
struct Segment {
    points: Vec<Point>,
    is_open: Vec<bool>,
}

/// A function that returns the points of a solution at given times.
type Read<'a> = dyn Fn(Vec<OutputTime>) -> Result<Vec<Point>, NoExposure> + 'a;

impl ExposureCourse {
    /// The course of a subject with these parameters from day `begin` of the records, which becomes day 0, to day
    /// `end`.
    ///
    /// # Errors
    /// When the model cannot be solved, when free IgE is not above zero, or when `end` is not after `begin`.
    pub fn solve(
        model: &PopulationModel,
        parameters: &[f64],
        subject: &Subject,
        [begin, end]: [f64; 2],
    ) -> Result<Self, NoExposure> {
        let read = |times: Vec<OutputTime>| points(model, parameters, subject, begin, times);
        Self::read_from(&read, &subject.doses, [begin, end])
    }

    /// The course of the same subject with parameters close to those of this course, on its knots: one solution instead
    /// of several. A course with a jump is solved anew.
    ///
    /// # Errors
    /// As in [`ExposureCourse::solve`].
    pub fn solve_like(
        &self,
        model: &PopulationModel,
        parameters: &[f64],
        subject: &Subject,
        begin: f64,
    ) -> Result<Self, NoExposure> {
        if self.days().windows(2).any(|pair| pair[0] == pair[1]) {
            return Self::solve(model, parameters, subject, [begin, begin + self.end()]);
        }
        let at = |day: &f64| {
            let time = begin + day;
            OutputTime { time, doses_before: subject.doses.partition_point(|dose| dose.time < time) }
        };
        let times = self.days().iter().map(at).collect();
        let points = points(model, parameters, subject, begin, times)?;
        Ok(self.with_values(points.into_iter().map(|point| point.values)))
    }

    fn read_from(read: &Read<'_>, doses: &[Dose], [begin, end]: [f64; 2]) -> Result<Self, NoExposure> {
        if !(end > begin && end.is_finite()) {
            return Err(NoExposure::NoDays);
        }
        let (before, segments) = segments(read, doses, [begin, end])?;
        let mut course = Self::empty();
        let mut last = before.values;
        course.push(0.0, last);
        let peaks = peaks(&segments);
        for segment in segments {
            let knots = knots(&segment.points, &peaks);
            for (n, point) in knots.into_iter().map(|i| segment.points[i]).enumerate() {
                // Unless there is a jump, a segment begins with the last point of the segment before.
                if n > 0 || point.values != last {
                    course.push(point.at.time - begin, point.values);
                }
                last = point.values;
            }
        }
        course.thin_driving();
        Ok(course)
    }
}

/// The points of a subject's solution with these parameters at given times.
fn points(
    model: &PopulationModel,
    parameters: &[f64],
    subject: &Subject,
    begin: f64,
    times: Vec<OutputTime>,
) -> Result<Vec<Point>, NoExposure> {
    let course = Course::new(subject.start, subject.doses.clone(), times, Output::Interpolated)
        .map_err(PredictionError::from)?;
    let mut found = OutputRows::new();
    model.predict(parameters, &subject.covariates, &course, &mut found)?;
    let structure = model.structure();
    let positions = [
        structure.free_target(),
        structure.output(Analyte::OMALIZUMAB_TOTAL),
        structure.output(Analyte::IGE_TOTAL),
    ];
    let point = |(at, outputs): (&OutputTime, &[f64])| {
        let [free, drug, total] = positions.map(|output| output.map_or(f64::NAN, |output| outputs[output]));
        let values = exposures(free, drug, total);
        let point = values.map(|values| Point { at: *at, values });
        point.ok_or(NoExposure::NoIge { day: at.time - begin })
    };
    course.times().iter().zip(&found).map(point).collect()
}

/// The point just before the first event, and the segments between events, halved as often as needed.
fn segments(
    read: &Read<'_>,
    doses: &[Dose],
    [begin, end]: [f64; 2],
) -> Result<(Point, Vec<Segment>), NoExposure> {
    let inside = |t: &f64| *t > begin && *t < end;
    let mut events: Vec<f64> =
        doses.iter().flat_map(|d| [d.time, d.time + d.duration]).filter(inside).collect();
    events.extend([begin, end]);
    events.sort_by(f64::total_cmp);
    events.dedup();
    let mut times = vec![OutputTime { time: begin, doses_before: doses.partition_point(|d| d.time < begin) }];
    let mut lengths = Vec::with_capacity(events.len());
    for pair in events.windows(2) {
        let doses_before = doses.partition_point(|d| d.time <= pair[0]);
        let own = mesh(pair[0], pair[1]);
        lengths.push(own.len());
        times.extend(own.into_iter().map(|time| OutputTime { time, doses_before }));
    }
    let points = read(times)?;
    let (first, mut rest) = (points[0], &points[1..]);
    let mut segments = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (own, others) = rest.split_at(length);
        segments.push(Segment { points: own.to_vec(), is_open: vec![true; length - 1] });
        rest = others;
    }
    let peaks = peaks(&segments);
    for _ in 0..ROUNDS {
        let middles: Vec<OutputTime> = segments.iter().flat_map(Segment::middles).collect();
        if middles.is_empty() {
            break;
        }
        let mut found = read(middles)?.into_iter();
        segments.iter_mut().for_each(|segment| segment.halve(&mut found, &peaks));
    }
    Ok((first, segments))
}

impl Segment {
    /// The open intervals that can be halved, by the position of their first point.
    fn halved(&self) -> impl Iterator<Item = usize> {
        let long = |k: &usize| self.points[k + 1].at.time - self.points[*k].at.time > SHORTEST;
        (0..self.is_open.len()).filter(|k| self.is_open[*k]).filter(long)
    }

    fn middles(&self) -> Vec<OutputTime> {
        let middle = |k: usize| {
            let OutputTime { time, doses_before } = self.points[k].at;
            OutputTime { time: 0.5 * (time + self.points[k + 1].at.time), doses_before }
        };
        self.halved().map(middle).collect()
    }

    /// Inserts the midpoints; the halves of an interval whose midpoint lies on the chord are closed.
    fn halve(&mut self, middles: &mut impl Iterator<Item = Point>, peaks: &[f64; 4]) {
        let halved: Vec<usize> = self.halved().collect();
        let mut points = Vec::with_capacity(self.points.len() + halved.len());
        let mut is_open = Vec::with_capacity(self.points.len() + halved.len());
        let mut next = halved.into_iter().peekable();
        for (k, point) in self.points.iter().enumerate() {
            points.push(*point);
            if next.next_if_eq(&k).is_some()
                && let Some(middle) = middles.next()
            {
                let other = &self.points[k + 1];
                let off = |c: usize| (middle.values[c] - 0.5 * (point.values[c] + other.values[c])).abs();
                let allowed = tolerance(&middle.values, peaks).map(|t| OF_MESH * t);
                is_open.extend([(0..4).any(|c| off(c) > allowed[c]); 2]);
                points.push(middle);
            } else if k < self.is_open.len() {
                is_open.push(false);
            }
        }
        (self.points, self.is_open) = (points, is_open);
    }
}

/// The mesh from one event to the next, both included, graded by [`GROWTH`] after the first.
fn mesh(from: f64, to: f64) -> Vec<f64> {
    let mut times = vec![from];
    let mut after = FIRST;
    while after < to - from - 0.5 * FIRST {
        times.push(from + after);
        after += (GROWTH * after).clamp(FIRST, LONGEST);
    }
    times.push(to);
    times
}

/// The highest value of each exposure.
fn peaks(segments: &[Segment]) -> [f64; 4] {
    let all = segments.iter().flat_map(|s| &s.points);
    all.fold([0.0; 4], |peaks, p| std::array::from_fn(|c| peaks[c].max(p.values[c])))
}

/// The deviation allowed of a chord from each value.
fn tolerance(values: &[f64; 4], peaks: &[f64; 4]) -> [f64; 4] {
    let relative = |c: usize| values[c].max(NEGLIGIBLE * peaks[c]);
    [relative(0), 1.0, relative(2), relative(3)].map(|size| TOLERANCE * size)
}

/// The positions of the knots among the points of a segment: the ends, and as few between them as the chords need.
fn knots(points: &[Point], peaks: &[f64; 4]) -> Vec<usize> {
    let points: Vec<(f64, [f64; 4])> = points.iter().map(|p| (p.at.time, p.values)).collect();
    chords(&points, |values| tolerance(values, peaks).map(|allowed| (1.0 - OF_MESH) * allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::Exposure::{self, IgeFree, LogIgeFree, Omalizumab, Ratio};
    use omafit_model::{Covariates, Route, StateRule, published};

    const BASELINE: f64 = 400.0;

    fn model() -> PopulationModel {
        PopulationModel::parse(published("hayashi2007").unwrap()).unwrap()
    }

    fn solved(
        model: &PopulationModel,
        doses: Vec<Dose>,
        span: [f64; 2],
    ) -> Result<ExposureCourse, NoExposure> {
        let subject = Subject::planned("1", Covariates::new(70.0, BASELINE), doses, &[], &[]);
        ExposureCourse::solve(model, &model.typical(&subject.covariates).unwrap(), &subject, span)
    }

    /// The largest deviation of a course from values at times, in units of the tolerance.
    fn farthest(course: &ExposureCourse, days: &[f64], values: &[[f64; 4]]) -> f64 {
        let peaks = [0, 1, 2, 3].map(|c| values.iter().map(|v| v[c]).fold(0.0, f64::max));
        let read = Exposure::ALL.map(|exposure| course.on(exposure, days));
        let off = |k: usize| {
            let allowed = tolerance(&values[k], &peaks);
            (0..4).map(|c| (read[c][k] - values[k][c]).abs() / allowed[c]).fold(0.0, f64::max)
        };
        (0..days.len()).map(off).fold(0.0, f64::max)
    }

    /// Knots for an exponential decrease from 400 to 5 ng/mL and an absorption in closed form, with an upward jump on
    /// day 40.
    #[test]
    fn a_course_in_closed_form_is_met_within_the_tolerance() {
        let exact = |day: f64, is_after: bool| {
            let free = 5.0 + 395.0 * (-day).exp() + if is_after { 100.0 * (40.0 - day).exp() } else { 0.0 };
            let omalizumab = 50.0 * ((-0.03 * day).exp() - (-0.4 * day).exp());
            exposures(free, omalizumab, 1000.0).unwrap()
        };
        let read = |times: Vec<OutputTime>| {
            let point = |at: OutputTime| Point { at, values: exact(at.time, at.doses_before > 1) };
            Ok(times.into_iter().map(point).collect())
        };
        let doses = [Dose::subcutaneous(0.0, 300.0), Dose::intravenous(40.0, 1.0, 0.0)];
        let course = ExposureCourse::read_from(&read, &doses, [0.0, 196.0]).unwrap();
        let days: Vec<f64> = (0..=196_000).map(|k| f64::from(k) * 1e-3).collect();
        let values: Vec<[f64; 4]> = days.iter().map(|d| exact(*d, *d > 40.0)).collect();
        let off = farthest(&course, &days, &values);
        assert!(off <= 1.0, "{off}");
        assert_eq!(course.days().iter().filter(|d| **d == 40.0).count(), 2);
        assert!(
            course.days().is_sorted() && (100..300).contains(&course.days().len()),
            "{}",
            course.days().len()
        );
        // The mean is 5 + 395·(1 − e⁻¹) over the first day; the level 50 is passed at ln(395/45).
        let first = 5.0 + 395.0 * (1.0 - (-1.0_f64).exp());
        assert!((course.mean(IgeFree, 0.0, 1.0) / first - 1.0).abs() < TOLERANCE);
        assert!((course.first_below(IgeFree, 50.0, 0.0) - (395.0_f64 / 45.0).ln()).abs() < TOLERANCE);
        assert_eq!(course.first_above(IgeFree, 50.0, 20.0), 40.0);
        assert!((course.first_below(IgeFree, 50.0, 41.0) - 41.0).abs() < 1e-12);
    }

    /// A solution at a thousand points per day with tolerance 1e-10, by the trapezoidal rule, is independent of the
    /// knots.
    #[test]
    fn the_binding_models_means_and_crossings_are_those_of_a_dense_solution() {
        let model = model();
        let doses: Vec<Dose> = (0..5).map(|k| Dose::subcutaneous(14.0 * f64::from(k), 225.0)).collect();
        let course = solved(&model, doses.clone(), [0.0, 196.0]).unwrap();
        let days: Vec<f64> = (0..=196_000).map(|k| f64::from(k) * 1e-3).collect();
        let at = |&time: &f64| OutputTime { time, doses_before: doses.partition_point(|d| d.time < time) };
        let dense = Course::new(0.0, doses.clone(), days.iter().map(at).collect(), Output::Interpolated);
        let covariates = Covariates::new(70.0, BASELINE);
        let mut found = OutputRows::new();
        let parameters = model.typical(&covariates).unwrap();
        model.predict(&parameters, &covariates, &dense.unwrap().with_rtol(1e-10), &mut found).unwrap();
        let values: Vec<[f64; 4]> = found.iter().map(|c| exposures(c[2], c[0], c[1]).unwrap()).collect();
        let off = farthest(&course, &days, &values);
        assert!(off <= 1.0, "{off}");
        assert!((100..300).contains(&course.days().len()), "{}", course.days().len());
        let mean = |c: usize, last: usize| {
            values[..=last].windows(2).map(|p| 0.5 * (p[0][c] + p[1][c])).sum::<f64>() / last as f64
        };
        for (exposure, day) in [IgeFree, LogIgeFree, Omalizumab, Ratio].into_iter().zip([1, 1, 14, 14]) {
            let exact = mean(exposure as usize, 1000 * day);
            let own = course.mean(exposure, 0.0, day as f64);
            assert!((own / exact - 1.0).abs() < TOLERANCE, "{exposure:?}: {own}, not {exact}");
        }
        let fortnight = course.mean(IgeFree, 0.0, 14.0) / mean(0, 14_000);
        assert!((fortnight - 1.0).abs() < TOLERANCE, "{fortnight}");
        let crossed = values.iter().position(|v| v[0] <= 50.0).unwrap() as f64 * 1e-3;
        let own = course.first_below(IgeFree, 50.0, 0.0);
        assert!((own - crossed).abs() < 2e-3 && (0.05..0.8).contains(&own), "{own}, not {crossed}");
        let again =
            values.iter().enumerate().skip(56_000).find(|(_, v)| v[0] >= 50.0).unwrap().0 as f64 * 1e-3;
        let own = course.first_above(IgeFree, 50.0, 56.0);
        assert!((own - again).abs() < 0.05, "{own}, not {again}");
    }

    #[test]
    fn doses_into_a_vein_resets_and_steady_states_jump() {
        let text = published("hayashi2007").unwrap();
        let with_f = format!("{text}\n[parameters.F]\ntypical = 0.62\nunit = \"1\"\n");
        let model = PopulationModel::parse(&with_f).unwrap();
        let doses = vec![
            Dose::intravenous(0.0, 150.0, 0.0),
            Dose::intravenous(10.0, 150.0, 0.25),
            Dose { route: Route::Subcutaneous, ..Dose::subcutaneous(20.0, 0.0) }.after(StateRule::Reset),
            Dose::subcutaneous(30.0, 300.0).after(StateRule::SteadyState { interval: 28.0 }),
        ];
        let course = solved(&model, doses, [0.0, 60.0]).unwrap();
        let twice = |day: f64| course.days().iter().filter(|d| **d == day).count();
        assert_eq!([0.0, 10.0, 10.25, 20.0, 30.0].map(twice), [2, 1, 1, 2, 2]);
        let free = |day| course.at(IgeFree, day);
        assert!((free(0.0) / BASELINE - 1.0).abs() < 1e-9 && free(1e-6) < 0.2 * BASELINE, "{}", free(1e-6));
        // After the reset the course is that of an untreated subject.
        let undosed = solved(&model, Vec::new(), [0.0, 60.0]).unwrap();
        let alike = |day: f64, since: f64| (free(day) / undosed.at(IgeFree, since) - 1.0).abs() < TOLERANCE;
        assert!(free(20.0) < 0.1 * BASELINE && alike(25.0, 5.0) && alike(30.0, 10.0));
        assert!(free(30.1) < 0.2 * BASELINE);
    }

    #[test]
    fn a_course_on_the_knots_of_another_is_near_its_own() {
        let model = model();
        let subject = Subject {
            doses: (0..7).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect(),
            ..crate::virtual_trial::patient(
                &model,
                &crate::innovate::innovate(crate::virtual_trial::Dosing::Table(
                    crate::dosing_table::DosingTable::named("us_asthma_12y").unwrap(),
                )),
                3,
                0,
                omafit_estimate::Noise::ALL,
            )
            .unwrap()
        };
        let typical = model.typical(&subject.covariates).unwrap();
        let other: Vec<f64> = typical.iter().map(|p| 1.1 * p).collect();
        let span = [subject.doses[0].time, 300.0];
        let like = ExposureCourse::solve(&model, &typical, &subject, span).unwrap();
        let found = like.solve_like(&model, &other, &subject, span[0]).unwrap();
        let own = ExposureCourse::solve(&model, &other, &subject, span).unwrap();
        let again = like.solve_like(&model, &typical, &subject, span[0]).unwrap();
        for exposure in [IgeFree, Omalizumab] {
            for day in (0..300).map(f64::from) {
                let [a, b] = [found.at(exposure, day), own.at(exposure, day)];
                assert!((a - b).abs() <= 0.02 * b.abs() + 1e-3, "{exposure:?} on day {day}: {a}, not {b}");
                let [a, b] = [again.at(exposure, day), like.at(exposure, day)];
                assert!((a - b).abs() <= 1e-4 * b.abs() + 1e-6, "{exposure:?} on day {day}: {a}, not {b}");
            }
        }
    }

    #[test]
    fn hostile_spans_and_subjects_without_a_dose() {
        let model = model();
        // From the baseline to the balance of production and loss.
        let undosed = solved(&model, Vec::new(), [0.0, 84.0]).unwrap();
        assert!((undosed.at(IgeFree, 0.0) / BASELINE - 1.0).abs() < 1e-9);
        assert!(undosed.days().len() < 20 && undosed.values(Omalizumab).iter().all(|v| *v == 0.0));
        let dose = || vec![Dose::subcutaneous(0.0, 300.0), Dose::subcutaneous(0.0, 75.0)];
        for span in [[0.0, 0.0], [5.0, 1.0], [0.0, f64::NAN], [0.0, f64::INFINITY]] {
            assert_eq!(solved(&model, dose(), span), Err(NoExposure::NoDays), "{span:?}");
        }
        // A course of minutes, and one that begins long after the first record.
        let short = solved(&model, dose(), [0.0, 1e-3]).unwrap();
        assert!(short.end() == 1e-3 && short.at(IgeFree, 1e-3) < BASELINE);
        let doses = vec![Dose::subcutaneous(100.0, 300.0)];
        let late = Subject {
            start: 100.0,
            ..Subject::planned("1", Covariates::new(70.0, BASELINE), doses, &[], &[])
        };
        let parameters = model.typical(&late.covariates).unwrap();
        let late = ExposureCourse::solve(&model, &parameters, &late, [100.0, 128.0]).unwrap();
        let early = solved(&model, vec![Dose::subcutaneous(0.0, 300.0)], [0.0, 28.0]).unwrap();
        assert!((late.mean(IgeFree, 0.0, 28.0) / early.mean(IgeFree, 0.0, 28.0) - 1.0).abs() < TOLERANCE);
        let other = PopulationModel::parse(published("one_compartment_oral").unwrap()).unwrap();
        assert!(matches!(solved(&other, dose(), [0.0, 28.0]), Err(NoExposure::NoIge { day: 0.0 })));
    }
}
