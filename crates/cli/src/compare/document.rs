//! A comparison as tables and lists, for the terminal, as Markdown and as an HTML page.

use super::found::{Found, Test};
use super::read::Run;
use super::words::{checksum, decimals, likelihood_method, probability, shortened};
use crate::print::format::{NONE, significant};
use omafit_report::comparison::{Section as HtmlSection, html};
use omafit_trial::{ComparedRun, Listing, Presented, harmless};

/// Width of a line on the terminal, characters.
const WIDTH: usize = 100;

/// A section of a document.
enum Section {
    Table(Presented),
    List(Listing),
}

/// A comparison in presentable form.
pub struct Document {
    title: String,
    sections: Vec<Section>,
}

impl Document {
    /// The document of the findings of a comparison.
    pub fn new(runs: &[Run], found: &Found) -> Self {
        let rows = found.rows(runs);
        let mut sections = vec![Section::Table(overview(&rows)), changes(found)];
        if found.by_likelihood && rows.iter().any(|row| row.likelihood.is_some()) {
            sections.push(Section::Table(likelihoods(&rows)));
            sections.extend(tests(runs, &found.tests));
        }
        sections.extend(parameters(&rows).map(Section::Table));
        sections.extend(shrinkage(&rows).map(Section::Table));
        sections.extend(estimation(runs));
        if !found.remarks.is_empty() {
            let groups = vec![(String::new(), found.remarks.clone())];
            sections.push(Section::List(Listing { title: "To be noted".into(), groups }));
        }
        Self { title: format!("Comparison of {} runs", runs.len()), sections }
    }

    /// The document as plain text for the terminal.
    pub fn plain(&self) -> String {
        let of = |section: &Section| match section {
            Section::Table(table) => table.plain(WIDTH),
            Section::List(list) => list.plain(),
        };
        self.sections.iter().map(of).collect::<Vec<_>>().join("\n")
    }

    /// The document as Markdown.
    pub fn markdown(&self) -> String {
        let of = |section: &Section| match section {
            Section::Table(table) => table.markdown(),
            Section::List(list) => list.markdown(),
        };
        let sections = self.sections.iter().map(of).collect::<Vec<_>>().join("\n");
        format!("# {}\n\n{sections}", self.title)
    }

    /// The document as one HTML file.
    pub fn html(&self) -> String {
        let of = |section: &Section| match section {
            Section::Table(table) => {
                let is_right = table.columns().iter().map(|(_, _, right)| *right);
                HtmlSection::Table {
                    title: table.title().into(),
                    columns: table.heads().into_iter().zip(is_right).collect(),
                    rows: table.rows().to_vec(),
                    note: table.note().into(),
                }
            }
            Section::List(list) => {
                HtmlSection::List { title: list.title.clone(), groups: list.groups.clone() }
            }
        };
        let sections: Vec<HtmlSection> = self.sections.iter().map(of).collect();
        html(&self.title, concat!("omafit ", env!("CARGO_PKG_VERSION")), &sections)
    }
}

fn text(name: &str) -> (String, String, bool) {
    (name.into(), String::new(), false)
}

fn number(name: &str, unit: &str) -> (String, String, bool) {
    (name.into(), unit.into(), true)
}

fn or_none(text: &str) -> String {
    if text.is_empty() { NONE.into() } else { text.into() }
}

fn count(value: Option<u64>) -> String {
    value.map_or(NONE.into(), |count| count.to_string())
}

fn overview(rows: &[ComparedRun]) -> Presented {
    let columns = vec![
        text("run"),
        text("model"),
        text("based on"),
        text("method"),
        text("data"),
        number("subjects", ""),
        number("observations", ""),
        number("time", "s"),
        text("title"),
    ];
    let row = |r: &ComparedRun| {
        vec![
            r.run.clone(),
            shortened(&r.model),
            or_none(&r.based_on),
            r.method.clone(),
            checksum(&r.data_sha256),
            count(r.subjects),
            count(r.observations),
            decimals(r.seconds, 1),
            shortened(&r.title),
        ]
    };
    let note = "data: the first digits of their SHA-256; observations: those of the likelihood";
    Presented::new("Runs", columns, rows.iter().map(row).collect(), note)
}

fn changes(found: &Found) -> Section {
    let groups = found.changes.iter().map(|change| (change.head.clone(), change.sentences.clone()));
    Section::List(Listing { title: "What changed".into(), groups: groups.collect() })
}

fn likelihoods(rows: &[ComparedRun]) -> Presented {
    let columns = vec![
        text("run"),
        text("converged"),
        number("OFV", ""),
        number("ΔOFV", ""),
        number("−2LL", ""),
        number("estimated", ""),
        number("AIC", ""),
        number("ΔAIC", ""),
        number("weight", ""),
        number("BIC", ""),
        number("BICc", ""),
        number("condition", ""),
        number("±", ""),
    ];
    let row = |r: &ComparedRun| {
        let l = r.likelihood.as_ref();
        let of = |read: fn(&omafit_trial::ComparedLikelihood) -> f64| decimals(l.map(read), 3);
        let converged = match r.converged {
            Some(true) => "yes",
            Some(false) => "NO",
            None => NONE,
        };
        vec![
            r.run.clone(),
            converged.into(),
            of(|l| l.ofv),
            decimals(r.standing.delta_ofv, 3),
            of(|l| l.minus2ll),
            l.map_or(NONE.into(), |l| l.estimated.to_string()),
            of(|l| l.aic),
            decimals(r.standing.delta_aic, 3),
            decimals(r.standing.weight, 3),
            of(|l| l.bic),
            of(|l| l.bicc),
            decimals(r.condition_number, 1),
            decimals(l.map(|l| l.monte_carlo_se).filter(|se| *se > 0.0), 3),
        ]
    };
    let method = rows.iter().find_map(|r| r.likelihood.as_ref()).map_or("", |l| l.method.as_str());
    let note = format!(
        "Likelihood: {method}. ΔOFV: from the first run that has one; ΔAIC: from the lowest AIC of those that converged; weight: \
         Akaike's, among those; ±: Monte-Carlo standard error of OFV and −2LL."
    );
    Presented::new("Likelihood", columns, rows.iter().map(row).collect(), note)
}

/// Sections with the likelihood-ratio tests, and with the reasons why other pairs of runs have none.
fn tests(runs: &[Run], tests: &[Test]) -> Vec<Section> {
    let columns = vec![
        text("smaller"),
        text("larger"),
        number("Δ−2LL", ""),
        text("distribution"),
        number("p", ""),
        text("in the smaller model"),
    ];
    let row = |test: &Test| {
        let found = test.result.as_ref().ok()?;
        let p = match found.p_interval {
            Some([low, high]) => {
                format!("{} ({} to {})", probability(found.p_value), probability(low), probability(high))
            }
            None => probability(found.p_value),
        };
        Some(vec![
            runs[test.smaller].label.clone(),
            runs[test.larger].label.clone(),
            decimals(Some(found.statistic), 3),
            found.reference.to_string(),
            p,
            found.restrictions.words.join("; "),
        ])
    };
    let rows: Vec<Vec<String>> = tests.iter().filter_map(row).collect();
    let mut sections = Vec::new();
    if !rows.is_empty() {
        let has = |what: &str| rows.iter().any(|row| row[3].contains(what));
        let mut note = String::new();
        if has("½") {
            note += "Where a variance is at zero half of the statistic's distribution has a degree of freedom less (Self and \
                     Liang 1987; Stram and Lee 1994). ";
        }
        if has("at most") {
            note += "At most: several variances are at zero; the p value is an upper bound, and the test conservative. ";
        }
        if tests.iter().any(|test| test.result.as_ref().is_ok_and(|found| found.p_interval.is_some())) {
            note += "In brackets: p at the ends of the 95 % Monte-Carlo interval of the statistic.";
        }
        let table = Presented::new("Likelihood-ratio tests", columns, rows, note.trim_end());
        sections.push(Section::Table(table));
    }
    let why = |test: &Test| {
        let why = test.result.as_ref().err()?;
        let pair = format!("{} (smaller) and {} (larger)", runs[test.smaller].label, runs[test.larger].label);
        Some((pair, vec![why.to_string()]))
    };
    let groups: Vec<(String, Vec<String>)> = tests.iter().filter_map(why).collect();
    if !groups.is_empty() {
        let title = "Without a likelihood-ratio test".into();
        sections.push(Section::List(Listing { title, groups }));
    }
    sections
}

fn parameters(rows: &[ComparedRun]) -> Option<Presented> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for parameter in rows.iter().flat_map(|r| &r.parameters) {
        let key = (parameter.name.as_str(), parameter.unit.as_str());
        if !names.contains(&key) {
            names.push(key);
        }
    }
    let mut columns = vec![text("parameter"), text("unit")];
    let with: Vec<&ComparedRun> = rows.iter().filter(|r| !r.parameters.is_empty()).collect();
    columns.extend(with.iter().map(|r| number(&r.run, "")));
    let cell = |r: &ComparedRun, name: &str, unit: &str| {
        let Some(found) = r.parameters.iter().find(|p| p.name == name && p.unit == unit) else {
            return NONE.to_owned();
        };
        if !found.estimate.is_finite() {
            return "no number".into();
        }
        let value = significant(found.estimate, 5);
        match (found.fixed, Some(found.rse_pct).filter(|rse| rse.is_finite())) {
            (true, _) => format!("{value} fixed"),
            (false, Some(rse)) => format!("{value} ({})", decimals(Some(rse), 1)),
            (false, None) => format!("{value} ({NONE})"),
        }
    };
    let row = |(name, unit): &(&str, &str)| {
        let shown = if *unit == "1" { "" } else { unit };
        let mut cells = vec![harmless(name), harmless(shown)];
        cells.extend(with.iter().map(|r| cell(r, name, unit)));
        cells
    };
    let note = "In brackets: relative standard error, per cent; – where there is none.";
    (!names.is_empty()).then(|| Presented::new("Parameters", columns, names.iter().map(row).collect(), note))
}

fn shrinkage(rows: &[ComparedRun]) -> Option<Presented> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|r| &r.shrinkage) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let with: Vec<&ComparedRun> = rows.iter().filter(|r| !r.shrinkage.is_empty()).collect();
    let mut columns = vec![text("parameter")];
    columns.extend(with.iter().map(|r| number(&r.run, "")));
    let row = |name: &&str| {
        let of = |r: &&ComparedRun| {
            decimals(r.shrinkage.iter().find(|(n, _)| n == name).map(|(_, value)| *value), 1)
        };
        std::iter::once(harmless(name)).chain(with.iter().map(of)).collect()
    };
    (!names.is_empty()).then(|| {
        Presented::new("Shrinkage of η, %", columns, names.iter().map(row).collect(), "100·(1 − SD(η̂)/ω)")
    })
}

/// Section on the end of each population estimation.
fn estimation(runs: &[Run]) -> Option<Section> {
    let of = |run: &Run| {
        let population = run.record.population.as_ref()?;
        let ended = if population.converged { "" } else { "NOT CONVERGED, " };
        let likelihood = run.record.likelihood.as_ref().map(|l| likelihood_method(l.method));
        let mut sentences = vec![format!(
            "{ended}{}: {}",
            omafit_trial::count(population.iterations, "iteration"),
            harmless(&population.stop_reason)
        )];
        sentences.extend(likelihood.map(|method| format!("likelihood: {method}")));
        Some((format!("{}, {}", run.label, harmless(&run.record.method)), sentences))
    };
    let groups: Vec<(String, Vec<String>)> = runs.iter().filter_map(of).collect();
    let title = "How the estimation ended".into();
    (!groups.is_empty()).then_some(Section::List(Listing { title, groups }))
}
