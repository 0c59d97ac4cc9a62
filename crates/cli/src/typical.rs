//! `omafit model figure`: a figure of the typical subject of a model under treatment.

use crate::checks::name_and_number;
use crate::error::{CliError, refuse};
use crate::model;
use crate::options::FigureArgs;
use omafit_model::{
    Course, Covariates, Dose, EffectForm, Output, OutputRows, OutputTime, PopulationModel, PredictionError,
    StartRule, Subject, Substance,
};
use omafit_report::individual::{self, Individual, Panel, Whose};
use omafit_trial::{ReadOptions, read, write_whole};
use std::path::Path;

/// Default body weight, kg.
const WEIGHT: f64 = 70.0;
/// Default baseline IgE, ng/mL; 300 IU/mL.
const IGE: f64 = 726.0;
/// Days drawn after the last dose: 16 weeks.
const WASHOUT: f64 = 112.0;
/// Number of points for which a curve is smooth across a page.
const POINTS: u32 = 400;
/// Additional points after a dose, where concentrations change fast, as fractions of the distance between grid
/// points.
const SOON: [f64; 6] = [0.03, 0.06, 0.12, 0.25, 0.5, 0.75];

/// Draws the figure and writes it.
pub fn figure(args: &FigureArgs) -> Result<(), CliError> {
    let model = model::load(&args.model)?;
    let subject = match (&args.data, &args.id) {
        (Some(data), Some(id)) => of_data(&model, data, id)?,
        _ => treated(args)?,
    };
    let covariates = covariates(&model, args, &subject.covariates)?;
    let last = if args.data.is_some() { subject.end() } else { subject.end() + WASHOUT };
    let end = args.days.unwrap_or(last);
    if !(end.is_finite() && end > subject.start) {
        let expected = format!("a day after day {}, the first", subject.start);
        return Err(refuse("days", end, expected));
    }
    let points = solve(&model, &subject, &covariates, end)?;
    let svg = draw(&model, args, &subject, &covariates, &points)?;
    Ok(write_whole(&args.out, svg.as_bytes(), args.force)?)
}

/// A subject with the doses given by the arguments.
fn treated(args: &FigureArgs) -> Result<Subject, CliError> {
    if !(args.every.is_finite() && args.every > 0.0) {
        return Err(refuse("every", args.every, "a number of days above 0"));
    }
    if !(args.dose.is_finite() && args.dose > 0.0) {
        return Err(refuse("dose", args.dose, "a number of mg above 0; for none say --doses 0"));
    }
    let dose = |k: u16| Dose::subcutaneous(f64::from(k) * args.every, args.dose);
    Ok(Subject {
        id: String::new(),
        covariates: Covariates::default(),
        start: 0.0,
        doses: (0..args.doses).map(dose).collect(),
        observations: Vec::new(),
    })
}

fn of_data(model: &PopulationModel, data: &Path, id: &str) -> Result<Subject, CliError> {
    // Covariates that the file lacks get default values later.
    let options = ReadOptions { covariates: Vec::new(), allow_undosed: true, ..model::needs(model) };
    let trial = read(data, &options)?;
    let found = trial.subjects.into_iter().find(|s| s.id == id);
    found.ok_or_else(|| refuse("id", id, format!("the ID of a subject in {}", data.display())))
}

/// Covariates needed by the model: those given as arguments, else those of the subject, else the defaults.
fn covariates(
    model: &PopulationModel,
    args: &FigureArgs,
    subject: &Covariates,
) -> Result<Covariates, CliError> {
    let mut given = Vec::new();
    given.extend(args.weight.map(|kg| ("weight", kg.to_string(), Covariates::WEIGHT, kg)));
    given.extend(args.ige.map(|ige| ("ige", ige.to_string(), Covariates::IGE, ige)));
    for text in &args.assume {
        let (name, value) = name_and_number(text).ok_or_else(|| {
            refuse("assume", text, "a covariate, an equals sign, and a number, such as AGE=41")
        })?;
        given.push(("assume", text.clone(), name, value));
    }
    let needed = model.covariates();
    let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
    for (i, (option, found, name, _)) in given.iter().enumerate() {
        if !needed.iter().any(|known| is(known, name)) {
            return Err(refuse(option, found, format!("left out: {} has no use for it", model.name())));
        }
        if given[..i].iter().any(|(_, _, earlier, _)| is(earlier, name)) {
            return Err(refuse(option, found, "given once"));
        }
    }
    Ok(needed.iter().fold(Covariates::default(), |covariates, needed| {
        let given = given.iter().find(|(_, _, name, _)| is(name, needed)).map(|(_, _, _, value)| *value);
        let usual = || match *needed {
            Covariates::WEIGHT => Some(WEIGHT),
            Covariates::IGE => Some(IGE),
            other => centre(model, other),
        };
        let value = given.or_else(|| subject.get(needed)).or_else(usual);
        value.map_or(covariates.clone(), |value| covariates.with(needed, value))
    }))
}

/// Covariate value at which the first effect of a covariate is one.
fn centre(model: &PopulationModel, covariate: &str) -> Option<f64> {
    let mut effects = model.parameters().iter().flat_map(|p| &p.effects);
    effects.find(|e| e.covariate == covariate).map(|e| match &e.form {
        EffectForm::Power { centre, .. }
        | EffectForm::Exponential { centre, .. }
        | EffectForm::Linear { centre, .. } => *centre,
        EffectForm::Categorical { reference, .. } => *reference,
    })
}

/// A point of the curves.
struct Point {
    time: f64,
    /// Whether the point is one of the additional points after a dose.
    soon: bool,
    /// The outputs of the model.
    outputs: Vec<f64>,
}

/// Concentrations on an even grid, immediately before and after every dose, and at the additional points after
/// it.
fn solve(
    model: &PopulationModel,
    subject: &Subject,
    covariates: &Covariates,
    end: f64,
) -> Result<Vec<Point>, CliError> {
    let solve = || -> Result<_, PredictionError> {
        let span = end - subject.start;
        let grid = (0..=POINTS).map(|i| subject.start + span * f64::from(i) / f64::from(POINTS));
        let before = |time: f64| subject.doses.partition_point(|d| d.time < time);
        let mut times: Vec<(OutputTime, bool)> =
            grid.map(|time| (OutputTime { time, doses_before: before(time) }, false)).collect();
        for (i, dose) in subject.doses.iter().enumerate().filter(|(_, dose)| dose.time <= end) {
            times
                .extend([i, i + 1].map(|doses_before| (OutputTime { time: dose.time, doses_before }, false)));
            let next = subject.doses.get(i + 1).map_or(end, |d| d.time).min(end);
            let soon = SOON.map(|part| dose.time + part * span / f64::from(POINTS));
            let soon = soon.into_iter().filter(|time| *time < next);
            times.extend(soon.map(|time| (OutputTime { time, doses_before: i + 1 }, true)));
        }
        times.sort_by(|(a, _), (b, _)| a.time.total_cmp(&b.time).then(a.doses_before.cmp(&b.doses_before)));
        let at = times.iter().map(|(at, _)| *at).collect();
        let course = Course::new(subject.start, subject.doses.clone(), at, Output::Interpolated)?;
        let typical = model.typical(covariates)?;
        let mut read = OutputRows::new();
        model.predict(&typical, covariates, &course, &mut read)?;
        let points = times.iter().zip(&read);
        let point = |((at, soon), outputs): (&(OutputTime, bool), &[f64])| Point {
            time: at.time,
            soon: *soon,
            outputs: outputs.to_vec(),
        };
        Ok(points.map(point).collect())
    };
    Ok(solve()?)
}

fn draw(
    model: &PopulationModel,
    args: &FigureArgs,
    subject: &Subject,
    covariates: &Covariates,
    points: &[Point],
) -> Result<String, CliError> {
    let analytes = model.structure().analytes();
    let data: Vec<_> = analytes
        .iter()
        .map(|a| {
            let own = subject.observations.iter().filter(|o| o.analyte == *a);
            let observed: Vec<(f64, f64)> = own.map(|o| (o.time, o.value)).collect();
            // The first rise of the drug from zero would stretch its axis over decades.
            let drawn = points.iter().filter(|p| !p.soon || a.substance() != Substance::Drug);
            let output = model.structure().output(*a);
            let read = |p: &Point| (p.time, output.map_or(f64::NAN, |output| p.outputs[output]));
            let (time, curve): (Vec<f64>, Vec<f64>) = drawn.map(read).unzip();
            (*a, time, curve, observed)
        })
        .collect();
    let nothing = vec![f64::NAN; points.len()];
    // A model without a target and without a label may be of any drug.
    let is_any = analytes.len() == 1 && model.label(analytes[0]) == analytes[0].title();
    let drug = is_any.then_some("Drug");
    let panels = data.iter().map(|(a, time, curve, observed)| Panel {
        title: drug.unwrap_or(model.label(*a)),
        unit: model.analyte_unit(*a),
        time,
        fitted: curve,
        lower: &nothing[..time.len()],
        upper: &nothing[..time.len()],
        population: None,
        observed,
        target: None,
        log: true,
    });
    let end = points.last().map_or(subject.start, |p| p.time);
    let dose_times: Vec<f64> = subject.doses.iter().map(|d| d.time).filter(|t| *t <= end).collect();
    Ok(individual::svg(&Individual {
        whose: Whose::Typical(model.name()),
        caption: &format!("{}\n{}", model.file().title, caption(model, args, subject, covariates)),
        note: None,
        panels: panels.collect(),
        dose_times: &dose_times,
        level: 0.0,
        simulated: false,
    })?)
}

/// Caption with the covariates and the doses of the subject.
fn caption(model: &PopulationModel, args: &FigureArgs, subject: &Subject, covariates: &Covariates) -> String {
    let mut words = Vec::new();
    words.extend(covariates.weight_kg().map(|kg| format!("{kg} kg")));
    words.extend(covariates.ige_ng_ml().map(|ige| format!("baseline IgE {ige} ng/mL")));
    let others = covariates.iter().filter(|(name, _)| ![Covariates::WEIGHT, Covariates::IGE].contains(name));
    words.extend(others.map(|(name, value)| format!("{name} {value}")));
    let mg = |dose: &Dose| format!("{} mg", dose.amount_mg);
    match subject.doses.as_slice() {
        [] => words.push("untreated".into()),
        [one] => words.push(format!("{} once", mg(one))),
        [first, ..] if args.data.is_none() => {
            words.push(format!("{} every {} days, {} doses", mg(first), args.every, args.doses));
        }
        all => words.push(format!("{} doses", all.len())),
    }
    if let Some(id) = &args.id {
        words.push(format!("doses and observations of subject {id}"));
    }
    let has_target = model.structure().free_target().is_some();
    if has_target && model.file().start == StartRule::SteadyState {
        words.push("IgE starts from the model’s own steady state".into());
    }
    words.join(" · ")
}
