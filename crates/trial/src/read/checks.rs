//! Kinds of probable mistakes in rows and subjects, with the name, severity and wording of each.

/// Kind of probable mistake, in the order in which the kinds are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    DoseTwice,
    ObservationTwice,
    DoseRowWithValue,
    AdditionalDosesOverNext,
    DosesClose,
    DoseUnlikeOthers,
    BelowWithinProfile,
    QuantifiedBelowLimit,
    ZeroObservation,
    ConstantObservations,
    DrugBeforeDose,
    DrugRisesWithoutDose,
    DrugLongAfterDose,
    NoConcentrations,
    SingleObservation,
    LateObservation,
    FirstDoseNotZero,
    LongGap,
    FarFromNominalTime,
    NominalTimeBack,
    ValueInOtherUnit,
    SubjectInOtherUnit,
    MissingCode,
    UnlikelyWeight,
    ImpossibleCovariate,
    OutlyingCovariate,
    HeightUnitsMixed,
    BmiDisagrees,
    SubjectValueChanges,
    CompartmentDisagrees,
    IdsAlike,
    IdInTwoStudies,
    SubjectsAlike,
    EveryDoseSteady,
}

/// Wording of a kind of mistake.
struct Wording {
    name: &'static str,
    /// Text after the number 1.
    one: &'static str,
    /// Text after any other number.
    many: &'static str,
}

impl Check {
    /// The name of the check in the guide.
    pub(super) const fn name(self) -> &'static str {
        self.wording().name
    }

    /// Whether the finding is a note: what it reports is intended as often as not.
    pub(super) const fn is_note(self) -> bool {
        matches!(
            self,
            Self::NoConcentrations
                | Self::SingleObservation
                | Self::LateObservation
                | Self::FirstDoseNotZero
                | Self::IdInTwoStudies
        )
    }

    /// Start of the message on `n` cases, before the list of their places.
    pub(super) fn says(self, n: usize) -> String {
        let Wording { one, many, .. } = self.wording();
        if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
    }

    const fn wording(self) -> Wording {
        match self {
            Self::DoseTwice => Wording {
                name: "dose_twice",
                one: "dose stands twice, at one time and of one amount, and is given twice",
                many: "doses stand twice, at one time and of one amount, and are given twice",
            },
            Self::ObservationTwice => Wording {
                name: "observation_twice",
                one: "observation is of a time at which its analyte was observed already",
                many: "observations are of times at which their analyte was observed already",
            },
            Self::DoseRowWithValue => Wording {
                name: "dose_row_with_value",
                one: "row of a dose has a DV, which is not read: an observation needs a row of its own (EVID 0)",
                many: "rows of doses have a DV, which is not read: an observation needs a row of its own (EVID 0)",
            },
            Self::AdditionalDosesOverNext => Wording {
                name: "additional_doses_over_next",
                one: "dose is given while additional ones (ADDL) of a dose before are still to be given, and so are they",
                many: "doses are given while additional ones (ADDL) of a dose before are still to be given, and so are they",
            },
            Self::DosesClose => Wording {
                name: "doses_close",
                one: "dose follows the one before it after less than a quarter of the subject's usual interval between doses",
                many: "doses follow the one before them after less than a quarter of the subject's usual interval between doses",
            },
            Self::DoseUnlikeOthers => Wording {
                name: "dose_unlike_others",
                one: "dose is at least 10 times, or at most a tenth of, the subject's usual dose",
                many: "doses are at least 10 times, or at most a tenth of, the subject's usual dose",
            },
            Self::BelowWithinProfile => Wording {
                name: "below_within_profile",
                one: "concentration is below the limit between two quantified ones of the same dose",
                many: "concentrations are below the limit between two quantified ones of the same dose",
            },
            Self::QuantifiedBelowLimit => Wording {
                name: "quantified_below_limit",
                one: "value is quantified (CENS 0) and below every limit that the values of its analyte below a limit have: \
                      --lloq ANALYTE=LIMIT reads it as below the limit",
                many: "values are quantified (CENS 0) and below every limit that the values of their analyte below a limit have: \
                       --lloq ANALYTE=LIMIT reads them as below the limit",
            },
            Self::ZeroObservation => Wording {
                name: "zero_observation",
                one: "observation after the first dose is 0 and not marked as below a limit: --lloq ANALYTE=LIMIT reads it as below \
                      the limit",
                many: "observations after the first dose are 0 and not marked as below a limit: --lloq ANALYTE=LIMIT reads them as \
                       below the limit",
            },
            Self::ConstantObservations => Wording {
                name: "constant_observations",
                one: "subject has one and the same value of an analyte at five or more times",
                many: "subjects have one and the same value of an analyte at five or more times",
            },
            Self::DrugBeforeDose => Wording {
                name: "drug_before_dose",
                one: "subject has omalizumab before the first dose above 20 % of its maximum",
                many: "subjects have omalizumab before the first dose above 20 % of their maximum",
            },
            Self::DrugRisesWithoutDose => Wording {
                name: "drug_rises_without_dose",
                one: "subject has omalizumab that rises to more than three times its value more than 60 days after the last dose: a dose \
                      is probably missing",
                many: "subjects have omalizumab that rises to more than three times its value more than 60 days after the last dose: \
                       a dose is probably missing",
            },
            Self::DrugLongAfterDose => Wording {
                name: "drug_long_after_dose",
                one: "subject has omalizumab above 20 % of its maximum more than 300 days after the last dose: doses are probably \
                      missing, or the unit of time is another",
                many: "subjects have omalizumab above 20 % of their maximum more than 300 days after the last dose: doses are \
                       probably missing, or the unit of time is another",
            },
            Self::NoConcentrations => Wording {
                name: "no_concentrations",
                one: "subject was treated and has no observation of omalizumab",
                many: "subjects were treated and have no observation of omalizumab",
            },
            Self::SingleObservation => Wording {
                name: "single_observation",
                one: "subject has one observation only, where most have more",
                many: "subjects have one observation only, where most have more",
            },
            Self::LateObservation => Wording {
                name: "late_observation",
                one: "subject is observed more than 365 days after the last dose",
                many: "subjects are observed more than 365 days after the last dose",
            },
            Self::FirstDoseNotZero => Wording {
                name: "first_dose_not_zero",
                one: "subject has its first dose at another time than 0, the time of the first dose of most",
                many: "subjects have their first dose at another time than 0, the time of the first dose of most",
            },
            Self::LongGap => Wording {
                name: "long_gap",
                one: "record comes more than 1000 days after the one before it",
                many: "records come more than 1000 days after the one before them",
            },
            Self::FarFromNominalTime => Wording {
                name: "far_from_nominal_time",
                one: "record is more than a day and more than 20 % of its nominal time from that time, both from the first dose",
                many: "records are more than a day and more than 20 % of their nominal time from that time, both from the first \
                       dose",
            },
            Self::NominalTimeBack => Wording {
                name: "nominal_time_back",
                one: "record comes after one of a later nominal time",
                many: "records come after one of a later nominal time",
            },
            Self::ValueInOtherUnit => Wording {
                name: "value_in_other_unit",
                one: "value is about 1000 times, or a thousandth of, the values of its subject before and after it, as in another unit",
                many: "values are about 1000 times, or a thousandth of, the values of their subject before and after them, as in \
                       another unit",
            },
            Self::SubjectInOtherUnit => Wording {
                name: "subject_in_other_unit",
                one: "subject has values that stand to its dose or its IGE otherwise than everybody else's, by the factor of a unit",
                many: "subjects have values that stand to their dose or their IGE otherwise than everybody else's, by the factor of a \
                       unit",
            },
            Self::MissingCode => Wording {
                name: "missing_code",
                one: "covariate has a value that often stands for a missing one (-1, -9, -99, -999, -9999, 999 or 9999): --missing -99 \
                      reads it as missing",
                many: "covariates have a value that often stands for a missing one (-1, -9, -99, -999, -9999, 999 or 9999): --missing \
                       -99 reads it as missing",
            },
            Self::UnlikelyWeight => Wording {
                name: "unlikely_weight",
                one: "subject has a body weight below 2 or above 200 kg",
                many: "subjects have a body weight below 2 or above 200 kg",
            },
            Self::ImpossibleCovariate => Wording {
                name: "impossible_covariate",
                one: "subject has a value that nobody has",
                many: "subjects have a value that nobody has",
            },
            Self::OutlyingCovariate => Wording {
                name: "outlying_covariate",
                one: "subject has a value more than six robust standard deviations from the median",
                many: "subjects have a value more than six robust standard deviations from the median",
            },
            Self::HeightUnitsMixed => Wording {
                name: "height_units_mixed",
                one: "subject has a height in another of m and cm than most",
                many: "subjects have a height in another of m and cm than most",
            },
            Self::BmiDisagrees => Wording {
                name: "bmi_disagrees",
                one: "subject has a BMI more than 10 % from its body weight over the square of its height",
                many: "subjects have a BMI more than 10 % from their body weight over the square of their height",
            },
            Self::SubjectValueChanges => Wording {
                name: "subject_value_changes",
                one: "subject has two values where a subject has one",
                many: "subjects have two values where a subject has one",
            },
            Self::CompartmentDisagrees => Wording {
                name: "compartment_disagrees",
                one: "observation has another CMT than most of its DVID",
                many: "observations have another CMT than most of their DVID",
            },
            Self::IdsAlike => Wording {
                name: "ids_alike",
                one: "subject has an ID that differs from another's in capitals, spaces or leading zeros only",
                many: "subjects have an ID that differs from another's in capitals, spaces or leading zeros only",
            },
            Self::IdInTwoStudies => Wording {
                name: "id_in_two_studies",
                one: "ID stands in two studies and is read as one subject",
                many: "IDs stand in two studies and are read as one subject each",
            },
            Self::SubjectsAlike => Wording {
                name: "subjects_alike",
                one: "subject has the same observations as another, times and values",
                many: "subjects have the same observations as another, times and values",
            },
            Self::EveryDoseSteady => Wording {
                name: "every_dose_steady",
                one: "subject has SS 1 on each of several doses, each of which replaces all before it by its own steady state: --unused \
                      SS,II reads none of them",
                many: "subjects have SS 1 on each of several doses, each of which replaces all before it by its own steady state: \
                       --unused SS,II reads none of them",
            },
        }
    }
}
